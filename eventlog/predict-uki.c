/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What systemd-stub measures of a UKI (systemd 252 and later, src/boot/stub.c and man systemd-stub):
 * - PCR 11: for each section that is there, in a fixed order, its name with a NUL and its content as memory holds
 *   it. The order and the set grew with versions; .sdmagic says which version the stub is.
 * - PCR 4: the kernel, loaded from memory - but not where Secure Boot is on, since the stub then lets firmware's
 *   check, which also measures, be passed over. Today's log shows which.
 * - PCR 12: the command line where a loader passed one that is used, credentials; PCR 13: system extensions.
 * - the kernel's EFI stub, PCR 9: its load options, and the initrd, which systemd-stub joins from .initrd and
 *   archives it makes itself. */

#include "eventlog/predict-internal.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
        STUB_OLDEST = 252,     /* measures PCR 11 in this form */
        STUB_OWN_LOADER = 258, /* starts the kernel without firmware's LoadImage */
        COMMAND_LINE_MAX = 16384,
};

/* In the order of measurement, with the first version that measures it. */
static const struct {
        const char *name;
        unsigned since;
} sections[] = {
        { ".linux", 252 },   { ".osrel", 252 },   { ".cmdline", 252 }, { ".initrd", 252 }, { ".ucode", 256 },
        { ".splash", 252 },  { ".dtb", 252 },     { ".uname", 253 },   { ".sbat", 254 },   { ".pcrpkey", 252 },
        { ".profile", 257 }, { ".dtbauto", 257 }, { ".hwids", 257 },   { ".efifw", 258 },
};

/* "#### LoaderInfo: systemd-stub 252.39-1~deb12u1 ####"; 0 if it does not say. */
static unsigned stub_version(const PeImage *uki)
{
        static const char mark[] = "LoaderInfo: systemd-stub ";
        const PeSection *magic = pe_section(uki, ".sdmagic");
        const Bytes text = magic ? pe_section_content(magic) : (Bytes){ 0 };
        const uint8_t *found = text.size ? memmem(text.data, text.size, mark, sizeof(mark) - 1) : NULL;
        unsigned version = 0;

        if (!found) return 0;
        found += sizeof(mark) - 1;
        for (; found < text.data + text.size && *found >= '0' && *found <= '9' && version < 100000; found++)
                version = version * 10 + (unsigned)(*found - '0');
        return version;
}

/* ---- PCR 11 ----------------------------------------------------------------------------------------------- */

/* The sections that the stub measures, in order; their number, or 0 where the version is not known. */
static size_t measured_sections(const PeImage *uki, const PeSection *ret[static ARRAY_SIZE(sections)])
{
        const unsigned version = stub_version(uki);
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(sections) && version >= STUB_OLDEST; i++) {
                const PeSection *s = pe_section(uki, sections[i].name);

                if (s && s->virtual_size > 0 && version >= sections[i].since) ret[n++] = s;
        }
        return n;
}

static bool is_section_slot(const Slot *slot)
{
        return slot_is(slot, PCR_UKI, EV_IPL) && slot->today->data.size > 2 && slot->today->data.data[0] == '.';
}

/* The name with its NUL, or the content: the two events of a section. */
static Measured measured_half(const PeSection *s, bool name, Parts *parts, Bytes *storage)
{
        if (!name) return (Measured){ measured_section, s };
        *storage = BYTES(s->name, strlen(s->name) + 1);
        *parts = (Parts){ .parts = storage, .n = 1 };
        return (Measured){ measured_parts, parts };
}

/* Whether today's events are those of this UKI. */
static bool sections_were(Prediction *p, const PeImage *uki)
{
        const PeSection *measured[ARRAY_SIZE(sections)];
        const size_t n = measured_sections(uki, measured);
        size_t at = 0;

        for (size_t i = 0; i < p->n; i++) {
                Parts parts;
                Bytes storage;

                if (!is_section_slot(&p->slots[i])) continue;
                if (at == 2 * n) return false;
                if (!slot_was(p, &p->slots[i], measured_half(measured[at / 2], at % 2 == 0, &parts, &storage)))
                        return false;
                at++;
        }
        return n > 0 && at == 2 * n;
}

static int put_section(Prediction *p, size_t slot, const PeSection *s, bool name)
{
        char text[PREDICTION_TEXT_SIZE];
        Parts parts;
        Bytes storage;

        (void)snprintf(text, sizeof(text), "section %s%s", s->name, name ? ": its name" : "");
        return slot_put(p, slot, p->slots[slot].today ? PREDICTED_CHANGED : PREDICTED_ADDED,
                        measured_half(s, name, &parts, &storage), text);
}

/* Puts the new events in the places of today's, then behind the last of them; drops what is left of today's. */
static int put_sections(Prediction *p, const PeSection *const *measured, size_t n)
{
        size_t at = 0, behind = 0;
        int r = 0;

        for (size_t i = 0; i < p->n && r == 0; i++) {
                if (!is_section_slot(&p->slots[i])) continue;
                behind = i + 1;
                if (at < 2 * n) r = put_section(p, i, measured[at / 2], at % 2 == 0);
                else r = slot_gone(p, i, "a section that the new UKI does not have");
                at++;
        }
        for (; at < 2 * n && r == 0; at++, behind++) {
                r = slot_insert(p, behind, PCR_UKI);
                if (r == 0) r = put_section(p, behind, measured[at / 2], at % 2 == 0);
        }
        return r;
}

static int predict_sections(Prediction *p, const NewImage *image)
{
        const PeSection *measured[ARRAY_SIZE(sections)];
        const size_t n = measured_sections(&image->now, measured);

        if (n == 0)
                return pcr_unknown(p, PCR_UKI, "the new UKI does not say by .sdmagic which systemd-stub it has");
        if (image->has_was && !sections_were(p, &image->was))
                return pcr_unknown(p, PCR_UKI, "today's events are not those of today's UKI");
        return put_sections(p, measured, n);
}

/* ---- PCR 4 ------------------------------------------------------------------------------------------------ */

static int predict_payload(Prediction *p, const NewImage *image)
{
        const PeSection *inner = pe_section(&image->now, ".linux");
        PeImage kernel;

        for (size_t i = 0; i < p->n; i++) {
                Slot *slot = &p->slots[i];
                int r;

                if (!slot_is(slot, PCR_IMAGES, EV_EFI_BOOT_SERVICES_APPLICATION) ||
                    !event_is_stub_payload(slot->today))
                        continue;
                if (stub_version(&image->now) >= STUB_OWN_LOADER)
                        r = slot_unknown(p, i, "this systemd-stub starts the kernel in another way");
                else if (!inner || inner->raw.size < inner->virtual_size ||
                         pe_parse(pe_section_content(inner), &kernel) < 0)
                        r = slot_unknown(p, i, "the kernel in the new UKI is no PE image");
                else
                        r = slot_put(p, i, PREDICTED_CHANGED, (Measured){ measured_authenticode, &kernel },
                                     "the kernel in the UKI");
                if (r < 0) return r;
        }
        return 0;
}

/* ---- the command line in the UKI -------------------------------------------------------------------------- */

/* What the stub makes of .cmdline: control characters become spaces, those at the end go. Appends UTF-8. */
static int section_text(const PeImage *uki, Writer *out)
{
        const PeSection *s = pe_section(uki, ".cmdline");
        Bytes content = s ? pe_section_content(s) : (Bytes){ 0 };
        size_t n = strnlen((const char *)content.data, content.size);

        if (n > COMMAND_LINE_MAX) return error_set(-EBADMSG, "the UKI's command line is too long");
        while (n > 0 && content.data[n - 1] <= ' ') n--;
        for (size_t i = 0; i < n; i++) writer_u8(out, content.data[i] < ' ' ? ' ' : content.data[i]);
        writer_u8(out, 0);
        return out->error;
}

/* The text of an event of PCR 12 that is the load options a loader passed: proven by its digest. */
static bool options_text(Prediction *p, const Slot *slot, Writer *out)
{
        static const uint8_t nul[2];
        const Bytes cut[] = { slot->today->data, BYTES(nul, 1) };

        if (!slot_was_bytes(p, slot, slot->today->data) && !slot_was_parts(p, slot, cut, 2)) return false;
        if (text_from_utf16(slot->today->data, out) < 0) return false;
        writer_u8(out, 0);
        return out->error == 0;
}

/* Whether this text is what .cmdline of today's UKI gives: by its file, else by what PCR 11 says of it. */
static bool is_of_uki(Prediction *p, const NewImage *image, const char *text)
{
        static const char *const ends[] = { "", "\n", " ", " \n" };
        uint8_t buffer[COMMAND_LINE_MAX + 1];
        Writer was = WRITER_FIXED(buffer);

        if (image->has_was) return section_text(&image->was, &was) == 0 && strcmp(text, (char *)buffer) == 0;
        for (size_t i = 0; i < p->n; i++)
                for (size_t k = 0; k < 2 * ARRAY_SIZE(ends) && is_section_slot(&p->slots[i]); k++) {
                        const Bytes parts[] = { BYTES(text, strlen(text)), BYTES(ends[k / 2], strlen(ends[k / 2])),
                                                BYTES("", k % 2) };

                        if (slot_was_parts(p, &p->slots[i], parts, 3)) return true;
                }
        return false;
}

static int put_options(Prediction *p, size_t slot, const char *text, const char *what)
{
        cleanup_writer Writer utf16 = WRITER_INIT(2 * COMMAND_LINE_MAX + 2);
        Bytes b = { 0 };
        int r;

        r = text_to_utf16(BYTES(text, strlen(text)), &utf16);
        if (r == 0) r = writer_finish(&utf16, &b);
        return r < 0 ? r : slot_put_parts(p, slot, &b, 1, what);
}

/* PCR 12: each command line that came from the UKI comes from the new one. Others mean that somebody typed it. */
static int predict_options(Prediction *p, const NewImage *image, const char *now, bool *ret_other)
{
        for (size_t i = 0; i < p->n; i++) {
                uint8_t buffer[COMMAND_LINE_MAX + 1];
                Writer text = WRITER_FIXED(buffer);
                int r = 0;

                if (!slot_is(&p->slots[i], PCR_OPTIONS, EV_IPL) || !options_text(p, &p->slots[i], &text)) continue;
                if (is_of_uki(p, image, (char *)buffer)) r = put_options(p, i, now, "command line of the UKI");
                else *ret_other = true;
                if (r < 0) return r;
        }
        return 0;
}

static int predict_load_options(Prediction *p, const NewImage *image, const char *now)
{
        uint8_t buffer[COMMAND_LINE_MAX + 1];
        cleanup_writer Writer utf16 = WRITER_INIT(2 * COMMAND_LINE_MAX + 2);
        Writer was = WRITER_FIXED(buffer);
        int r;

        for (size_t i = 0; i < p->n; i++) {
                if (!slot_is_tagged(&p->slots[i], TAG_LOAD_OPTIONS)) continue;
                if (image->has_was) {
                        r = section_text(&image->was, &was);
                        if (r == 0) r = text_to_utf16(BYTES(buffer, strlen((char *)buffer)), &utf16);
                        if (r < 0) return r;
                        if (!slot_was_bytes(p, &p->slots[i], BYTES(utf16.data, utf16.size)))
                                return slot_unknown(p, i, "today's command line is not that of today's UKI");
                }
                return put_options(p, i, now, "kernel command line, of the UKI");
        }
        return 0;
}

static int predict_command_line(Prediction *p, const NewImage *image)
{
        uint8_t buffer[COMMAND_LINE_MAX + 1];
        Writer now = WRITER_FIXED(buffer);
        bool other = false;
        int r;

        if (!pe_section(&image->now, ".cmdline")) {
                if (!image->has_was || pe_section(&image->was, ".cmdline"))
                        return pcr_unknown(p, PCR_KERNEL, "the new UKI has no command line of its own");
                return 0;
        }
        r = section_text(&image->now, &now);
        if (r == 0) r = predict_options(p, image, (char *)buffer, &other);
        /* One that was typed in the menu, or stands in a loader entry: it is not the UKI's, and stays. */
        if (r == 0 && !other) r = predict_load_options(p, image, (char *)buffer);
        return r;
}

int predict_uki(Prediction *p, const NewImage *image)
{
        int r;

        r = predict_sections(p, image);
        if (r == 0) r = predict_payload(p, image);
        return r == 0 ? predict_command_line(p, image) : r;
}
