/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening, counting, "later", a TPM that goes away. */

#include "tpm/tpm.h"
#include "check.h"
#include "tpm/internal.h"
#include "tpm/keys.h"
#include "tpm/pcr.h"
#include "tpm/swtpm.h"

#include <errno.h>

#define POISON ((Tpm *)0x5a5a)

static void test_no_tpm(void)
{
        Tpm *tpm = POISON;

        CHECK_RESULT(tpm_open("device:/dev/no-such-tpm", &tpm), TPM_E_GONE);
        CHECK(strstr(error_detail(TPM_E_GONE), "/dev/no-such-tpm"));
        CHECK_RESULT(tpm_open("no-such-tcti:x", &tpm), -EINVAL);
        CHECK_RESULT(tpm_open("swtpm:path=/nowhere/at/all", &tpm), TPM_E_GONE);
        CHECK(tpm == POISON);
}

/* As /dev/tpm0 and /dev/tpmrm0: the second where the first is not there, and the first one's reason where none is.
 */
static void test_falls_back(void)
{
        cleanup_rig Rig *rig = rig_new();
        const char *const there[] = { "device:/dev/no-tpm0", rig_tcti(rig) },
                          *const both[] = { rig_tcti(rig), "device:/dev/no-tpmrm0" },
                          *const none[] = { "device:/dev/no-tpm0", "device:/dev/no-tpmrm0" };
        cleanup_tpm Tpm *second = NULL, *first = NULL;
        Tpm *tpm = POISON;

        CHECK_OK(tpm_open_any(there, 2, &second));
        CHECK_TEXT(tpm_where(second), rig_tcti(rig) + strlen("device:"));
        CHECK(tpm_commands_count(second) == 1);
        tpm_close(TAKE_PTR(second));
        CHECK_OK(tpm_open_any(both, 2, &first));
        CHECK_RESULT(tpm_open_any(none, 2, &tpm), TPM_E_GONE);
        CHECK(strstr(error_detail(TPM_E_GONE), "/dev/no-tpm0") && tpm == POISON);
}

static void test_counts_what_is_sent(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        cleanup_secret Secret *s = NULL;
        cleanup_free char *list = NULL, *rest = NULL;
        TpmLockout lockout;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK(strncmp(tpm_where(tpm), "/dev/pts/", 9) == 0);
        CHECK(tpm_commands_count(tpm) == 1);
        const size_t mark = tpm_commands_count(tpm);
        CHECK_OK(tpm_random(tpm, NULL, 40, &s));
        CHECK_OK(tpm_lockout_read(tpm, &lockout));
        CHECK(!lockout.locked && lockout.failed == 0 && lockout.allowed > 0);
        CHECK(tpm_commands_count(tpm) == 5);
        CHECK(rig_commands(rig) == 5);
        CHECK_OK(tpm_commands_list(tpm, 0, &list));
        CHECK_TEXT(list, "GetRandom GetRandom GetRandom GetCapability GetCapability");
        CHECK_OK(tpm_commands_list(tpm, mark + 2, &rest));
        CHECK_TEXT(rest, "GetCapability GetCapability");
        CHECK_TEXT(tpm_command_name(0x158), "Quote");
        CHECK(!tpm_command_name(0x999));
}

static void test_any_tcti_by_name(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmBanks banks;
        char tcti[128];

        rig_run(rig, "mkdir other && swtpm socket --tpm2 --server type=unixio,path=$PWD/other/tpm --ctrl "
                     "type=unixio,path=$PWD/other/tpm.ctrl --tpmstate dir=$PWD/other --flags "
                     "not-need-init,startup-clear --daemon --pid file=$PWD/other/pid");
        snprintf(tcti, sizeof(tcti), "swtpm:path=%s/other/tpm", rig_dir(rig));
        CHECK_OK(tpm_open(tcti, &tpm));
        CHECK_TEXT(tpm_where(tpm), tcti);
        CHECK(tpm_commands_count(tpm) == 0);
        CHECK_OK(tpm_banks_read(tpm, &banks));
        CHECK(tpm_banks_have(&banks, HASH_SHA256) && !tpm_banks_have(&banks, HASH_SM3_256));
        CHECK(tpm_commands_count(tpm) == 1);
        rig_run(rig, "kill $(cat other/pid)");
}

static void test_later_is_tried_again(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        static const uint32_t codes[] = { TPM2_RC_RETRY,         TPM2_RC_YIELDED,        TPM2_RC_TESTING,
                                          TPM2_RC_OBJECT_MEMORY, TPM2_RC_SESSION_MEMORY, TPM2_RC_MEMORY,
                                          TPM2_RC_NV_RATE };

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
                cleanup_secret Secret *s = NULL;

                rig_inject(rig, TPM2_CC_GetRandom, 0, 6, codes[i]);
                CHECK_OK(tpm_random(tpm, NULL, 8, &s));
                CHECK(tpm_commands_repeated(tpm) == 6 * (i + 1));
        }
}

static void test_later_for_ever_is_busy(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        cleanup_secret Secret *s = NULL;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        tpm->bus.busy_ms = 50;
        rig_inject(rig, TPM2_CC_GetRandom, 0, UINT32_MAX, TPM2_RC_RETRY);
        CHECK_RESULT(tpm_random(tpm, NULL, 8, &s), TPM_E_BUSY);
        CHECK(strstr(error_detail(TPM_E_BUSY), "later"));
        CHECK(!s);
        rig_inject(rig, 0, 0, 0, 0);
        CHECK_OK(tpm_random(tpm, NULL, 8, &s));
}

static void test_lockout_is_named(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        cleanup_secret Secret *s = NULL;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        rig_inject(rig, TPM2_CC_GetRandom, 0, 1, TPM2_RC_LOCKOUT);
        CHECK_RESULT(tpm_random(tpm, NULL, 8, &s), TPM_E_LOCKOUT);
        CHECK(strstr(error_detail(TPM_E_LOCKOUT), "lockout, 0 failed tries of"));
}

static void test_goes_away(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        cleanup_secret Secret *s = NULL;
        TpmPcrValues values;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        rig_kill(rig);
        CHECK_RESULT(tpm_random(tpm, NULL, 8, &s), TPM_E_GONE);
        CHECK_RESULT(tpm_pcr_read(tpm, HASH_SHA256, 1, &values), TPM_E_GONE);
        CHECK(strstr(error_detail(TPM_E_GONE), "stopped answering"));
}

int main(void)
{
        RUN(test_no_tpm);
        RUN(test_falls_back);
        RUN(test_counts_what_is_sent);
        RUN(test_any_tcti_by_name);
        RUN(test_later_is_tried_again);
        RUN(test_later_for_ever_is_busy);
        RUN(test_lockout_is_named);
        RUN(test_goes_away);
        return 0;
}
