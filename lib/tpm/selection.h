/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside lib/tpm: PCR masks as TPML_PCR_SELECTION. Always three octets (TPM 2.0 Part 2, 10.6.1), as the PC Client
 * profile has it, because the selection itself is hashed into policies. */

#include "crypto/hash.h"

#include <tss2/tss2_tpm2_types.h>

static inline TPML_PCR_SELECTION selection_of(HashAlg bank, uint32_t mask)
{
        return (TPML_PCR_SELECTION){
                .count = 1,
                .pcrSelections[0] = {
                        .hash = (TPMI_ALG_HASH)bank,
                        .sizeofSelect = 3,
                        .pcrSelect = { (uint8_t)mask, (uint8_t)(mask >> 8), (uint8_t)(mask >> 16) },
                },
        };
}

/* The PCRs of one bank. */
static inline uint32_t selection_mask(const TPML_PCR_SELECTION *s, HashAlg bank)
{
        uint32_t mask = 0;

        for (uint32_t i = 0; i < s->count && i < TPM2_NUM_PCR_BANKS; i++)
                if (s->pcrSelections[i].hash == bank)
                        for (unsigned k = 0; k < s->pcrSelections[i].sizeofSelect && k < 3; k++)
                                mask |= (uint32_t)s->pcrSelections[i].pcrSelect[k] << (8 * k);
        return mask;
}
