/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What was sent, and what the TPM says about itself. */

#include "tpm/internal.h"

#include "base/writer.h"

#include <errno.h>

enum { LIST_MAX = 40 * BUS_RECORDED }; /* the longest name has 34 characters */

size_t tpm_commands_count(const Tpm *tpm)
{
        return tpm->bus.count;
}

size_t tpm_commands_repeated(const Tpm *tpm)
{
        return tpm->bus.repeated;
}

int tpm_commands_list(const Tpm *tpm, size_t mark, char **ret)
{
        cleanup_writer Writer w = WRITER_INIT(LIST_MAX);
        const size_t end = MIN(tpm->bus.count, (size_t)BUS_RECORDED);

        for (size_t i = mark; i < end; i++) {
                const char *name = tpm_command_name(tpm->bus.codes[i]);

                if (i > mark) writer_text(&w, " ");
                if (name) writer_text(&w, name);
                else writer_format(&w, "0x%03x", tpm->bus.codes[i]);
        }
        if (tpm->bus.count > BUS_RECORDED) writer_text(&w, " ...");
        return writer_steal_text(&w, ret);
}

/* ---- lockout ---- */

static void lockout_take(const TPML_TAGGED_TPM_PROPERTY *properties, TpmLockout *lockout)
{
        for (uint32_t i = 0; i < properties->count && i < TPM2_MAX_TPM_PROPERTIES; i++) {
                const uint32_t value = properties->tpmProperty[i].value;

                switch (properties->tpmProperty[i].property) {
                case TPM2_PT_PERMANENT: lockout->locked = value & TPMA_PERMANENT_INLOCKOUT; break;
                case TPM2_PT_LOCKOUT_COUNTER: lockout->failed = value; break;
                case TPM2_PT_MAX_AUTH_FAIL: lockout->allowed = value; break;
                case TPM2_PT_LOCKOUT_INTERVAL: lockout->interval = value; break;
                default: break;
                }
        }
}

static int properties_read(Tpm *tpm, uint32_t first, uint32_t last, TpmLockout *lockout)
{
        cleanup_esys TPMS_CAPABILITY_DATA *data = NULL;
        TPMI_YES_NO more;
        TSS2_RC rc;

        rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES,
                                first, last - first + 1, &more, &data);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "GetCapability", rc);
        if (data->capability != TPM2_CAP_TPM_PROPERTIES)
                return error_set(-EIO, "TPM GetCapability: the answer is to another question");
        lockout_take(&data->data.tpmProperties, lockout);
        return 0;
}

int tpm_lockout_read(Tpm *tpm, TpmLockout *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        TpmLockout lockout = { 0 };
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = properties_read(tpm, TPM2_PT_PERMANENT, TPM2_PT_PERMANENT, &lockout);
        if (r != 0) return r;
        r = properties_read(tpm, TPM2_PT_LOCKOUT_COUNTER, TPM2_PT_LOCKOUT_RECOVERY, &lockout);
        if (r != 0) return r;
        *ret = lockout;
        return 0;
}
