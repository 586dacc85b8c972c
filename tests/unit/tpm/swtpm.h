/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A real swtpm for tests, behind a terminal device, so that tcti-device talks to it as to /dev/tpm0.
 *
 * Between the two stands a thread that sees every byte: it counts and keeps what passes, answers a command with an
 * error in the TPM's place where a test wants that, and lets the test ask the TPM itself, past the code that is
 * tested. Nothing here returns an error: a rig that does not work ends the test. swtpm dies with the test. */

#include "base/macros.h"
#include "base/reader.h"

typedef struct Rig Rig;

Rig *rig_new(void);
/* The same, with what a maker leaves in NV: certificates of EKs and platform, made by swtpm_setup. */
Rig *rig_new_manufactured(void);
void rig_free(Rig *rig);
DEFINE_CLEANUP(Rig, rig_free)
#define cleanup_rig _cleanup_(rig_freep)

/* "device:/dev/pts/N" */
const char *rig_tcti(const Rig *rig);
/* From now on rig_tcti() is a socket, "swtpm:path=...": without the terminal's own latency, which is a worker
 * thread's of the kernel, and without tcti-device's probe. For measuring time. */
void rig_use_socket(Rig *rig);
/* A folder for a test's files, removed with the rig. */
const char *rig_dir(const Rig *rig);

/* Kills swtpm without a shutdown and starts it again with the same state: PCRs zero, transient objects gone. */
void rig_power_cut(Rig *rig);
/* Kills it for good: the device then answers nothing and closes. */
void rig_kill(Rig *rig);

/* Commands that came over the device since the last rig_forget(), and whether these bytes were among what passed
 * in either direction. */
size_t rig_commands(Rig *rig);
bool rig_saw(Rig *rig, Bytes needle);
/* The same for any RIG_PIECE bytes in a row of a secret, as they are, turned over or in reverse order. */
enum { RIG_PIECE = 6 };
bool rig_saw_piece(Rig *rig, Bytes secret);
void rig_forget(Rig *rig);

/* The next `times` commands with this code, after `skip` of them, are answered with rc and do not reach the TPM.
 */
void rig_inject(Rig *rig, uint32_t code, unsigned skip, unsigned times, uint32_t rc);

/* The next answer to this command has its last bit turned over on the way. */
void rig_bend(Rig *rig, uint32_t code);

typedef enum RigFault {
        RIG_FAULT_CODE,       /* an error in the TPM's place, which does not see the command */
        RIG_FAULT_BEND,       /* the last bit of the answer turned over */
        RIG_FAULT_EMPTY,      /* success, and nothing behind it */
        RIG_FAULT_GARBAGE,    /* success, and 0xff in place of all that follows */
        RIG_FAULT_CUT_BEFORE, /* the power goes before the TPM sees the command; answered as a TPM never started */
        RIG_FAULT_CUT_AFTER,  /* the power goes after the TPM has done it */
} RigFault;

/* That happens to the command after the next `skip` ones, whichever it is, once. rc is RIG_FAULT_CODE's. */
void rig_fault(Rig *rig, unsigned skip, RigFault fault, uint32_t rc);
/* Whether it has happened. */
bool rig_fault_done(Rig *rig);

/* An active interposer: is given every command, and what it writes to response, of RIG_MESSAGE_MAX bytes, is the
 * answer; 0 lets the command pass. It may use rig_exchange(). */
enum { RIG_MESSAGE_MAX = 4096 };
typedef size_t RigHook(void *userdata, Bytes command, uint8_t *response);
void rig_hook(Rig *rig, RigHook *hook, void *userdata);
/* One command past everything here: what the TPM answers, whatever it is. */
size_t rig_exchange(Rig *rig, Bytes command, uint8_t *response);

/* Latency by command: `delay_us` is asked how much longer this one takes than swtpm itself. */
typedef unsigned RigDelay(uint32_t code);
void rig_latency(Rig *rig, RigDelay *delay_us);

/* What passed since the last rig_forget(), in microseconds of the monotonic clock. */
typedef struct RigPassed {
        uint32_t code;
        uint64_t arrived, answered;
} RigPassed;
enum { RIG_PASSED_MAX = 1024 };
size_t rig_passed(Rig *rig, RigPassed *ret, size_t max);

/* Asks the TPM: sessions and transient objects that are loaded. */
size_t rig_loaded(Rig *rig);
/* Extends a PCR of the SHA-256 bank, as another program would: by zeros, or by this digest. */
void rig_extend(Rig *rig, unsigned pcr);
void rig_extend_by(Rig *rig, unsigned pcr, const uint8_t digest[static 32]);

/* Runs a shell command in rig_dir() with TPM2TOOLS_TCTI set; it must succeed. `rig_try` gives its exit code. */
void rig_run(Rig *rig, const char *fmt, ...) _printf_(2, 3);
int rig_try(Rig *rig, const char *fmt, ...) _printf_(2, 3);
/* Files in rig_dir(). */
void rig_write(Rig *rig, const char *name, Bytes content);
Bytes rig_read(Rig *rig, const char *name); /* the caller frees .data */
