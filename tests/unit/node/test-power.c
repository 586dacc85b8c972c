/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A machine that loses its power in the middle of unlocking, again and again: the TPM never locks up, its clock
 * may go back, and the next boot opens. */

#include "attest/cap.h"
#include "check.h"
#include "node/stage.h"
#include "proto/message.h"
#include "tpm/pcr.h"

#include <unistd.h>

enum { CUTS = 40 };

static int evidence(Stage *s, AttestQuote *ret)
{
        bool replays = false;
        const int r = stage_evidence(s, ATTEST_PURPOSE_UNLOCK, NULL, ret, &replays);

        CHECK(r != 0 || replays);
        return r;
}

/* Everything a boot asks of the TPM, once it is open. */
static int unlock(Stage *s)
{
        cleanup_secret Secret *half = NULL;
        AttestQuote q;
        Digest event;
        int r;

        r = evidence(s, &q);
        if (r == 0) r = seal_open(s->tpm, s->token, s->boot, &half);
        if (r == 0) CHECK_BYTES(secret_bytes(half), secret_bytes(s->half));
        if (r == 0) CHECK_OK(attest_cap_event(HASH_SHA256, ATTEST_CAP_ATTESTED, NULL, 0, &event));
        return r == 0 ? tpm_pcr_cap(s->tpm, &event, 1, HASH_SHA256) : r;
}

/* At each command, before the TPM has seen it and after it has done it. */
static void forty_power_cuts_lock_nothing(void)
{
        cleanup_stage Stage s;
        TpmLockout lockout;
        size_t commands;

        stage_init(&s);
        stage_enrol(&s);
        stage_boot(&s);
        const size_t before = tpm_commands_count(s.tpm);
        CHECK_OK(unlock(&s));
        commands = tpm_commands_count(s.tpm) - before;
        CHECK(commands >= 7);
        for (unsigned i = 0; i < CUTS; i++) {
                stage_boot(&s);
                rig_fault(s.rig, i / 2 % (unsigned)commands, i % 2 ? RIG_FAULT_CUT_AFTER : RIG_FAULT_CUT_BEFORE,
                          0);
                IGNORE_RESULT(unlock(&s)); /* a program that outlives the cut, which none does, may get through */
                CHECK(rig_fault_done(s.rig));
        }
        stage_boot(&s);
        CHECK_OK(tpm_lockout_read(s.tpm, &lockout));
        CHECK(!lockout.locked && lockout.failed == 0);
        CHECK_OK(unlock(&s));
        CHECK(rig_loaded(s.rig) == 0);
}

/* Without noDA it would be otherwise: the TPM counts a stop without Shutdown as a failed try, and swtpm locks up
 * after three. */
static void power_cuts_count_where_passwords_guard(void)
{
        cleanup_stage Stage s;
        TpmLockout lockout;

        stage_init(&s);
        rig_run(s.rig, "tpm2_createprimary -Q -C o -c srk && printf x >x && "
                       "tpm2_create -Q -C srk -i x -p word -u u -r r && tpm2_flushcontext -t");
        for (int i = 0; i < 3; i++) {
                rig_run(s.rig, "tpm2_createprimary -Q -C o -c srk && tpm2_flushcontext -t && "
                               "tpm2_load -Q -C srk -u u -r r -c sealed && tpm2_flushcontext -t && "
                               "tpm2_unseal -Q -c sealed -p word -o y");
                stage_boot(&s);
        }
        CHECK_OK(tpm_lockout_read(s.tpm, &lockout));
        CHECK(lockout.locked);
}

/* Another program's wrong passwords lock the TPM: what is ours has none and opens all the same. */
static void a_locked_out_tpm_still_opens(void)
{
        cleanup_stage Stage s;
        TpmLockout lockout;
        Secret *none = NULL;

        stage_init(&s);
        stage_enrol(&s);
        rig_run(s.rig, "tpm2_dictionarylockout -s -n 2 -t 7200 -l 60 && tpm2_createprimary -Q -C o -c srk && "
                       "printf x >x && tpm2_create -Q -C srk -i x -p word -u u -r r && tpm2_flushcontext -t");
        for (int i = 0; i < 3; i++)
                CHECK(rig_try(s.rig, "tpm2_createprimary -Q -C o -c srk && tpm2_flushcontext -t && "
                                     "tpm2_load -Q -C srk -u u -r r -c sealed && tpm2_flushcontext -t && "
                                     "tpm2_unseal -Q -c sealed -p wrong; r=$?; tpm2_flushcontext -t; exit $r"));
        CHECK_OK(tpm_lockout_read(s.tpm, &lockout));
        CHECK(lockout.locked && lockout.failed == 2 && lockout.allowed == 2 && lockout.interval == 7200);
        rig_inject(s.rig, 0x15e, 0, 1, 0x921);
        CHECK_RESULT(seal_open(s.tpm, s.token, s.boot, &none), TPM_E_LOCKOUT);
        fprintf(stderr, "  %s\n", error_detail(TPM_E_LOCKOUT));
        CHECK(strstr(error_detail(TPM_E_LOCKOUT), "2 failed tries of 2"));
        CHECK(strstr(error_detail(TPM_E_LOCKOUT), "within 2 h 0 min"));
        CHECK(!none);
        CHECK_OK(unlock(&s));
        CHECK(rig_loaded(s.rig) == 0);
}

static void a_clock_that_goes_back_is_accepted(void)
{
        cleanup_stage Stage s;
        AttestQuote before, after;

        stage_init(&s);
        stage_enrol(&s);
        usleep(300000);
        CHECK_OK(evidence(&s, &before));
        stage_boot(&s);
        CHECK_OK(evidence(&s, &after));
        fprintf(stderr, "  clock %llu, then %llu, safe %d\n", (unsigned long long)before.at.clock,
                (unsigned long long)after.at.clock, after.at.safe);
        CHECK(after.at.clock < before.at.clock && !after.at.safe);
        CHECK(after.at.reset_count > before.at.reset_count);
        CHECK_OK(unlock(&s));
}

int main(void)
{
        RUN(forty_power_cuts_lock_nothing);
        RUN(power_cuts_count_where_passwords_guard);
        RUN(a_locked_out_tpm_still_opens);
        RUN(a_clock_that_goes_back_is_accepted);
        return 0;
}
