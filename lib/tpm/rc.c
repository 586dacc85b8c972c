/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a TSS2_RC means, in words.
 *
 * A TPM's code is either a format-one code, which names a parameter, handle or session besides the fault, or a
 * plain number (TPM 2.0 Part 2, 6.6). What a code means can depend on the command; callers that know better look
 * at tpm_rc_code() first. */

#include "tpm/internal.h"

#include <errno.h>
#include <tss2/tss2_rc.h>

enum {
        LAYER_MASK = 0xff0000,
        FORMAT_ONE = 0x080,
        FORMAT_ONE_CODE = 0x0bf, /* without parameter, handle or session number */
};

typedef struct Meaning {
        uint32_t code;
        int outcome;
        const char *text;
} Meaning;

static const Meaning meanings[] = {
        { TPM2_RC_AUTH_FAIL, TPM_E_AUTH, "a password is set that halfkey does not have" },
        { TPM2_RC_BAD_AUTH, TPM_E_AUTH, "a password is set that halfkey does not have" },
        { TPM2_RC_HIERARCHY, TPM_E_AUTH, "the hierarchy is disabled; the firmware setup can enable it" },
        { TPM2_RC_DISABLED, TPM_E_AUTH, "the command is disabled; the firmware setup can enable it" },
        { TPM2_RC_HANDLE, TPM_E_ABSENT, "nothing is at this handle" },
        { TPM2_RC_REFERENCE_H0, TPM_E_ABSENT, "nothing is at this handle" },
        { TPM2_RC_REFERENCE_H1, TPM_E_ABSENT, "nothing is at this handle" },
        { TPM2_RC_INTEGRITY, TPM_E_BLOB, "the blob was not made by this TPM's key, or was altered" },
        { TPM2_RC_POLICY_FAIL, TPM_E_POLICY, "the PCRs are not those it was sealed for" },
        { TPM2_RC_PCR_CHANGED, TPM_E_PCR_CHANGED, "a PCR was extended meanwhile" },
        { TPM2_RC_SIGNATURE, TPM_E_SIGNATURE, "the signature is not this key's over this policy" },
        { TPM2_RC_TICKET, TPM_E_SIGNATURE, "the ticket is not of this TPM" },
        { TPM2_RC_COMMAND_CODE, TPM_E_UNSUPPORTED, "the TPM does not have this command" },
        { TPM2_RC_CURVE, TPM_E_UNSUPPORTED, "the TPM does not have this curve" },
        { TPM2_RC_HASH, TPM_E_UNSUPPORTED, "the TPM does not have this hash or bank" },
        { TPM2_RC_ASYMMETRIC, TPM_E_UNSUPPORTED, "the TPM does not have this algorithm" },
        { TPM2_RC_SCHEME, TPM_E_UNSUPPORTED, "the TPM does not have this scheme" },
        { TPM2_RC_SYMMETRIC, TPM_E_UNSUPPORTED, "the TPM does not have this cipher" },
        { TPM2_RC_PCR, TPM_E_UNSUPPORTED, "the TPM does not have this PCR" },
        { TPM2_RC_INITIALIZE, TPM_E_GONE, "the TPM was never started by the firmware" },
        { TPM2_RC_FAILURE, TPM_E_GONE, "the TPM failed its self test and answers nothing until a reset" },
        { TPM2_RC_REBOOT, TPM_E_GONE, "the TPM wants a reset" },
        { TPM2_RC_UPGRADE, TPM_E_GONE, "the TPM is in the middle of a firmware upgrade" },
        { TPM2_RC_NV_SPACE, -ENOSPC, "the TPM has no room left for persistent objects" },
        { TPM2_RC_NV_UNAVAILABLE, TPM_E_BUSY, "the TPM's memory cannot be written at the moment" },
};

uint32_t tpm_rc_code(TSS2_RC rc)
{
        const uint32_t layer = rc & LAYER_MASK;

        if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER) return 0;
        return rc & FORMAT_ONE ? rc & FORMAT_ONE_CODE : rc & 0xfff;
}

bool tpm_rc_of_contents(TSS2_RC rc)
{
        switch (tpm_rc_code(rc)) {
        case TPM2_RC_INTEGRITY:
        case TPM2_RC_VALUE:
        case TPM2_RC_SIZE:
        case TPM2_RC_INSUFFICIENT:
        case TPM2_RC_ECC_POINT:
        case TPM2_RC_BINDING:
        case TPM2_RC_KEY_SIZE: return true;
        default: return false;
        }
}

static int fail_busy(Tpm *tpm, const char *what)
{
        const uint32_t code = tpm->bus.gave_up;
        const bool room = code == TPM2_RC_OBJECT_MEMORY || code == TPM2_RC_SESSION_MEMORY ||
                          code == TPM2_RC_MEMORY;

        return error_set(TPM_E_BUSY, "TPM %s: %s %s for %d s (code 0x%03x)", what, tpm->where,
                         room ? "had no room, others' objects or sessions fill it," : "answered `later`",
                         tpm->bus.busy_ms / 1000, code);
}

/* TPM 2.0 Part 1, 19.8.5: one failed try is forgotten every interval of the TPM's own running time, and below the
 * allowed number it is out of lockout. */
static int fail_lockout(Tpm *tpm, const char *what)
{
        TpmLockout l;

        if (tpm_lockout_read(tpm, &l) != 0)
                return error_set(TPM_E_LOCKOUT, "TPM %s: the TPM is in dictionary-attack lockout", what);
        const uint64_t seconds = (uint64_t)(l.failed >= l.allowed ? l.failed - l.allowed + 1 : 1) * l.interval;
        return error_set(
                TPM_E_LOCKOUT,
                "TPM %s: the TPM is in dictionary-attack lockout, %u failed tries of %u; left switched on it "
                "comes out of it by itself within %llu h %llu min",
                what, l.failed, l.allowed, (unsigned long long)(seconds / 3600),
                (unsigned long long)(seconds % 3600 + 59) / 60);
}

static int fail_tpm(Tpm *tpm, const char *what, TSS2_RC rc)
{
        const uint32_t code = tpm_rc_code(rc);

        if (code == TPM2_RC_CANCELED && tpm->bus.gave_up) return fail_busy(tpm, what);
        if (code == TPM2_RC_LOCKOUT) return fail_lockout(tpm, what);
        for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
                if (meanings[i].code == code)
                        return error_set(meanings[i].outcome, "TPM %s: %s (code 0x%03x)", what, meanings[i].text,
                                         rc);
        return error_set(-EPROTO, "TPM %s: %s (code 0x%03x)", what, Tss2_RC_Decode(rc), rc);
}

int tpm_fail(Tpm *tpm, const char *what, TSS2_RC rc)
{
        if (tpm_rc_code(rc) != 0) return fail_tpm(tpm, what, rc);
        tpm->broken = true;
        if (rc == TSS2_ESYS_RC_RSP_AUTH_FAILED)
                return error_set(TPM_E_NAME,
                                 "TPM %s: the answer is not authenticated; whatever answers does not hold the key "
                                 "that is pinned",
                                 what);
        if ((rc & LAYER_MASK) == TSS2_TCTI_RC_LAYER)
                return error_set(TPM_E_GONE, "TPM %s: %s stopped answering (%s)", what, tpm->where,
                                 Tss2_RC_Decode(rc));
        if ((rc & ~(uint32_t)LAYER_MASK) == TSS2_BASE_RC_MEMORY)
                return error_set(-ENOMEM, "TPM %s: no memory", what);
        return error_set(-EIO, "TPM %s: %s", what, Tss2_RC_Decode(rc));
}
