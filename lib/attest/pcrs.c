/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/pcrs.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

int attest_pcrs_set(AttestPcrs *p, unsigned pcr, Bytes value)
{
        if (pcr >= ATTEST_PCR_COUNT || value.size == 0 || value.size != hash_size(p->bank))
                return error_set(-EINVAL, "PCR %u: %zu bytes are no value of its bank", pcr, value.size);
        memcpy(p->values[pcr], value.data, value.size);
        p->mask |= ATTEST_PCR_BIT(pcr);
        return 0;
}

Bytes attest_pcrs_get(const AttestPcrs *p, unsigned pcr)
{
        if (pcr >= ATTEST_PCR_COUNT || !(p->mask & ATTEST_PCR_BIT(pcr))) return BYTES(NULL, 0);
        return BYTES(p->values[pcr], hash_size(p->bank));
}

int attest_pcrs_digest(const AttestPcrs *p, HashAlg alg, uint8_t *ret)
{
        Bytes parts[ATTEST_PCR_COUNT] = { 0 };
        size_t n = 0;

        for (unsigned i = 0; i < ATTEST_PCR_COUNT; i++)
                if (p->mask & ATTEST_PCR_BIT(i)) parts[n++] = attest_pcrs_get(p, i);
        if (n == 0 || parts[0].size == 0) return error_set(-EINVAL, "a digest of no PCR");
        return hash_parts(alg, parts, n, ret);
}

void attest_pcrs_selection(HashAlg bank, uint32_t mask, uint8_t ret[static ATTEST_SELECTION_SIZE])
{
        const uint8_t encoded[ATTEST_SELECTION_SIZE] = {
                0,
                0,
                0,
                1,
                (uint8_t)(bank >> 8),
                (uint8_t)bank,
                3,
                (uint8_t)mask,
                (uint8_t)(mask >> 8),
                (uint8_t)(mask >> 16),
        };

        memcpy(ret, encoded, sizeof(encoded));
}
