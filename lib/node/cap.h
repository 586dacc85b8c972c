/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The cap: extends PCR 15 so that in this boot neither the TPM nor the cluster opens anything again. */

#include "attest/cap.h"
#include "tpm/pcr.h"

enum { CAP_VOLUMES_MAX = 8 };

/* Extends the cap event into PCR 15 of all the kernel's banks and of the seal's. 0 only where all of them hold
 * it; the seal's bank is capped alone when not all can be, and that is an error all the same. */
_must_check_ int cap_extend(Tpm *tpm, HashAlg seal_bank, const char *outcome, const AttestVolume *volumes,
                            size_t n_volumes);

/* Extends the outcome `fallback` into every bank whose PCR 15 is still zero. *ret_extended tells whether there
 * was one. */
_must_check_ int cap_fallback(Tpm *tpm, bool *ret_extended);
