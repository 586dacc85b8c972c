/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of an RpcIdentity, for the file that hands it to OpenSSL. */

#include "rpc/tls.h"

#include <openssl/x509.h>

struct RpcIdentity {
        X509 *leaf;
        STACK_OF(X509) * others;
        EVP_PKEY *key;
};
