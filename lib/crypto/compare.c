/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/compare.h"

#include <errno.h>
#include <openssl/crypto.h>

int crypto_equal(Bytes a, Bytes b)
{
        if (a.size == 0 || a.size != b.size) return -EBADMSG;
        return CRYPTO_memcmp(a.data, b.data, a.size) == 0 ? 0 : -EBADMSG;
}
