/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as the signatures that a UKI brought, and as its maker's key. The corpus is signed, in name, by the
 * key whose RSAPublicKey is "key", for a policy of 32 zeros. */

#include "fuzz.h"

#include "node/pcrsig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const HashAlg banks[] = { HASH_SHA256, HASH_SHA384 };
        static const uint8_t spki_of_key[] = { 0x30, 8, 0x30, 0, 0x03, 4, 0, 'k', 'e', 'y' };
        static const uint8_t policy[SHA256_SIZE];
        PcrsigSignature s = { 0 };
        uint8_t *spki = NULL;
        size_t n;

        for (size_t i = 0; i < ARRAY_SIZE(banks); i++)
                if (pcrsig_find(BYTES(data, size), banks[i], BYTES_ARRAY(spki_of_key), policy, &s) == 0 &&
                    (s.size == 0 || s.size > sizeof(s.bytes)))
                        abort();
        if (pcrsig_key(BYTES(data, size), &spki, &n) == 0) free(spki);
        return 0;
}
