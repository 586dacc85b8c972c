/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside lib/tpm: what its files share. The only header, with bus.h, that has tpm2-tss types in it. */

#include "base/error.h"
#include "base/macros.h"
#include "base/secret.h"
#include "tpm/bus.h"
#include "tpm/keys.h"
#include "tpm/object.h"
#include "tpm/quote.h"
#include "tpm/tpm.h"

#include <tss2/tss2_esys.h>

enum { TPM_RESOURCES_MAX = 32 };

struct Tpm {
        TpmBus bus;
        TSS2_TCTI_CONTEXT *tcti; /* the real one, below the bus */
        ESYS_CONTEXT *esys;
        unsigned generation;                  /* of esys: resources of an older one are gone */
        bool broken;                          /* esys is stuck after an answer it could not use: begin anew */
        ESYS_TR resources[TPM_RESOURCES_MAX]; /* what ESYS remembers because of us */
        size_t n_resources;
        char *where;
};

static inline void esys_freep(void *p)
{
        Esys_Free(*(void **)p);
}
/* For what ESYS allocates. */
#define cleanup_esys _cleanup_(esys_freep)

/* ---- errors: rc.c ---- */

/* Makes an outcome of a TSS2_RC, with a detail that starts with `what`, a command or a step. Never 0. */
int tpm_fail(Tpm *tpm, const char *what, TSS2_RC rc);
/* The code of a TPM's answer without the number of the parameter, handle or session that it complains about;
 * 0 if it does not come from the TPM. */
uint32_t tpm_rc_code(TSS2_RC rc);
/* Says it that encrypted contents are not for this key, or were altered? Which of its checks failed is nobody's
 * business. */
bool tpm_rc_of_contents(TSS2_RC rc);

/* ---- opening: open.c ---- */

/* The first of these that opens; else what tpm_open() of the first says. */
_must_check_ int tpm_open_any(const char *const *tctis, size_t n, Tpm **ret);

/* ---- scopes: open.c ----
 *
 * A scope is how nothing stays behind: what was loaded since it began is flushed when the block ends. */

typedef struct TpmScope {
        Tpm *tpm;
        size_t loaded;
        size_t resources;
} TpmScope;

/* Also gives ESYS a fresh start where it is stuck. */
_must_check_ int tpm_scope_begin(Tpm *tpm, TpmScope *ret);
void tpm_scope_end(TpmScope *scope);
/* What was loaded stays: someone else answers for it now. */
void tpm_scope_keep(TpmScope *scope);
#define cleanup_scope _cleanup_(tpm_scope_end)

/* A resource that ends with the scope. */
void tpm_resource_note(Tpm *tpm, ESYS_TR resource);
void tpm_resource_close(Tpm *tpm, ESYS_TR resource);

/* ---- public areas: object.c ---- */

_must_check_ int tpm_public_parse(Bytes b, TPM2B_PUBLIC *ret);
_must_check_ int tpm_public_write(const TPMT_PUBLIC *area, TpmPublic *ret);
_must_check_ int tpm_object_of(uint32_t handle, const TPM2B_PUBLIC *area, TpmObject *ret);
/* Makes ESYS know a persistent object. Sends nothing. */
_must_check_ int tpm_object_use(Tpm *tpm, const TpmObject *object, ESYS_TR *ret);
/* Told apart after something failed that needs the right key at object->handle: r, or TPM_E_NAME or
 * TPM_E_ABSENT if another key or none is there. */
int tpm_object_explain(Tpm *tpm, const TpmObject *object, int r);

_must_check_ int tpm_blob_of(const TPM2B_PRIVATE *private_area, const TPM2B_PUBLIC *public_area, TpmBlob *ret);
/* Loads it under its parent. TPM_E_BLOB, TPM_E_NAME. */
_must_check_ int tpm_blob_load(Tpm *tpm, ESYS_TR parent, ESYS_TR session, Bytes private_area, Bytes public_area,
                               ESYS_TR *ret);

/* ---- sessions: session.c ---- */

typedef struct TpmSession {
        ESYS_TR resource;
        uint32_t handle;
} TpmSession;

/* A session of type TPM2_SE_* salted to this key, AES-128-CFB and SHA-256, with TPMA_SESSION_* attributes. Where
 * those lack CONTINUESESSION the TPM ends it with the first command that works: tpm_session_used(). */
_must_check_ int tpm_session_start(Tpm *tpm, ESYS_TR salt, TPM2_SE type, TPMA_SESSION attributes, TpmSession *ret);
void tpm_session_used(Tpm *tpm, const TpmSession *session);
/* The TPM says that the HMAC is wrong. Where no password is involved, that is because it could not open the salt:
 * TPM_E_NAME. */
bool tpm_session_refused(TSS2_RC rc);
int tpm_session_unsalted(void);

/* After a command whose answer or input was secret: wipes what ESYS and the stack below kept of it. */
void tpm_wipe_answer(Tpm *tpm);

/* ---- primaries: primary.c ---- */

/* A transient primary with an empty password. */
_must_check_ int tpm_primary_make(Tpm *tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC *wanted, ESYS_TR *ret,
                                  TpmObject *ret_object);
_must_check_ int tpm_primary_persist(Tpm *tpm, ESYS_TR primary, uint32_t handle);
/* TPM_E_OCCUPIED with the command that frees the handle. */
int tpm_handle_occupied(uint32_t handle, const char *wanted);
/* The EK as a transient primary. */
_must_check_ int tpm_ek_make(Tpm *tpm, const TpmEk *ek, ESYS_TR *ret, TpmObject *ret_object);
/* The same, and it is the one that was read: TPM_E_NAME. */
_must_check_ int tpm_ek_use(Tpm *tpm, const TpmEk *ek, ESYS_TR *ret);
/* A session that may use it once, salted to it, with these attributes beside: by PolicySecret(endorsement), or by
 * its password where it has one. */
_must_check_ int tpm_ek_session(Tpm *tpm, const TpmEk *ek, ESYS_TR key, TPMA_SESSION attributes, TpmSession *ret);

/* ---- what the TPM signed: quote.c ---- */

_must_check_ int tpm_signed_of(const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *signature, TpmSigned *ret);

/* ---- NV: nv.c ---- */

/* A whole index of at most max bytes; *ret is the caller's to free. TPM_E_ABSENT. */
_must_check_ int tpm_nv_read(Tpm *tpm, uint32_t index, size_t max, uint8_t **ret, size_t *ret_size);
