/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finding and opening the TPM, and seeing to it that nothing of ours stays in it. */

#include "tpm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#include "base/fd.h"

#define DEVICE_PREFIX "device:"

enum { PROBES_MAX = 3 };

/* Why a device does not open. tcti-device does not say, so this is asked first; opening and closing sends no
 * command. */
static int device_check(const char *path)
{
        cleanup_fd int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

        if (fd >= 0) return 0;
        switch (errno) {
        case EBUSY: return error_set(TPM_E_BUSY, "%s is held by another program", path);
        case ENOENT:
        case ENODEV:
        case ENXIO: return error_set(TPM_E_GONE, "there is no TPM: %s: %s", path, strerror(errno));
        default: return error_set(-errno, "%s: %s", path, strerror(errno));
        }
}

/* tcti-device sends a GetRandom of its own and gives up after one second. A TPM in its self test, or one that the
 * kernel keeps busy, may need longer. */
static TSS2_RC tcti_init(Tpm *tpm, const char *tcti, bool device, unsigned *ret_probes)
{
        TSS2_RC rc;

        *ret_probes = 0;
        do {
                rc = Tss2_TctiLdr_Initialize(tcti, &tpm->tcti);
                if (device) ++*ret_probes;
        } while (rc == TSS2_TCTI_RC_IO_ERROR && device && *ret_probes < PROBES_MAX);
        return rc;
}

static int tcti_load(Tpm *tpm, const char *tcti)
{
        const bool device = strncmp(tcti, DEVICE_PREFIX, strlen(DEVICE_PREFIX)) == 0;
        unsigned probes;
        TSS2_RC rc;
        int r;

        if (device) {
                r = device_check(tcti + strlen(DEVICE_PREFIX));
                if (r != 0) return r;
        }
        rc = tcti_init(tpm, tcti, device, &probes);
        if (rc == TSS2_TCTI_RC_IO_ERROR || rc == TSS2_TCTI_RC_NO_CONNECTION)
                return error_set(TPM_E_GONE, "there is no TPM at %s", tcti);
        if (rc != TSS2_RC_SUCCESS) return error_set(-EINVAL, "TCTI %s: %s", tcti, Tss2_RC_Decode(rc));
        bus_init(&tpm->bus, tpm->tcti);
        for (unsigned i = 0; i < probes; i++) bus_count(&tpm->bus, TPM2_CC_GetRandom);
        tpm->where = strdup(device ? tcti + strlen(DEVICE_PREFIX) : tcti);
        return tpm->where ? 0 : -ENOMEM;
}

/* If none opens, why the first did not is what people want to know. */
static int any_load(Tpm *tpm, const char *const *tctis, size_t n)
{
        const int r = tcti_load(tpm, tctis[0]);
        cleanup_free char *why = r == 0 ? NULL : strdup(error_detail(r));

        if (r == 0) return 0;
        for (size_t i = 1; i < n; i++)
                if (tcti_load(tpm, tctis[i]) == 0) return 0;
        return error_set(r, "%s", why ? why : "");
}

static int esys_start(Tpm *tpm)
{
        const TSS2_RC rc = Esys_Initialize(&tpm->esys, (TSS2_TCTI_CONTEXT *)&tpm->bus, NULL);

        if (rc != TSS2_RC_SUCCESS) return error_set(-ENOMEM, "TPM software: %s", Tss2_RC_Decode(rc));
        tpm->generation++;
        tpm->broken = false;
        tpm->n_resources = 0;
        return 0;
}

int tpm_open_any(const char *const *tctis, size_t n, Tpm **ret)
{
        cleanup_tpm Tpm *tpm = calloc(1, sizeof(*tpm));
        int r;

        if (!tpm) return -ENOMEM;
        if (setenv("TSS2_LOG", "all+NONE", 0) < 0) return -errno;
        r = any_load(tpm, tctis, n);
        if (r == 0) r = esys_start(tpm);
        if (r != 0) return r;
        *ret = TAKE_PTR(tpm);
        return 0;
}

void tpm_flush(Tpm *tpm)
{
        while (tpm->bus.n_loaded > 0) bus_flush(&tpm->bus, tpm->bus.loaded[tpm->bus.n_loaded - 1]);
}

/* The device without a resource manager first: it sends 8 commands where the other one sends about 100. It may be
 * held by another program, or closed to an agent that has only the tss group. */
int tpm_open(const char *tcti, Tpm **ret)
{
        static const char *const machine[] = { DEVICE_PREFIX "/dev/tpm0", DEVICE_PREFIX "/dev/tpmrm0" };

        return tcti ? tpm_open_any(&tcti, 1, ret) : tpm_open_any(machine, ARRAY_SIZE(machine), ret);
}

void tpm_close(Tpm *tpm)
{
        if (!tpm) return;
        tpm_flush(tpm);
        Esys_Finalize(&tpm->esys);
        Tss2_TctiLdr_Finalize(&tpm->tcti);
        free(tpm->where);
        free(tpm);
}

const char *tpm_where(const Tpm *tpm)
{
        return tpm->where;
}

/* ---- scopes ---- */

int tpm_scope_begin(Tpm *tpm, TpmScope *ret)
{
        if (tpm->broken) {
                Esys_Finalize(&tpm->esys);
                const int r = esys_start(tpm);
                if (r != 0) return r;
        }
        *ret = (TpmScope){ .tpm = tpm, .loaded = tpm->bus.n_loaded, .resources = tpm->n_resources };
        return 0;
}

void tpm_scope_keep(TpmScope *scope)
{
        scope->tpm = NULL;
}

void tpm_scope_end(TpmScope *scope)
{
        Tpm *tpm = scope->tpm;

        if (!tpm) return;
        while (tpm->bus.n_loaded > scope->loaded) bus_flush(&tpm->bus, tpm->bus.loaded[tpm->bus.n_loaded - 1]);
        while (tpm->n_resources > scope->resources) tpm_resource_close(tpm, tpm->resources[tpm->n_resources - 1]);
}

void tpm_resource_note(Tpm *tpm, ESYS_TR resource)
{
        if (tpm->n_resources < TPM_RESOURCES_MAX) tpm->resources[tpm->n_resources++] = resource;
}

void tpm_resource_close(Tpm *tpm, ESYS_TR resource)
{
        ESYS_TR closing = resource;

        if (tpm->esys) Esys_TR_Close(tpm->esys, &closing);
        for (size_t i = 0; i < tpm->n_resources; i++)
                if (tpm->resources[i] == resource) {
                        tpm->n_resources--;
                        memmove(tpm->resources + i, tpm->resources + i + 1,
                                (tpm->n_resources - i) * sizeof(tpm->resources[0]));
                        return;
                }
}
