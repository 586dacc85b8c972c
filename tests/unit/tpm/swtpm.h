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
void rig_free(Rig *rig);
DEFINE_CLEANUP(Rig, rig_free)
#define cleanup_rig _cleanup_(rig_freep)

/* "device:/dev/pts/N" */
const char *rig_tcti(const Rig *rig);
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
void rig_forget(Rig *rig);

/* The next `times` commands with this code, after `skip` of them, are answered with rc and do not reach the TPM.
 */
void rig_inject(Rig *rig, uint32_t code, unsigned skip, unsigned times, uint32_t rc);

/* The next answer to this command has its last bit turned over on the way. */
void rig_bend(Rig *rig, uint32_t code);

/* Asks the TPM: sessions and transient objects that are loaded. */
size_t rig_loaded(Rig *rig);
/* Extends a PCR of the SHA-256 bank, as another program would. */
void rig_extend(Rig *rig, unsigned pcr);

/* Runs a shell command in rig_dir() with TPM2TOOLS_TCTI set; it must succeed. `rig_try` gives its exit code. */
void rig_run(Rig *rig, const char *fmt, ...) _printf_(2, 3);
int rig_try(Rig *rig, const char *fmt, ...) _printf_(2, 3);
/* Files in rig_dir(). */
void rig_write(Rig *rig, const char *name, Bytes content);
Bytes rig_read(Rig *rig, const char *name); /* the caller frees .data */
