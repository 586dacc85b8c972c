/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unsealing in the fewest commands there are for it, see seal.h for the steps. */

#include "tpm/internal.h"
#include "tpm/pcr.h"
#include "tpm/policy.h"

#include <errno.h>
#include <string.h>

struct TpmUnseal {
        Tpm *tpm;
        TpmUnsealParams params;
        unsigned generation; /* of ESYS, which knows our two resources */
        TpmSession session;
        bool session_used;
        ESYS_TR object;
        uint32_t object_handle;
        PolicyTicket ticket;
};

/* ---- why not ---- */

/* After the TPM refused: a PCR_Read tells the one reason that has a name of its own from the others. */
static int explain_policy(TpmUnseal *u)
{
        const uint32_t mask = u->params.mask | u->params.mask_after;
        cleanup_free char *detail = strdup(error_detail(TPM_E_POLICY));
        static const uint8_t zero[HASH_SIZE_MAX];
        const size_t size = hash_size(u->params.bank);
        TpmPcrValues now;

        if ((mask & TPM_PCR_MASK(TPM_PCR_CAP)) &&
            tpm_pcr_read(u->tpm, u->params.bank, TPM_PCR_MASK(TPM_PCR_CAP), &now) == 0 &&
            !bytes_equal(BYTES(now.value[TPM_PCR_CAP], size), BYTES(zero, size)))
                return error_set(TPM_E_CAPPED, "PCR %d is not zero: this boot was capped already", TPM_PCR_CAP);
        return error_set(TPM_E_POLICY, "%s", detail ? detail : "the PCRs are not those it was sealed for");
}

static int explain(TpmUnseal *u, int r)
{
        switch (r) {
        case TPM_E_POLICY: return explain_policy(u);
        case TPM_E_AUTH:
        case TPM_E_BLOB:
        case TPM_E_NAME:
        case TPM_E_ABSENT:
        case -EPROTO: return tpm_object_explain(u->tpm, u->params.srk, r);
        default: return r;
        }
}

/* ---- start ---- */

static int policy_once(TpmUnseal *u)
{
        const TpmUnsealParams *p = &u->params;
        int r;

        r = policy_pcr(u->tpm, u->session.resource, p->bank, p->mask);
        if (r == 0 && p->approval) r = policy_authorize(u->tpm, u->session.resource, p->approval, &u->ticket);
        if (r == 0 && p->mask_after) r = policy_pcr(u->tpm, u->session.resource, p->bank, p->mask_after);
        return r;
}

static int policy_again(TpmUnseal *u)
{
        const TSS2_RC rc = Esys_PolicyRestart(u->tpm->esys, u->session.resource, ESYS_TR_NONE, ESYS_TR_NONE,
                                              ESYS_TR_NONE);

        return rc == TSS2_RC_SUCCESS ? policy_once(u) : tpm_fail(u->tpm, "PolicyRestart", rc);
}

static int load(TpmUnseal *u, ESYS_TR srk)
{
        int r;

        r = tpm_blob_load(u->tpm, srk, ESYS_TR_PASSWORD, u->params.private_area, u->params.public_area,
                          &u->object);
        if (r == 0) u->object_handle = bus_last_loaded(&u->tpm->bus);
        return r;
}

static int start(TpmUnseal *u)
{
        cleanup_scope TpmScope scope = { 0 };
        ESYS_TR srk;
        int r;

        r = tpm_scope_begin(u->tpm, &scope);
        if (r < 0) return r;
        u->generation = u->tpm->generation;
        r = tpm_object_use(u->tpm, u->params.srk, &srk);
        if (r != 0) return r;
        r = tpm_session_start(u->tpm, srk, TPM2_SE_POLICY, TPMA_SESSION_ENCRYPT, &u->session);
        if (r != 0) return r;
        r = policy_once(u);
        for (int i = 0; r == TPM_E_PCR_CHANGED && i < TPM_UNSEAL_TRIES; i++) r = policy_again(u);
        if (r == 0) r = load(u, srk);
        if (r != 0) return r;
        tpm_resource_close(u->tpm, srk);
        tpm_scope_keep(&scope);
        return 0;
}

int tpm_unseal_start(Tpm *tpm, const TpmUnsealParams *params, TpmUnseal **ret)
{
        cleanup_free TpmUnseal *u = calloc(1, sizeof(*u));
        int r;

        if (!u) return -ENOMEM;
        *u = (TpmUnseal){ .tpm = tpm, .params = *params };
        r = start(u);
        if (r != 0) return error_prefix(explain(u, r), "unsealing");
        *ret = TAKE_PTR(u);
        return 0;
}

/* ---- read ---- */

static int read_once(TpmUnseal *u, Secret **ret)
{
        cleanup_esys TPM2B_SENSITIVE_DATA *data = NULL;
        const TSS2_RC rc = Esys_Unseal(u->tpm->esys, u->object, u->session.resource, ESYS_TR_NONE, ESYS_TR_NONE,
                                       &data);
        int r;

        if (tpm_session_refused(rc)) return tpm_session_unsalted();
        if (tpm_rc_code(rc) == TPM2_RC_POLICY_FAIL && u->params.approval && u->params.mask_after == 0)
                return error_set(TPM_E_SIGNATURE, "the approval is not for this seal, but for another node, "
                                                  "generation or policy key");
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(u->tpm, "Unseal", rc);
        u->session_used = true;
        tpm_session_used(u->tpm, &u->session);
        r = data->size == 0 ? -ENODATA : secret_new_copy(BYTES(data->buffer, data->size), ret);
        secret_wipe(data, sizeof(*data));
        tpm_wipe_answer(u->tpm);
        return r;
}

static int read_secret(TpmUnseal *u, Secret **ret)
{
        int r = read_once(u, ret);

        for (int i = 0; r == TPM_E_PCR_CHANGED && i < TPM_UNSEAL_TRIES; i++) {
                r = policy_again(u);
                if (r == 0) r = read_once(u, ret);
        }
        return r;
}

int tpm_unseal_read(TpmUnseal *u, Secret **ret)
{
        int r;

        if (u->session_used) return -EINVAL;
        if (u->tpm->broken || u->generation != u->tpm->generation)
                return error_set(-EIO, "unsealing: an earlier failure of the TPM interrupted it");
        r = read_secret(u, ret);
        return r == 0 ? 0 : error_prefix(explain(u, r), "unsealing");
}

Bytes tpm_unseal_ticket(const TpmUnseal *u)
{
        return BYTES(u->ticket.bytes, u->ticket.size);
}

/* ---- end ---- */

void tpm_unseal_free(TpmUnseal *u)
{
        const bool known = u && !u->tpm->broken && u->generation == u->tpm->generation;

        if (!u) return;
        bus_flush(&u->tpm->bus, u->object_handle);
        if (!u->session_used) bus_flush(&u->tpm->bus, u->session.handle);
        if (known) {
                tpm_resource_close(u->tpm, u->object);
                if (!u->session_used) tpm_resource_close(u->tpm, u->session.resource);
        }
        free(u);
}

int tpm_unseal(Tpm *tpm, const TpmUnsealParams *params, Secret **ret)
{
        cleanup_unseal TpmUnseal *u = NULL;
        int r;

        r = tpm_unseal_start(tpm, params, &u);
        return r == 0 ? tpm_unseal_read(u, ret) : r;
}
