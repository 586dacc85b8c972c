/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What systemd-stub measures of a UKI (systemd 252 and later, src/boot/stub.c and man systemd-stub):
 * - PCR 11: for each section that it takes, in a fixed order, its name with a NUL and its content as memory holds
 *   it.
 * - PCR 4: the kernel, loaded from memory - but not where Secure Boot is on, since the stub then lets firmware's
 *   check, which also measures, be passed over. Today's log shows which.
 * - PCR 12: the command line where a loader passed one that is used, those of add-ons and of SMBIOS, credentials
 * and configuration extensions; PCR 13: system extensions. With Secure Boot on, what a loader passes is dropped
 * where the UKI has a .cmdline: that one comes or goes is more than another text.
 * - the kernel's EFI stub, PCR 9: its load options, and the initrd, which systemd-stub joins from .initrd and
 *   archives it makes itself. */

#include "eventlog/predict-internal.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { STUB_OWN_LOADER = 258 }; /* starts the kernel without firmware's LoadImage */

/* ---- PCR 11 ----------------------------------------------------------------------------------------------- */

bool slot_is_section(const Slot *slot)
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
        const PeSection *measured[STUB_SECTIONS_MAX];
        const size_t n = stub_sections(uki, measured);
        size_t at = 0;

        for (size_t i = 0; i < p->n; i++) {
                Parts parts;
                Bytes storage;

                if (!slot_is_section(&p->slots[i])) continue;
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
                if (!slot_is_section(&p->slots[i])) continue;
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
        const PeSection *measured[STUB_SECTIONS_MAX];
        const size_t n = stub_sections(&image->now, measured);

        if (image->has_was && !sections_were(p, &image->was))
                return pcr_unknown(p, PCR_UKI, "today's events are not those of today's UKI");
        return put_sections(p, measured, n);
}

/* ---- PCR 4 ------------------------------------------------------------------------------------------------ */

/* Whether Secure Boot was on today; false as well where that is not known. */
static bool secure_boot(const Prediction *p)
{
        bool on = false;

        for (size_t i = 0; i < p->log->n_banks; i++)
                if (p->prover[i].hasher && eventlog_secure_boot(p->log, p->log->banks[i], &on) == 0) return on;
        return false;
}

/* Why a kernel may be measured tomorrow that was not today, NULL if none will. */
static const char *new_payload(const Prediction *p, const NewImage *image)
{
        const unsigned was = image->has_was ? stub_version(&image->was) : 0;

        if (stub_version(&image->now) >= STUB_OWN_LOADER) return NULL;
        if (was >= STUB_OWN_LOADER)
                return "today's systemd-stub starts the kernel in another way than the new one";
        if (was != 0 || secure_boot(p)) return NULL;
        return "today's boot has no event of the kernel in the UKI, which the new systemd-stub starts by the "
               "firmware";
}

static int predict_payload(Prediction *p, const NewImage *image)
{
        const PeSection *inner = pe_section(&image->now, ".linux");
        const char *why = new_payload(p, image);
        PeImage kernel;
        bool any = false;

        for (size_t i = 0; i < p->n; i++) {
                Slot *slot = &p->slots[i];
                int r;

                if (!slot_is(slot, PCR_IMAGES, EV_EFI_BOOT_SERVICES_APPLICATION) ||
                    !event_is_stub_payload(slot->today))
                        continue;
                any = true;
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
        return any || !why ? 0 : pcr_unknown(p, PCR_IMAGES, "%s", why);
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

/* Nothing is said where the stub takes one of several, or has rules that are not known here. */
static int predict_doubtful(Prediction *p, StubDoubt doubt, const char *why)
{
        static const uint32_t pcrs[] = { PCR_UKI, PCR_KERNEL, PCR_OPTIONS, PCR_EXTENSIONS, PCR_CONFIGURATION };
        const size_t n = doubt == STUB_DOUBT_VERSION ? ARRAY_SIZE(pcrs) : 3;
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) r = pcr_unknown(p, pcrs[i], "%s", why);
        for (size_t i = 0; i < p->n && r == 0; i++)
                if (slot_is(&p->slots[i], PCR_IMAGES, EV_EFI_BOOT_SERVICES_APPLICATION) &&
                    event_is_stub_payload(p->slots[i].today))
                        r = slot_unknown(p, i, "%s", why);
        return r;
}

int predict_uki(Prediction *p, const NewImage *image)
{
        char why[PREDICTION_TEXT_SIZE];
        const StubDoubt doubt = stub_doubt(&image->now, why);
        int r;

        if (doubt >= STUB_DOUBT_CONTENT) return predict_doubtful(p, doubt, why);
        r = doubt == STUB_DOUBT_NONE ? predict_sections(p, image) : pcr_unknown(p, PCR_UKI, "%s", why);
        if (r == 0) r = predict_payload(p, image);
        return r == 0 ? predict_uki_line(p, image) : r;
}
