/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Salted sessions, and what is wiped after them.
 *
 * Every session here is salted (TPM 2.0 Part 1, 19.6.8), and only to a key whose public area the caller knows to
 * be the right one. Whoever does not hold that key can neither read nor make an answer. */

#include "tpm/internal.h"

#include <tss2/tss2_sys.h>

int tpm_session_start(Tpm *tpm, ESYS_TR salt, TPM2_SE type, TPMA_SESSION attributes, TpmSession *ret)
{
        static const TPMT_SYM_DEF cipher = {
                .algorithm = TPM2_ALG_AES,
                .keyBits.aes = 128,
                .mode.aes = TPM2_ALG_CFB,
        };
        TpmSession session = { .resource = ESYS_TR_NONE };
        TSS2_RC rc;

        rc = Esys_StartAuthSession(tpm->esys, salt, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                   type, &cipher, TPM2_ALG_SHA256, &session.resource);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "StartAuthSession", rc);
        tpm_resource_note(tpm, session.resource);
        session.handle = bus_last_loaded(&tpm->bus);
        rc = Esys_TRSess_SetAttributes(tpm->esys, session.resource, attributes, 0xff);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "session attributes", rc);
        *ret = session;
        return 0;
}

bool tpm_session_refused(TSS2_RC rc)
{
        return tpm_rc_code(rc) == TPM2_RC_AUTH_FAIL || tpm_rc_code(rc) == TPM2_RC_BAD_AUTH;
}

int tpm_session_unsalted(void)
{
        return error_set(TPM_E_NAME, "the TPM could not open the session's salt: it does not hold the storage key "
                                     "that is pinned");
}

void tpm_session_used(Tpm *tpm, const TpmSession *session)
{
        bus_forget(&tpm->bus, session->handle);
        tpm_resource_close(tpm, session->resource);
}

/* ESYS decrypts on the stack and leaves it there. */
static __attribute__((noinline)) void wipe_stack(void)
{
        uint8_t below[32768];

        secret_wipe(below, sizeof(below));
}

/* The size that ESYS gives is the answer's own word for it: never more is wiped than was received. */
void tpm_wipe_answer(Tpm *tpm)
{
        const size_t in_front = BUS_HEADER + 4; /* the size of the parameters, since there is a session */
        const size_t received = tpm->bus.response_size > in_front ? tpm->bus.response_size - in_front : 0;
        TSS2_SYS_CONTEXT *sys = NULL;
        const uint8_t *parameters = NULL;
        size_t size = 0;

        if (Esys_GetSysContext(tpm->esys, &sys) == TSS2_RC_SUCCESS &&
            Tss2_Sys_GetRpBuffer(sys, &size, &parameters) == TSS2_RC_SUCCESS)
                secret_wipe((void *)(uintptr_t)parameters, MIN(size, received));
        wipe_stack();
}
