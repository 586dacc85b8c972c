/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Device identities (TCG TPM 2.0 Keys for Device Identity and Attestation; IEEE 802.1AR): an IDevID or LDevID
 * certificate says who a machine is only for as long as its key is the one that was certified as living in the
 * TPM. Residency itself is attest_certify_verify()'s to show (quote.h). */

#include "attest/public.h"

/* The certificate (DER) is of the key that the TPM certified: ATTEST_E_DEVID_KEY else, also for a kind of key that
 * key.h does not take; -EBADMSG where it is no certificate. Who signed it is not looked at. */
_must_check_ int attest_devid_check(Bytes certificate, const AttestPublic *certified);
