/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One open TPM 2.0.
 *
 * lib/tpm is the only user of tpm2-tss (ESYS); none of its types leaves this folder.
 *
 * Nothing stays behind: a session or transient object that a function of this library loads is flushed before
 * that function returns, whether it worked or not. The one exception is TpmUnseal (seal.h), which lives across
 * calls and is flushed by tpm_unseal_free(). tpm_close() flushes whatever is left even so. That holds without a
 * resource manager, too.
 *
 * Not for several threads at once: one Tpm belongs to one thread at a time.
 *
 * tpm2-tss logs to stderr by itself; tpm_open() turns that off unless the environment has TSS2_LOG. */

#include "base/macros.h"
#include "base/reader.h"

typedef struct Tpm Tpm;

/* The outcomes of every function of lib/tpm that sends a command. Each comes with a detail (base/error.h) that
 * says in words what happened and what to do. Everything else is -errno: -EIO for an answer that makes no sense,
 * -EPROTO for an error code of the TPM that no outcome stands for, -ENOMEM, -EINVAL for a caller's mistake. */
enum {
        TPM_E_GONE = 1,    /* no TPM there, or it stopped answering */
        TPM_E_BUSY,        /* another program holds it, or it kept saying "later" or "no room" until time was up */
        TPM_E_LOCKOUT,     /* dictionary-attack lockout */
        TPM_E_AUTH,        /* a hierarchy or object has a password that we do not have */
        TPM_E_ABSENT,      /* no object at this handle, or no such NV index */
        TPM_E_OCCUPIED,    /* another object is at our handle; the detail names the command that frees it */
        TPM_E_NAME,        /* this is not the object that is pinned, or whoever answers does not hold its key */
        TPM_E_BLOB,        /* a sealed blob or credential that this TPM's key did not make, or an altered one */
        TPM_E_POLICY,      /* the PCRs are not those the seal or approval was made for */
        TPM_E_CAPPED,      /* as TPM_E_POLICY, and the cap PCR is not zero: this boot was capped already */
        TPM_E_PCR_CHANGED, /* PCRs kept moving while we unsealed, more often than we try again */
        TPM_E_SIGNATURE,   /* an approval is not signed by this key, or for this policyRef */
        TPM_E_PARTIAL,     /* the cap reached the seal's bank, but not all others */
        TPM_E_UNSUPPORTED, /* this TPM lacks the command, curve, algorithm or bank */
};

/* How long a TPM may answer "later" (TPM_RC_RETRY, YIELDED, TESTING, NV_RATE) or "no room" (the three memory
 * codes; another program's objects) to one command before that is TPM_E_BUSY. Long enough for the self test of
 * a slow discrete TPM. */
enum { TPM_BUSY_SECONDS = 10 };

/* tcti is NULL for the machine's TPM: /dev/tpm0, or /dev/tpmrm0 where that one does not open. Else a
 * TCTI string as tpm2-tools take them: "device:/dev/tpm0", "swtpm:path=/run/swtpm.sock", ...
 * TPM_E_GONE, TPM_E_BUSY, -EACCES, -EINVAL for a TCTI that cannot be loaded. */
_must_check_ int tpm_open(const char *tcti, Tpm **ret);
void tpm_close(Tpm *tpm);
/* Flushes what is loaded because of us, for a process that ends without tpm_close(): the device has no resource
 * manager. What was prepared is gone then, and may still be freed. */
void tpm_flush(Tpm *tpm);
DEFINE_CLEANUP(Tpm, tpm_close)
#define cleanup_tpm _cleanup_(tpm_closep)

/* What was opened, for people: "/dev/tpmrm0", or the TCTI string. */
const char *tpm_where(const Tpm *tpm);

/* ---- counting, at the TCTI: what really goes to the TPM ---- */

/* Commands sent since tpm_open(), those sent again after a "later" included. tcti-device's own probe, one
 * GetRandom, is the first of them. The count is also a mark: see tpm_commands_list(). */
size_t tpm_commands_count(const Tpm *tpm);
/* How many of these were sent again. */
size_t tpm_commands_repeated(const Tpm *tpm);
/* Names of the commands from mark on, "GetRandom Quote StartAuthSession ...": a new string, the caller's to free.
 * Only the first 4096 commands are recorded; the list then ends with "...". */
_must_check_ int tpm_commands_list(const Tpm *tpm, size_t mark, char **ret);
/* "Quote" for 0x158, as in TPM 2.0 Part 2, 6.5.2; NULL for one that is not known here. */
const char *tpm_command_name(uint32_t code);

/* ---- what the TPM says about itself ---- */

typedef struct TpmLockout {
        bool locked;       /* TPM_E_LOCKOUT is what objects without noDA answer */
        uint32_t failed;   /* failed tries so far */
        uint32_t allowed;  /* tries before it locks */
        uint32_t interval; /* seconds until one try is forgotten */
} TpmLockout;

/* TPM 2.0 Part 3, 30.2 TPM2_GetCapability(TPM_PT_LOCKOUT_*). */
_must_check_ int tpm_lockout_read(Tpm *tpm, TpmLockout *ret);
