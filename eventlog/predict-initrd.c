/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files beside a UKI (PCR 12, 13) and the initrd that systemd-stub joins from them and from the UKI (PCR 9). */

#include "eventlog/predict-internal.h"

#include "base/error.h"
#include "eventlog/initrd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { EXTRAS_MAX = 256 * 1024 * 1024 };

static bool is_utf16_of(Bytes data, const char *ascii)
{
        const size_t n = strlen(ascii);

        if (data.size != 2 * n && data.size != 2 * (n + 1)) return false;
        for (size_t i = 0; i < data.size / 2; i++)
                if (data.data[2 * i] != (uint8_t)ascii[i] || data.data[2 * i + 1] != 0) return false;
        return true;
}

static uint32_t pcr_of(PredictedExtra kind)
{
        return kind == PREDICT_EXTENSIONS ? PCR_EXTENSIONS : PCR_OPTIONS;
}

/* What else the stub measures of files that it finds, in its order, behind those of the kinds above: nothing that
 * a prediction changes, but it goes into the initrd. */
static const struct {
        uint32_t pcr;
        const char *description;
} others[] = {
        { PCR_OPTIONS, "Configuration extension initrd" },        /* 255 and later */
        { PCR_OPTIONS, "Global configuration extension initrd" }, /* 258 and later, as the next */
        { PCR_EXTENSIONS, "Global system extension initrd" },
};

static const char *other_archive(const Slot *slot)
{
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                if (slot_is(slot, others[i].pcr, EV_IPL) && is_utf16_of(slot->today->data, others[i].description))
                        return others[i].description;
        if (slot_is_tagged(slot, PCR_OPTIONS, TAG_ADDON_MICROCODE)) return "a microcode add-on";
        if (slot_is_tagged(slot, PCR_OPTIONS, TAG_ADDON_INITRD)) return "an initrd add-on";
        return NULL;
}

/* Today's event of the files of this kind, or where a new one belongs: the stub measures them in the order of the
 * kinds, after the command line. True if there is one. */
static bool find_extra(const Prediction *p, PredictedExtra kind, size_t *ret)
{
        size_t place = p->n;

        for (size_t i = 0; i < p->n; i++) {
                const Slot *slot = &p->slots[i];

                if (slot->pcr != pcr_of(kind)) continue;
                if (slot->today && slot->today->type == EV_IPL &&
                    is_utf16_of(slot->today->data, initrd_extra_description(kind))) {
                        *ret = i;
                        return true;
                }
                if (place == p->n && other_archive(slot)) place = i;
                for (PredictedExtra later = kind + 1; later < PREDICT_EXTRAS; later++)
                        if (place == p->n && slot->today && pcr_of(later) == pcr_of(kind) &&
                            is_utf16_of(slot->today->data, initrd_extra_description(later)))
                                place = i;
        }
        *ret = place;
        return false;
}

/* Configuration extensions end in .raw as well; systemd-stub since 255 measures them in PCR 12, as an archive of
 * their own. */
static bool is_configuration(const ExtraFile *file)
{
        static const char end[] = ".confext.raw";
        const size_t n = strlen(file->name);

        return n >= sizeof(end) - 1 && strcasecmp(file->name + n - (sizeof(end) - 1), end) == 0;
}

static int extras_unknown(Prediction *p, const char *name)
{
        static const uint32_t pcrs[] = { PCR_OPTIONS, PCR_EXTENSIONS, PCR_KERNEL };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(pcrs) && r == 0; i++)
                r = pcr_unknown(p, pcrs[i], "where configuration extensions (%.64s) go depends on systemd-stub",
                                name);
        return r;
}

int prediction_extras(Prediction *p, PredictedExtra kind, const ExtraFile *files, size_t n_files)
{
        cleanup_writer Writer archive = WRITER_INIT(EXTRAS_MAX);
        Bytes content = { 0 };
        size_t i;
        bool today;
        int r;

        r = initrd_pack_extras(&archive, kind, files, n_files);
        if (r == 0) r = writer_finish(&archive, &content);
        if (r < 0) return r;
        p->extras[kind].given = true;
        p->extras[kind].files = files;
        p->extras[kind].n = n_files;
        today = find_extra(p, kind, &i);
        for (size_t k = 0; k < n_files && kind == PREDICT_EXTENSIONS; k++)
                if (is_configuration(&files[k])) return extras_unknown(p, files[k].name);
        if (n_files == 0) return today ? slot_gone(p, i, initrd_extra_description(kind)) : 0;
        if (!today) r = slot_insert(p, i, pcr_of(kind));
        return r < 0 ? r : slot_put_parts(p, i, &content, 1, initrd_extra_description(kind));
}

/* ---- the initrd ------------------------------------------------------------------------------------------- */

static bool initrd_section(const PeImage *uki, Bytes *ret)
{
        const PeSection *s = pe_section(uki, ".initrd");

        if (!s) {
                *ret = (Bytes){ 0 };
                return true;
        }
        *ret = pe_section_content(s);
        return s->raw.size >= s->virtual_size;
}

/* The archives behind .initrd, in the stub's order; empty if there are none. EVENTLOG_E_CONTRADICTED where memory
 * has more of a section than the file. */
static int join_archives(const Prediction *p, const PeImage *uki, bool with_extras, Writer *out)
{
        static const struct {
                const char *section, *file;
                unsigned since;
        } own[] = { { ".pcrsig", "tpm2-pcr-signature.json", 252 },
                    { ".pcrpkey", "tpm2-pcr-public-key.pem", 252 },
                    { ".osrel", "os-release", 257 },
                    { ".profile", "profile", 257 } };
        const unsigned version = stub_version(uki);

        for (PredictedExtra kind = 0; kind < PREDICT_EXTRAS && with_extras; kind++) {
                int r = initrd_pack_extras(out, kind, p->extras[kind].files, p->extras[kind].n);

                if (r < 0) return r;
        }
        for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
                const PeSection *s = pe_section(uki, own[i].section);

                if (!s || s->virtual_size == 0 || version < own[i].since) continue;
                if (s->raw.size < s->virtual_size) return EVENTLOG_E_CONTRADICTED;
                initrd_pack_section(out, own[i].file, pe_section_content(s));
        }
        return out->error;
}

/* Parts of the initrd as the kernel gets it: .initrd, filled up to four bytes only where something follows. */
static size_t initrd_parts(Bytes section, Bytes archives, Bytes parts[static 3])
{
        static const uint8_t zeros[4];
        size_t n = 0;

        parts[n++] = section;
        if (archives.size == 0) return n;
        parts[n++] = BYTES(zeros, (4 - section.size % 4) % 4);
        parts[n++] = archives;
        return n;
}

static bool initrd_slot(const Prediction *p, size_t *ret)
{
        for (size_t i = 0; i < p->n; i++) {
                if (!slot_is_tagged(&p->slots[i], PCR_KERNEL, TAG_INITRD)) continue;
                *ret = i;
                return true;
        }
        return false;
}

/* The kind of files that today's boot found and that are not given; PREDICT_EXTRAS if there is none. */
static PredictedExtra missing_extra(const Prediction *p)
{
        size_t place;

        for (PredictedExtra kind = 0; kind < PREDICT_EXTRAS; kind++)
                if (!p->extras[kind].given && find_extra(p, kind, &place)) return kind;
        return PREDICT_EXTRAS;
}

/* What else went into today's initrd; NULL for nothing. */
static const char *other_today(Prediction *p)
{
        for (size_t i = 0; i < p->n; i++) {
                const Slot *slot = &p->slots[i];
                cleanup_writer Writer unused = WRITER_INIT(1 << 16);
                const char *name = other_archive(slot);
                bool known = false;

                if (name) return name;
                if (!slot_is(slot, PCR_OPTIONS, EV_IPL) && !slot_is(slot, PCR_EXTENSIONS, EV_IPL)) continue;
                for (PredictedExtra kind = 0; kind < PREDICT_EXTRAS; kind++)
                        known = known || is_utf16_of(slot->today->data, initrd_extra_description(kind));
                if (!known && !slot_options(p, slot, &unused)) return "something that is not known here";
        }
        return NULL;
}

static bool extras_today(const Prediction *p)
{
        bool any = false;
        size_t place;

        for (PredictedExtra kind = 0; kind < PREDICT_EXTRAS; kind++) any = any || find_extra(p, kind, &place);
        return any;
}

/* Today's UKI must give today's initrd, where nothing beside it went in. */
static int check_today(Prediction *p, size_t slot, const PeImage *was)
{
        cleanup_writer Writer archives = WRITER_INIT(EXTRAS_MAX);
        Bytes section = { 0 }, parts[3];
        size_t n;
        int r;

        if (extras_today(p)) return 0;
        r = join_archives(p, was, false, &archives);
        if (r != 0) return r;
        if (!initrd_section(was, &section)) return EVENTLOG_E_CONTRADICTED;
        n = initrd_parts(section, BYTES(archives.data, archives.size), parts);
        return slot_was_parts(p, &p->slots[slot], parts, n) ? 0 : EVENTLOG_E_CONTRADICTED;
}

static int put_initrd(Prediction *p, size_t slot, const PeImage *now)
{
        cleanup_writer Writer archives = WRITER_INIT(EXTRAS_MAX);
        Bytes section = { 0 }, parts[3];
        size_t n;
        int r;

        if (!initrd_section(now, &section) || pe_section(now, ".ucode"))
                return slot_unknown(p, slot, "the new UKI's initrd is not a section alone");
        r = join_archives(p, now, true, &archives);
        if (r == EVENTLOG_E_CONTRADICTED)
                return slot_unknown(p, slot, "a section of the new UKI is larger than what the file has of it");
        if (r < 0) return r;
        n = initrd_parts(section, BYTES(archives.data, archives.size), parts);
        return slot_put_parts(p, slot, parts, n, "initrd, of the UKI and of files beside it");
}

int settle_initrd(Prediction *p)
{
        const NewImage *uki = NULL;
        const char *other;
        bool given = false;
        PredictedExtra missing;
        size_t slot;
        int r;

        for (size_t i = 0; i < p->n_images; i++)
                if (p->images[i].kind == PREDICT_UKI) uki = &p->images[i];
        for (PredictedExtra kind = 0; kind < PREDICT_EXTRAS; kind++) given = given || p->extras[kind].given;
        if ((!uki && !given) || !initrd_slot(p, &slot)) return 0;
        if (!uki) return slot_unknown(p, slot, "the initrd is joined from the UKI, which is not given");
        other = other_today(p);
        if (other)
                return slot_unknown(p, slot, "today's boot had '%s', and which files that was is not given",
                                    other);
        missing = missing_extra(p);
        if (missing != PREDICT_EXTRAS)
                return slot_unknown(p, slot, "today's boot had '%s', and which files that was is not given",
                                    initrd_extra_description(missing));
        r = uki->has_was ? check_today(p, slot, &uki->was) : 0;
        if (r == EVENTLOG_E_CONTRADICTED)
                return slot_unknown(p, slot, "today's initrd is not that of today's UKI");
        return r < 0 ? r : put_initrd(p, slot, &uki->now);
}
