/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock-counts.h"

#include "check.h"
#include "tpm/scene.h"

/* ---- ours ---- */

static size_t boot(Scene *s, uint8_t *ticket, size_t *ticket_size)
{
        scene_unlock(s, ticket, ticket_size);
        CHECK(rig_commands(s->rig) == tpm_commands_count(s->tpm));
        return rig_commands(s->rig);
}

static size_t count_literal(void)
{
        cleanup_scene Scene s;
        uint8_t ticket[TPM_TICKET_MAX];
        size_t size;

        scene_literal(&s);
        return boot(&s, ticket, &size);
}

static void count_signed(UnlockCounts *c)
{
        cleanup_scene Scene s;
        uint8_t ticket[TPM_TICKET_MAX], none[TPM_TICKET_MAX];
        Approved approved;
        size_t size;

        scene_signed(&s, &approved);
        c->signed_first = boot(&s, ticket, &size);
        approved.approval.ticket = BYTES(ticket, size);
        c->signed_ticket = boot(&s, none, &size);
}

static size_t count_pcrsig(void)
{
        cleanup_scene Scene s;
        uint8_t ticket[TPM_TICKET_MAX];
        Approved approved;
        size_t size;

        scene_pcrsig(&s, &approved);
        return boot(&s, ticket, &size);
}

UnlockCounts unlock_counts(void)
{
        UnlockCounts c = { .literal = count_literal(), .pcrsig = count_pcrsig() };

        count_signed(&c);
        return c;
}

/* ---- others ---- */

static bool is_there(Rig *rig, const char *program)
{
        return rig_try(rig, "command -v %s", program) == 0;
}

/* A LUKS2 image enrolled by systemd-cryptenroll, and systemd-cryptsetup. Mapping fails where there is no
 * device-mapper; the key has come out of the TPM by then, as a wrong one is told by another message. */
size_t unlock_count_systemd(void)
{
        cleanup_rig Rig *rig = rig_new();

        if (!is_there(rig, "systemd-cryptenroll") || !is_there(rig, "/lib/systemd/systemd-cryptsetup") ||
            !is_there(rig, "cryptsetup"))
                return 0;
        rig_run(rig,
                "truncate -s 32M image && printf password >key && "
                "cryptsetup -q luksFormat --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 image key && "
                "PASSWORD=password systemd-cryptenroll --tpm2-device=%s --tpm2-pcrs=7 image",
                rig_tcti(rig));
        rig_forget(rig);
        IGNORE_RESULT(rig_try(rig,
                              "timeout 20 /lib/systemd/systemd-cryptsetup attach halfkey-bench image - "
                              "tpm2-device=%s,headless=true; cryptsetup close halfkey-bench",
                              rig_tcti(rig)));
        return rig_commands(rig);
}

size_t unlock_count_clevis(void)
{
        cleanup_rig Rig *rig = rig_new();

        if (!is_there(rig, "clevis-decrypt-tpm2")) return 0;
        rig_run(rig, "printf half | clevis encrypt tpm2 '{\"pcr_bank\":\"sha256\",\"pcr_ids\":\"7\"}' >jwe");
        rig_forget(rig);
        rig_run(rig, "test \"$(clevis decrypt <jwe)\" = half");
        return rig_commands(rig);
}
