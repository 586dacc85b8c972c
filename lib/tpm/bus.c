/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A wrapping TCTI (TCG TSS 2.0 TCTI specification, 3.2). See bus.h for what it is there for.
 *
 * Sending a command again is right here and nowhere above: a TPM that answers with a warning has not begun the
 * command and has not rolled a nonce (TPM 2.0 Part 2, 6.6.3), so the very same bytes are still valid. ESYS would
 * try five times without a pause. */

#include "tpm/bus.h"
#include "base/writer.h"

#include <string.h>
#include <time.h>

enum { DELAY_FIRST_MS = 1, DELAY_MAX_MS = 200, CODE_OFFSET = 6, FLUSH_TRIES = 3 };

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t command_code(const TpmBus *bus)
{
        return be32(bus->command + CODE_OFFSET);
}

static uint32_t response_code(const TpmBus *bus)
{
        return be32(bus->response + CODE_OFFSET);
}

static int64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(int ms)
{
        const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

        nanosleep(&t, NULL);
}

void bus_count(TpmBus *bus, uint32_t code)
{
        if (bus->count < BUS_RECORDED) bus->codes[bus->count] = code <= UINT16_MAX ? (uint16_t)code : UINT16_MAX;
        bus->count++;
}

static TSS2_RC bus_send(TpmBus *bus)
{
        bus_count(bus, command_code(bus));
        return Tss2_Tcti_Transmit(bus->inner, bus->command_size, bus->command);
}

static bool later(uint32_t code)
{
        switch (code) {
        case TPM2_RC_RETRY:
        case TPM2_RC_YIELDED:
        case TPM2_RC_TESTING:
        case TPM2_RC_NV_RATE:
        case TPM2_RC_OBJECT_MEMORY:
        case TPM2_RC_SESSION_MEMORY:
        case TPM2_RC_MEMORY: return true;
        default: return false;
        }
}

/* ---- what is loaded ---- */

static bool loads(uint32_t code)
{
        switch (code) {
        case TPM2_CC_StartAuthSession:
        case TPM2_CC_Load:
        case TPM2_CC_LoadExternal:
        case TPM2_CC_CreatePrimary:
        case TPM2_CC_CreateLoaded:
        case TPM2_CC_ContextLoad:
        case TPM2_CC_HMAC_Start:
        case TPM2_CC_HashSequenceStart: return true;
        default: return false;
        }
}

void bus_forget(TpmBus *bus, uint32_t handle)
{
        for (size_t i = 0; i < bus->n_loaded; i++)
                if (bus->loaded[i] == handle) {
                        bus->n_loaded--;
                        memmove(bus->loaded + i, bus->loaded + i + 1,
                                (bus->n_loaded - i) * sizeof(bus->loaded[0]));
                        return;
                }
}

uint32_t bus_last_loaded(const TpmBus *bus)
{
        if (!loads(command_code(bus)) || bus->n_loaded == 0) return 0;
        return bus->loaded[bus->n_loaded - 1];
}

static void note_loaded(TpmBus *bus)
{
        if (response_code(bus) != TPM2_RC_SUCCESS) return;
        if (loads(command_code(bus)) && bus->response_size >= BUS_HEADER + 4 && bus->n_loaded < BUS_LOADED)
                bus->loaded[bus->n_loaded++] = be32(bus->response + BUS_HEADER);
        if (command_code(bus) == TPM2_CC_FlushContext && bus->command_size >= BUS_HEADER + 4)
                bus_forget(bus, be32(bus->command + BUS_HEADER));
}

/* ---- answers ---- */

/* The response to TPM2_ReadPublic (TPM 2.0 Part 3, 12.4) as the TPM would give it for the key that is remembered.
 * This is how ESYS is told of a key without a command, in a form that no version of ESYS can disagree with:
 * what Esys_TR_Serialize writes is private to each. The qualified name is not known and used by nobody. */
static TSS2_RC answer_read_public(TpmBus *bus)
{
        Writer body = WRITER_FIXED(bus->response);
        Bytes done;

        writer_be16(&body, TPM2_ST_NO_SESSIONS);
        writer_be32(&body, 0);
        writer_be32(&body, TPM2_RC_SUCCESS);
        writer_tpm2b(&body, tpm_public_bytes(&bus->remembered->public_area));
        writer_tpm2b(&body, tpm_name_bytes(&bus->remembered->name));
        writer_tpm2b(&body, tpm_name_bytes(&bus->remembered->name));
        if (writer_finish(&body, &done) != 0) return TSS2_TCTI_RC_GENERAL_FAILURE;
        for (size_t i = 0; i < 4; i++) bus->response[2 + i] = (uint8_t)(done.size >> (24 - 8 * i));
        bus->response_size = done.size;
        bus->answered = true;
        return TSS2_RC_SUCCESS;
}

static bool is_remembered(const TpmBus *bus)
{
        return bus->remembered && command_code(bus) == TPM2_CC_ReadPublic && bus->command_size >= BUS_HEADER + 4 &&
               be32(bus->command + BUS_HEADER) == bus->remembered->handle;
}

static TSS2_RC bus_transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
        TpmBus *bus = (TpmBus *)context;

        if (size < BUS_HEADER || size > sizeof(bus->command)) return TSS2_TCTI_RC_BAD_VALUE;
        memcpy(bus->command, command, size);
        bus->command_size = size;
        bus->answered = false;
        bus->gave_up = 0;
        return is_remembered(bus) ? answer_read_public(bus) : bus_send(bus);
}

static TSS2_RC fetch_once(TpmBus *bus, int32_t timeout)
{
        size_t size = sizeof(bus->response);
        const TSS2_RC rc = Tss2_Tcti_Receive(bus->inner, &size, bus->response, timeout);

        if (rc != TSS2_RC_SUCCESS) return rc;
        if (size < BUS_HEADER || size > sizeof(bus->response)) return TSS2_TCTI_RC_MALFORMED_RESPONSE;
        bus->response_size = size;
        return TSS2_RC_SUCCESS;
}

/* Time is up. ESYS would now try five times more if it saw the code, so it gets to see one that it takes for
 * final, and rc.c looks at gave_up. */
static void give_up(TpmBus *bus)
{
        const uint32_t code = TPM2_RC_CANCELED;

        bus->gave_up = response_code(bus);
        for (size_t i = 0; i < 4; i++) bus->response[CODE_OFFSET + i] = (uint8_t)(code >> (24 - 8 * i));
}

static TSS2_RC fetch(TpmBus *bus, int32_t timeout)
{
        const int64_t deadline = now_ms() + bus->busy_ms;
        TSS2_RC rc;

        for (int delay = DELAY_FIRST_MS;; delay = MIN(delay * 2, DELAY_MAX_MS)) {
                rc = fetch_once(bus, timeout);
                if (rc != TSS2_RC_SUCCESS) return rc;
                if (!later(response_code(bus))) break;
                if (now_ms() >= deadline) {
                        give_up(bus);
                        break;
                }
                pause_ms(delay);
                bus->repeated++;
                rc = bus_send(bus);
                if (rc != TSS2_RC_SUCCESS) return rc;
        }
        note_loaded(bus);
        bus->answered = true;
        return TSS2_RC_SUCCESS;
}

static TSS2_RC bus_receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
        TpmBus *bus = (TpmBus *)context;

        if (!bus->answered) {
                const TSS2_RC rc = fetch(bus, timeout);
                if (rc != TSS2_RC_SUCCESS) return rc;
        }
        if (response) {
                if (*size < bus->response_size) return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
                memcpy(response, bus->response, bus->response_size);
                bus->answered = false;
        }
        *size = bus->response_size;
        return TSS2_RC_SUCCESS;
}

TSS2_RC bus_exchange(TpmBus *bus, uint32_t code, uint32_t handle, Bytes *ret)
{
        uint8_t command[BUS_HEADER + 4] = { 0 };
        Writer w = WRITER_FIXED(command);
        TSS2_RC rc;

        writer_be16(&w, TPM2_ST_NO_SESSIONS);
        writer_be32(&w, sizeof(command));
        writer_be32(&w, code);
        writer_be32(&w, handle);
        rc = bus_transmit((TSS2_TCTI_CONTEXT *)bus, sizeof(command), command);
        if (rc == TSS2_RC_SUCCESS) rc = fetch(bus, TSS2_TCTI_TIMEOUT_BLOCK);
        if (rc != TSS2_RC_SUCCESS) return rc;
        *ret = BYTES(bus->response + BUS_HEADER, bus->response_size - BUS_HEADER);
        return response_code(bus);
}

void bus_flush(TpmBus *bus, uint32_t handle)
{
        Bytes nothing;
        TSS2_RC rc = TPM2_RC_FAILURE;

        for (int i = 0; i < FLUSH_TRIES && rc != TSS2_RC_SUCCESS; i++)
                rc = bus_exchange(bus, TPM2_CC_FlushContext, handle, &nothing);
        if (rc != TSS2_RC_SUCCESS) bus_forget(bus, handle);
}

/* ---- the rest of a TCTI ---- */

static TSS2_RC bus_cancel(TSS2_TCTI_CONTEXT *context)
{
        return Tss2_Tcti_Cancel(((TpmBus *)context)->inner);
}

static TSS2_RC bus_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *n)
{
        return Tss2_Tcti_GetPollHandles(((TpmBus *)context)->inner, handles, n);
}

static TSS2_RC bus_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
        return Tss2_Tcti_SetLocality(((TpmBus *)context)->inner, locality);
}

static TSS2_RC bus_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
        return Tss2_Tcti_MakeSticky(((TpmBus *)context)->inner, handle, sticky);
}

static void bus_finalize(TSS2_TCTI_CONTEXT *context)
{
        (void)context; /* the inner TCTI is tpm_close()'s */
}

void bus_init(TpmBus *bus, TSS2_TCTI_CONTEXT *inner)
{
        static const uint64_t magic = UINT64_C(0x68616c666b657931); /* "halfkey1" */

        *bus = (TpmBus){
                .common = {
                        .v1 = {
                                .magic = magic,
                                .version = 2,
                                .transmit = bus_transmit,
                                .receive = bus_receive,
                                .finalize = bus_finalize,
                                .cancel = bus_cancel,
                                .getPollHandles = bus_poll_handles,
                                .setLocality = bus_locality,
                        },
                        .makeSticky = bus_sticky,
                },
                .inner = inner,
                .busy_ms = TPM_BUSY_SECONDS * 1000,
        };
}
