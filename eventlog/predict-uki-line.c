/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line of a UKI: what systemd-boot and systemd-stub measure of it into PCR 12, and the kernel into
 * PCR 9. */

#include "eventlog/predict-internal.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

enum {
        STUB_ADDONS = 254, /* takes command lines of add-ons, if their .uname is the UKI's */
        COMMAND_LINE_MAX = 16384,
};

/* ---- the command line in the UKI -------------------------------------------------------------------------- */

/* What the stub makes of .cmdline: control characters become spaces, those at the end go. Appends UTF-8. */
static int section_text(const PeImage *uki, Writer *out)
{
        const PeSection *s = pe_section(uki, ".cmdline");
        Bytes content = s ? pe_section_content(s) : (Bytes){ 0 };
        size_t n = content.size ? strnlen((const char *)content.data, content.size) : 0;

        if (n > COMMAND_LINE_MAX) return error_set(-EBADMSG, "the UKI's command line is too long");
        while (n > 0 && content.data[n - 1] <= ' ') n--;
        for (size_t i = 0; i < n; i++) writer_u8(out, content.data[i] < ' ' ? ' ' : content.data[i]);
        writer_u8(out, 0);
        return out->error;
}

bool slot_options(Prediction *p, const Slot *slot, Writer *out)
{
        static const uint8_t nul[2];
        Bytes cut[2];

        if (!slot_is(slot, PCR_OPTIONS, EV_IPL)) return false;
        cut[0] = slot->today->data;
        cut[1] = BYTES(nul, 1);
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
                for (size_t k = 0; k < 2 * ARRAY_SIZE(ends) && slot_is_section(&p->slots[i]); k++) {
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

/* ---- what today's boot had -------------------------------------------------------------------------------- */

typedef enum Had { HAD_NOT, HAD, HAD_UNKNOWN } Had;

static bool has_section(const PeImage *uki, const char *name)
{
        const PeSection *s = pe_section(uki, name);

        return s && s->virtual_size > 0;
}

/* Whether today's UKI had the section: by its file, else by what PCR 11 proves of the names in it. */
static Had had_section(Prediction *p, const NewImage *image, const char *name)
{
        Had had = HAD_UNKNOWN;

        if (image->has_was) return has_section(&image->was, name) ? HAD : HAD_NOT;
        for (size_t i = 0; i < p->n; i++) {
                const Slot today = { .pcr = p->slots[i].pcr, .today = p->slots[i].today };

                if (!slot_is_section(&today)) continue;
                if (slot_was_bytes(p, &today, BYTES(name, strlen(name) + 1))) return HAD;
                had = HAD_NOT;
        }
        return had;
}

/* Whether the section of the new UKI is one of today's, or neither has one. */
static bool same_section(Prediction *p, const NewImage *image, const char *name)
{
        const PeSection *now = pe_section(&image->now, name), *was;

        if (!now || now->virtual_size == 0) return had_section(p, image, name) == HAD_NOT;
        if (image->has_was) {
                was = pe_section(&image->was, name);
                return was && was->virtual_size == now->virtual_size &&
                       bytes_equal(pe_section_content(was), pe_section_content(now));
        }
        for (size_t i = 0; i < p->n; i++) {
                const Slot today = { .pcr = p->slots[i].pcr, .today = p->slots[i].today };

                if (slot_is_section(&today) && slot_was(p, &today, (Measured){ measured_section, now }))
                        return true;
        }
        return false;
}

/* The place of what the kernel's EFI stub says it got as its command line; false if there is none. */
static bool load_options_slot(const Prediction *p, size_t *ret)
{
        for (*ret = 0; *ret < p->n; ++*ret)
                if (slot_is_tagged(&p->slots[*ret], PCR_KERNEL, TAG_LOAD_OPTIONS)) return true;
        return false;
}

/* Whether this is the command line that the kernel got today. */
static bool kernel_got(Prediction *p, const char *text)
{
        cleanup_writer Writer utf16 = WRITER_INIT(2 * COMMAND_LINE_MAX + 2);
        size_t slot;

        return load_options_slot(p, &slot) && text_to_utf16(BYTES(text, strlen(text)), &utf16) == 0 &&
               slot_was_bytes(p, &p->slots[slot], BYTES(utf16.data, utf16.size));
}

/* ---- the command line tomorrow ---------------------------------------------------------------------------- */

/* Whose command line is in PCR 12, and whose the kernel got. */
typedef struct Lines {
        bool of_uki, other, kernel_of_uki, kernel_other;
} Lines;

/* PCR 12: each command line that came from the UKI comes from the new one. Others were typed, stand in a loader
 * entry, or are an add-on's, and stay. */
static int predict_options(Prediction *p, const NewImage *image, const char *now, Lines *ret)
{
        for (size_t i = 0; i < p->n; i++) {
                uint8_t buffer[COMMAND_LINE_MAX + 1];
                Writer text = WRITER_FIXED(buffer);
                int r = 0;

                if (!slot_options(p, &p->slots[i], &text)) continue;
                if (is_of_uki(p, image, (char *)buffer)) {
                        ret->of_uki = true;
                        ret->kernel_of_uki = ret->kernel_of_uki || kernel_got(p, (char *)buffer);
                        r = put_options(p, i, now, "command line of the UKI");
                } else {
                        ret->other = true;
                        ret->kernel_other = ret->kernel_other || kernel_got(p, (char *)buffer);
                }
                if (r < 0) return r;
        }
        return 0;
}

/* PCR 9. That a loader passed another line does not say that the kernel got it, as long as Secure Boot is on. */
static int predict_load_options(Prediction *p, const NewImage *image, const char *now, const Lines *lines)
{
        uint8_t buffer[COMMAND_LINE_MAX + 1];
        Writer was = WRITER_FIXED(buffer);
        bool of_uki = lines->kernel_of_uki;
        size_t slot;

        if (lines->kernel_other || !load_options_slot(p, &slot)) return 0;
        if (!of_uki && image->has_was)
                of_uki = section_text(&image->was, &was) == 0 && kernel_got(p, (char *)buffer);
        if (!of_uki && (image->has_was || lines->of_uki || lines->other))
                return slot_unknown(p, slot, "today's command line is not that of today's UKI");
        return put_options(p, slot, now, "kernel command line, of the UKI");
}

static int line_unknown(Prediction *p, const char *why)
{
        size_t slot;
        int r;

        r = pcr_unknown(p, PCR_OPTIONS, "%s", why);
        return r < 0 || !load_options_slot(p, &slot) ? r : slot_unknown(p, slot, "%s", why);
}

/* Why it cannot be said which command line is measured, NULL if it can. */
static const char *line_doubt(Prediction *p, const NewImage *image, const char *now)
{
        uint8_t buffer[COMMAND_LINE_MAX + 1];
        Writer was = WRITER_FIXED(buffer);
        const bool has = has_section(&image->now, ".cmdline");
        const Had had = had_section(p, image, ".cmdline");

        if (had == HAD_UNKNOWN) return "whether today's UKI has a command line of its own is not known";
        if (had == HAD && !has) return "the new UKI has no command line of its own";
        if (had == HAD_NOT && has) return "the new UKI has a command line of its own, and today's has none";
        if (!has) return NULL;
        if (now[0] == '\0') return "the command line of the new UKI is empty";
        if (now[0] == ' ')
                return "the command line of the new UKI begins with a space, which not every version keeps";
        if (image->has_was && section_text(&image->was, &was) == 0 && buffer[0] == '\0')
                return "the command line of today's UKI is empty";
        return NULL;
}

/* Add-ons that today's boot loaded, by the tags of what they brought. */
static const char *addon_doubt(Prediction *p, const NewImage *image, const Lines *lines)
{
        bool addons = lines->other && stub_version(&image->now) >= STUB_ADDONS;

        for (size_t i = 0; i < p->n; i++) {
                if (slot_is_tagged(&p->slots[i], PCR_OPTIONS, TAG_PROFILE))
                        return "today's boot chose a profile of the UKI";
                addons = addons || slot_is_tagged(&p->slots[i], PCR_OPTIONS, TAG_ADDON_DEVICE_TREE) ||
                         slot_is_tagged(&p->slots[i], PCR_OPTIONS, TAG_ADDON_INITRD) ||
                         slot_is_tagged(&p->slots[i], PCR_OPTIONS, TAG_ADDON_MICROCODE);
        }
        if (!addons || same_section(p, image, ".uname")) return NULL;
        return "today's boot may have had add-ons, which are for a kernel of another .uname than the new UKI's";
}

int predict_uki_line(Prediction *p, const NewImage *image)
{
        uint8_t buffer[COMMAND_LINE_MAX + 1];
        Writer now = WRITER_FIXED(buffer);
        Lines lines = { 0 };
        const char *why;
        int r;

        r = section_text(&image->now, &now);
        if (r < 0) return r;
        why = line_doubt(p, image, (char *)buffer);
        if (why) return line_unknown(p, why);
        if (has_section(&image->now, ".cmdline")) {
                r = predict_options(p, image, (char *)buffer, &lines);
                if (r == 0) r = predict_load_options(p, image, (char *)buffer, &lines);
        }
        why = addon_doubt(p, image, &lines);
        return r < 0 || !why ? r : line_unknown(p, why);
}
