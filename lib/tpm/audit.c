/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/audit.h"
#include "tpm/key-internal.h"
#include "tpm/selection.h"

#include <errno.h>
#include <string.h>

enum { PCRS_MAX = 8 }; /* TPML_DIGEST */

static const TPMT_SIG_SCHEME scheme_of_key = { .scheme = TPM2_ALG_NULL };

/* ---- commands ---- */

static int list_of(const uint32_t *codes, size_t n, TPML_CC *ret)
{
        if (n > TPM_AUDIT_CODES_MAX) return -EINVAL;
        *ret = (TPML_CC){ .count = (uint32_t)n };
        for (size_t i = 0; i < n; i++) ret->commandCodes[i] = codes[i];
        return 0;
}

int tpm_audit_commands(Tpm *tpm, const uint32_t *add, size_t n_add, const uint32_t *remove, size_t n_remove)
{
        cleanup_scope TpmScope scope = { 0 };
        TPML_CC set, clear;
        TSS2_RC rc;
        int r;

        r = list_of(add, n_add, &set);
        if (r == 0) r = list_of(remove, n_remove, &clear);
        if (r == 0) r = tpm_scope_begin(tpm, &scope);
        if (r != 0) return r;
        rc = Esys_SetCommandCodeAuditStatus(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                            ESYS_TR_NONE, TPM2_ALG_NULL, &set, &clear);
        return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(tpm, "SetCommandCodeAuditStatus", rc);
}

int tpm_audit_read(Tpm *tpm, const TpmKey *ak, Bytes qualifying, TpmSigned *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_esys TPM2B_ATTEST *attest = NULL;
        cleanup_esys TPMT_SIGNATURE *signature = NULL;
        LoadedKey signer = { .object = ESYS_TR_RH_NULL };
        TPM2B_DATA data;
        TSS2_RC rc;
        int r;

        r = tpm_qualifying_data(qualifying, &data);
        if (r == 0) r = tpm_scope_begin(tpm, &scope);
        if (r == 0 && ak) r = tpm_key_load(tpm, ak, ESYS_TR_NONE, &signer);
        if (r != 0) return r;
        rc = Esys_GetCommandAuditDigest(tpm->esys, ESYS_TR_RH_ENDORSEMENT, signer.object, ESYS_TR_PASSWORD,
                                        ESYS_TR_PASSWORD, ESYS_TR_NONE, &data, &scheme_of_key, &attest,
                                        &signature);
        return rc == TSS2_RC_SUCCESS ? tpm_signed_of(attest, signature, ret)
                                     : tpm_fail(tpm, "GetCommandAuditDigest", rc);
}

/* ---- a session ---- */

/* The parameters of the answer as they were on the wire, behind header and size. */
static int response_take(const Tpm *tpm, TpmAuditedRead *ret)
{
        Reader r = READER_INIT(BYTES(tpm->bus.response, tpm->bus.response_size));
        uint32_t size;
        Bytes b;

        if (reader_skip(&r, BUS_HEADER) < 0 || reader_be32(&r, &size) < 0 || size > sizeof(ret->response) ||
            reader_bytes(&r, size, &b) < 0)
                return error_set(-EIO, "TPM PCR_Read: a short answer");
        memcpy(ret->response, b.data, b.size);
        ret->response_size = b.size;
        return 0;
}

static int values_take(const TPML_PCR_SELECTION *given, const TPML_DIGEST *digests, TpmPcrValues *values)
{
        const size_t size = hash_size(values->bank);
        size_t i = 0;

        if (selection_mask(given, values->bank) != values->mask)
                return error_set(TPM_E_UNSUPPORTED, "the TPM does not give these PCRs of the %s bank at once",
                                 hash_name(values->bank));
        for (unsigned pcr = 0; pcr < TPM_PCR_COUNT; pcr++) {
                if (!(values->mask & TPM_PCR_MASK(pcr))) continue;
                if (i >= digests->count || digests->digests[i].size != size)
                        return error_set(-EIO, "TPM PCR_Read: the answer does not hold what it says");
                memcpy(values->value[pcr], digests->digests[i++].buffer, size);
        }
        return 0;
}

static int read_audited(Tpm *tpm, ESYS_TR session, TpmAuditedRead *ret)
{
        const TPML_PCR_SELECTION selection = selection_of(ret->values.bank, ret->values.mask);
        cleanup_esys TPML_PCR_SELECTION *given = NULL;
        cleanup_esys TPML_DIGEST *digests = NULL;
        uint32_t counter;
        TSS2_RC rc;
        int r;

        rc = Esys_PCR_Read(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, &selection, &counter, &given, &digests);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "PCR_Read", rc);
        r = response_take(tpm, ret);
        return r == 0 ? values_take(given, digests, &ret->values) : r;
}

/* TPML_PCR_SELECTION of one bank */
static void parameters_put(HashAlg bank, uint32_t mask, TpmAuditedRead *ret)
{
        const uint8_t p[] = { 0,
                              0,
                              0,
                              1,
                              (uint8_t)(bank >> 8),
                              (uint8_t)bank,
                              3,
                              (uint8_t)mask,
                              (uint8_t)(mask >> 8),
                              (uint8_t)(mask >> 16) };

        memcpy(ret->parameters, p, sizeof(p));
        ret->parameters_size = sizeof(p);
}

static int session_digest(Tpm *tpm, const LoadedKey *signer, ESYS_TR session, const TPM2B_DATA *data,
                          TpmSigned *ret)
{
        cleanup_esys TPM2B_ATTEST *attest = NULL;
        cleanup_esys TPMT_SIGNATURE *signature = NULL;
        TSS2_RC rc;

        rc = Esys_GetSessionAuditDigest(tpm->esys, ESYS_TR_RH_ENDORSEMENT, signer->object, session,
                                        ESYS_TR_PASSWORD, ESYS_TR_PASSWORD, ESYS_TR_NONE, data, &scheme_of_key,
                                        &attest, &signature);
        return rc == TSS2_RC_SUCCESS ? tpm_signed_of(attest, signature, ret)
                                     : tpm_fail(tpm, "GetSessionAuditDigest", rc);
}

int tpm_audit_pcr_read(Tpm *tpm, const TpmKey *ak, Bytes qualifying, HashAlg bank, uint32_t mask,
                       TpmAuditedRead *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        TpmAuditedRead made = { .values = { .bank = bank, .mask = mask } };
        TpmSession session;
        LoadedKey signer;
        TPM2B_DATA data;
        int r;

        if (hash_size((uint16_t)bank) == 0 || mask == 0 || mask >= TPM_PCR_MASK(TPM_PCR_COUNT) ||
            __builtin_popcount(mask) > PCRS_MAX)
                return -EINVAL;
        parameters_put(bank, mask, &made);
        r = tpm_qualifying_data(qualifying, &data);
        if (r == 0) r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = tpm_key_load(tpm, ak, ESYS_TR_NONE, &signer);
        if (r == 0)
                r = tpm_session_start(tpm, signer.parent, TPM2_SE_HMAC,
                                      TPMA_SESSION_AUDIT | TPMA_SESSION_CONTINUESESSION, &session);
        if (r == 0) r = read_audited(tpm, session.resource, &made);
        if (r == 0) r = session_digest(tpm, &signer, session.resource, &data, &made.audit);
        if (r != 0) return r;
        *ret = made;
        return 0;
}
