/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What of a UKI systemd-stub takes, and where that depends on more than the file (man systemd-stub, and what
 * src/boot/stub.c and src/boot/pe.c do):
 * - It measures the sections it knows, in a fixed order; both grew with versions, .sdmagic says which one it is.
 * - 257 and later: .profile begins the sections of a profile, which the boot entry chooses by "@1" in front of the
 *   command line. Of .dtbauto, and with 258 of .efifw, it takes the one that fits the hardware, by .hwids.
 * - Of two sections of one name versions before 257 did not say which they take. */

#include "eventlog/predict-internal.h"

#include <stdio.h>
#include <string.h>

enum {
        STUB_OLDEST = 252,   /* measures PCR 11 in this form */
        STUB_PROFILES = 257, /* .profile and .dtbauto */
        STUB_NEWEST = 259,   /* later ones measure more: SMBIOS in PCR 1, a secret of their own in the initrd */
};

/* In the order of measurement, with the first version that measures it. */
static const struct {
        const char *name;
        unsigned since;
        bool by_hardware;
} sections[STUB_SECTIONS_MAX] = {
        { ".linux", 252, false },  { ".osrel", 252, false },   { ".cmdline", 252, false },
        { ".initrd", 252, false }, { ".ucode", 256, false },   { ".splash", 252, false },
        { ".dtb", 252, false },    { ".uname", 253, false },   { ".sbat", 254, false },
        { ".pcrsig", 0, false },   { ".pcrpkey", 252, false }, { ".profile", STUB_PROFILES, false },
        { ".dtbauto", 257, true }, { ".hwids", 257, true },    { ".efifw", 258, true },
};
/* .pcrsig is not measured, being the signature of what comes out; it goes into the initrd. */
enum { NEVER = 0 };

unsigned stub_version(const PeImage *uki)
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

static size_t count_sections(const PeImage *uki, const char *name)
{
        size_t n = 0;

        for (size_t i = 0; i < uki->n_sections; i++) n += strcmp(uki->sections[i].name, name) == 0;
        return n;
}

StubDoubt stub_doubt(const PeImage *uki, char ret[static PREDICTION_TEXT_SIZE])
{
        const unsigned version = stub_version(uki);

        if (version < STUB_OLDEST) {
                (void)snprintf(ret, PREDICTION_TEXT_SIZE, "%s",
                               version == 0 ? "the new UKI does not say by .sdmagic which systemd-stub it has"
                                            : "the new UKI has a systemd-stub from before 252");
                return STUB_DOUBT_VERSION;
        }
        if (version > STUB_NEWEST) {
                (void)snprintf(ret, PREDICTION_TEXT_SIZE,
                               "the new UKI has systemd-stub %u, and what it measures is known up to %d", version,
                               STUB_NEWEST);
                return STUB_DOUBT_VERSION;
        }
        if (count_sections(uki, ".profile") > 1) {
                (void)snprintf(ret, PREDICTION_TEXT_SIZE,
                               "the new UKI has several profiles, of which the boot entry chooses one");
                return STUB_DOUBT_CONTENT;
        }
        for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
                const size_t n = count_sections(uki, sections[i].name);

                if (sections[i].by_hardware || n < 2) continue;
                (void)snprintf(ret, PREDICTION_TEXT_SIZE,
                               "the new UKI has %zu sections %s, of which systemd-stub takes one", n,
                               sections[i].name);
                return STUB_DOUBT_CONTENT;
        }
        for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
                if (!sections[i].by_hardware || version < sections[i].since) continue;
                if (count_sections(uki, sections[i].name) == 0) continue;
                (void)snprintf(ret, PREDICTION_TEXT_SIZE,
                               "what systemd-stub %u takes of the new UKI's section %s depends on the hardware",
                               version, sections[i].name);
                return STUB_DOUBT_HARDWARE;
        }
        return STUB_DOUBT_NONE;
}

size_t stub_sections(const PeImage *uki, const PeSection *ret[static STUB_SECTIONS_MAX])
{
        const unsigned version = stub_version(uki);
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(sections) && version >= STUB_OLDEST; i++) {
                const PeSection *s = pe_section(uki, sections[i].name);

                if (sections[i].since == NEVER || version < sections[i].since) continue;
                if (s && s->virtual_size > 0) ret[n++] = s;
        }
        return n;
}
