/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside lib/tpm: the TCTI that stands between ESYS and the real one.
 *
 * Everything that goes to the TPM passes here, so this is where commands are counted and listed, sent again while
 * the TPM says "later" or "no room", and where it is known what is loaded. It also answers, without asking the
 * TPM, the ReadPublic by which ESYS learns of a key that the node remembers. */

#include "base/macros.h"
#include "tpm/object.h"

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

enum {
        BUS_BUFFER = 4096,   /* the largest command or response: TPM2_MAX_COMMAND_SIZE */
        BUS_RECORDED = 4096, /* commands listed; unlocking takes about ten */
        BUS_LOADED = 32,     /* more than TPMs have room for */
        BUS_HEADER = 10,     /* tag, size, code (TPM 2.0 Part 1, 18.1) */
};

typedef struct TpmBus {
        TSS2_TCTI_CONTEXT_COMMON_V2 common; /* what ESYS sees; first, so that one pointer is both */
        TSS2_TCTI_CONTEXT *inner;
        int busy_ms; /* how long one command is sent again and again */

        uint8_t command[BUS_BUFFER]; /* kept for sending it again */
        size_t command_size;
        uint8_t response[BUS_BUFFER]; /* as it was on the wire */
        size_t response_size;
        bool answered;               /* response holds an answer that was not taken yet */
        const TpmObject *remembered; /* answers a ReadPublic of its handle */
        uint32_t gave_up;            /* the code that was still there when busy_ms was over, else 0 */

        size_t count;
        size_t repeated;
        uint16_t codes[BUS_RECORDED];

        uint32_t loaded[BUS_LOADED]; /* sessions and transient objects that are in the TPM because of us */
        size_t n_loaded;
} TpmBus;

void bus_init(TpmBus *bus, TSS2_TCTI_CONTEXT *inner);
/* Counts a command that went around us: tcti-device's probe. */
void bus_count(TpmBus *bus, uint32_t code);

/* The handle that the last command loaded; 0 if it loaded none. */
uint32_t bus_last_loaded(const TpmBus *bus);
/* It is no longer there: a session that the TPM ended by itself. */
void bus_forget(TpmBus *bus, uint32_t handle);
/* A command that has a handle and nothing else, without ESYS, so that it works whatever state ESYS is in. The
 * answer's parameters are in *ret until the next command. */
TSS2_RC bus_exchange(TpmBus *bus, uint32_t code, uint32_t handle, Bytes *ret);
/* TPM2_FlushContext, again where it fails; what cannot be flushed even so is forgotten. */
void bus_flush(TpmBus *bus, uint32_t handle);
