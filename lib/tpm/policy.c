/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bringing a policy session to the state that opens a seal. */

#include "tpm/policy.h"

#include "base/writer.h"
#include "tpm/pcr.h"
#include "tpm/selection.h"

#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>

int policy_pcr(Tpm *tpm, ESYS_TR session, HashAlg bank, uint32_t mask)
{
        static const TPM2B_DIGEST current = { 0 };
        const TPML_PCR_SELECTION selection = selection_of(bank, mask);
        TSS2_RC rc;

        rc = Esys_PolicyPCR(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &current, &selection);
        return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(tpm, "PolicyPCR", rc);
}

static int bytes_to_digest(Bytes b, TPM2B_DIGEST *ret)
{
        if (b.size > sizeof(ret->buffer))
                return error_set(-EBADMSG, "an approval with a digest of %zu bytes", b.size);
        *ret = (TPM2B_DIGEST){ .size = (uint16_t)b.size };
        if (b.size > 0) memcpy(ret->buffer, b.data, b.size);
        return 0;
}

/* ---- tickets ---- */

static int ticket_parse(Bytes b, TPMT_TK_VERIFIED *ret)
{
        size_t used = 0;

        if (Tss2_MU_TPMT_TK_VERIFIED_Unmarshal(b.data, b.size, &used, ret) != TSS2_RC_SUCCESS || used != b.size)
                return error_set(-EBADMSG, "not a ticket (TPMT_TK_VERIFIED)");
        return 0;
}

static int ticket_write(const TPMT_TK_VERIFIED *ticket, PolicyTicket *ret)
{
        PolicyTicket made = { 0 };

        if (Tss2_MU_TPMT_TK_VERIFIED_Marshal(ticket, made.bytes, sizeof(made.bytes), &made.size) !=
            TSS2_RC_SUCCESS)
                return error_set(-EIO, "the TPM's ticket cannot be encoded");
        *ret = made;
        return 0;
}

/* ---- the signature ---- */

/* aHash of TPM 2.0 Part 3, 23.16.1: H(approvedPolicy || policyRef). */
static int approved_hash(const TpmApproval *a, TPM2B_DIGEST *ret)
{
        const Bytes parts[] = { a->policy, a->policy_ref };

        *ret = (TPM2B_DIGEST){ .size = SHA256_SIZE };
        return hash_parts(HASH_SHA256, parts, ARRAY_SIZE(parts), ret->buffer);
}

static int approval_signature(const TpmApproval *a, TPMT_SIGNATURE *ret)
{
        TPMT_SIGNATURE s = { .sigAlg = TPM2_ALG_RSASSA };

        if (a->signature.size == 0 || a->signature.size > sizeof(s.signature.rsassa.sig.buffer))
                return error_set(TPM_E_SIGNATURE, "an approval with a signature of %zu bytes", a->signature.size);
        s.signature.rsassa.hash = TPM2_ALG_SHA256;
        s.signature.rsassa.sig.size = (uint16_t)a->signature.size;
        memcpy(s.signature.rsassa.sig.buffer, a->signature.data, a->signature.size);
        *ret = s;
        return 0;
}

/* Into the owner hierarchy: a ticket of the NULL hierarchy is empty and proves nothing. */
static int key_load(Tpm *tpm, const TpmApproval *a, ESYS_TR *ret, uint32_t *ret_handle)
{
        ESYS_TR key = ESYS_TR_NONE;
        TPM2B_PUBLIC area;
        TSS2_RC rc;
        int r;

        r = tpm_public_parse(a->key_public, &area);
        if (r < 0) return error_prefix(r, "policy key");
        rc = Esys_LoadExternal(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, &area, ESYS_TR_RH_OWNER,
                               &key);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "LoadExternal of the policy key", rc);
        tpm_resource_note(tpm, key);
        *ret = key;
        *ret_handle = bus_last_loaded(&tpm->bus);
        return 0;
}

/* The TPM checks the signature and says so in a ticket of its own. */
static int signature_verify(Tpm *tpm, const TpmApproval *a, ESYS_TR key, TPMT_TK_VERIFIED *ret)
{
        cleanup_esys TPMT_TK_VERIFIED *ticket = NULL;
        TPMT_SIGNATURE signature;
        TPM2B_DIGEST digest;
        TSS2_RC rc;
        int r;

        r = approved_hash(a, &digest);
        if (r == 0) r = approval_signature(a, &signature);
        if (r != 0) return r;
        rc = Esys_VerifySignature(tpm->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &signature,
                                  &ticket);
        if (tpm_rc_code(rc) == TPM2_RC_SIZE)
                return error_set(TPM_E_SIGNATURE, "the approval's signature is not of the policy key's size");
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "VerifySignature of the approval", rc);
        *ret = *ticket;
        return 0;
}

/* ---- PolicyAuthorize ---- */

static TSS2_RC authorize(Tpm *tpm, ESYS_TR session, const TpmApproval *a, const TPMT_TK_VERIFIED *ticket)
{
        TPM2B_DIGEST approved;
        TPM2B_NONCE reference;
        TPM2B_NAME name = { 0 };
        TpmObject key;

        if (bytes_to_digest(a->policy, &approved) < 0 || bytes_to_digest(a->policy_ref, &reference) < 0 ||
            tpm_object_init(0, a->key_public, &key) < 0)
                return TSS2_ESYS_RC_BAD_VALUE;
        name.size = (uint16_t)key.name.size;
        memcpy(name.name, key.name.bytes, key.name.size);
        return Esys_PolicyAuthorize(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &approved,
                                    &reference, &name, ticket);
}

/* TPM_RC_VALUE says either that approvedPolicy, parameter 1, is not what the session holds, or that the ticket,
 * parameter 4, is not for these values. */
static bool ticket_refused(TSS2_RC rc)
{
        if (tpm_rc_code(rc) == TPM2_RC_VALUE) return (rc & TPM2_RC_N_MASK) != TPM2_RC_1;
        return tpm_rc_code(rc) == TPM2_RC_TICKET || tpm_rc_code(rc) == TPM2_RC_HIERARCHY;
}

static int authorize_result(Tpm *tpm, TSS2_RC rc)
{
        if (rc == TSS2_RC_SUCCESS) return 0;
        if (tpm_rc_code(rc) == TPM2_RC_VALUE)
                return error_set(TPM_E_POLICY, "the PCRs are not those of the approved policy");
        return tpm_fail(tpm, "PolicyAuthorize", rc);
}

static int authorize_by_signature(Tpm *tpm, ESYS_TR session, const TpmApproval *a, PolicyTicket *ret)
{
        TPMT_TK_VERIFIED ticket;
        uint32_t handle = 0;
        ESYS_TR key = ESYS_TR_NONE;
        int r;

        r = key_load(tpm, a, &key, &handle);
        if (r != 0) return r;
        r = signature_verify(tpm, a, key, &ticket);
        if (r == 0) r = authorize_result(tpm, authorize(tpm, session, a, &ticket));
        bus_flush(&tpm->bus, handle);
        tpm_resource_close(tpm, key);
        return r == 0 ? ticket_write(&ticket, ret) : r;
}

int policy_authorize(Tpm *tpm, ESYS_TR session, const TpmApproval *a, PolicyTicket *ticket)
{
        const Bytes stored = ticket->size > 0 ? BYTES(ticket->bytes, ticket->size) : a->ticket;
        TPMT_TK_VERIFIED t;
        TSS2_RC rc;

        if (stored.size > 0 && ticket_parse(stored, &t) == 0) {
                rc = authorize(tpm, session, a, &t);
                if (!ticket_refused(rc)) return authorize_result(tpm, rc);
        }
        return authorize_by_signature(tpm, session, a, ticket);
}
