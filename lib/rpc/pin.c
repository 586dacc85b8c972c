/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Trust by pinned keys. OpenSSL's chain building is not used: it wants roots, names and a clock, and none of
 * those is to be had in an initrd. What is left is one comparison, or one comparison and one signature. */

#include "rpc/pin.h"

#include "base/error.h"
#include "base/hex.h"
#include "crypto/hash.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { STRENGTH_BITS = 112 }; /* SHA-1 signatures and RSA-1024 are below */

int rpc_pin_of(X509 *certificate, RpcPin *ret)
{
        uint8_t *spki = NULL;
        const int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
        int r;

        if (n <= 0) return error_set(-EBADMSG, "a certificate without a public key");
        r = hash_sha256(BYTES(spki, (size_t)n), ret->sha256);
        OPENSSL_free(spki);
        return r;
}

static bool is_pinned(const RpcPin *pins, size_t n_pins, const RpcPin *pin)
{
        bool found = false;

        /* Pins are public; bytes_equal() need not be constant in time. */
        for (size_t i = 0; i < n_pins; i++)
                found |= bytes_equal(BYTES_ARRAY(pins[i].sha256), BYTES_ARRAY(pin->sha256));
        return found;
}

static int check_ca(X509 *ca)
{
        const uint32_t flags = X509_get_extension_flags(ca);

        if (flags & (EXFLAG_INVALID | EXFLAG_CRITICAL))
                return error_set(-EKEYREJECTED, "the pinned CA's certificate has extensions that cannot be read");
        if (!(flags & EXFLAG_CA)) return error_set(-EKEYREJECTED, "the pinned certificate is not a CA's");
        if ((flags & EXFLAG_KUSAGE) && !(X509_get_key_usage(ca) & KU_KEY_CERT_SIGN))
                return error_set(-EKEYREJECTED, "the pinned CA may not sign certificates (keyUsage)");
        return 0;
}

static int check_leaf(X509 *leaf, RpcPinSide side)
{
        const uint32_t flags = X509_get_extension_flags(leaf);
        const uint32_t want = side == RPC_PIN_SERVER ? XKU_SSL_SERVER : XKU_SSL_CLIENT;

        if (flags & (EXFLAG_INVALID | EXFLAG_CRITICAL))
                return error_set(-EKEYREJECTED, "the certificate has extensions that cannot be read");
        if (!(flags & EXFLAG_XKUSAGE) || !(X509_get_extended_key_usage(leaf) & want))
                return error_set(-EKEYREJECTED, "the pinned CA's certificate for it lacks extendedKeyUsage %s",
                                 side == RPC_PIN_SERVER ? "serverAuth" : "clientAuth");
        return 0;
}

static int check_signature(X509 *leaf, X509 *ca)
{
        EVP_PKEY *key = X509_get0_pubkey(ca);
        int bits = 0;

        if (!key || EVP_PKEY_get_security_bits(key) < STRENGTH_BITS)
                return error_set(-EKEYREJECTED, "the pinned CA's key is too weak");
        if (X509_get_signature_info(leaf, NULL, NULL, &bits, NULL) != 1 || bits < STRENGTH_BITS)
                return error_set(-EKEYREJECTED, "its certificate has a signature that is too weak");
        if (X509_check_issued(ca, leaf) != X509_V_OK || X509_verify(leaf, key) != 1)
                return error_set(-EKEYREJECTED, "a pinned CA is in the list, but did not sign its certificate");
        return 0;
}

static int check_signed_by(X509 *leaf, X509 *ca, RpcPinSide side)
{
        int r;

        r = check_ca(ca);
        if (r < 0) return r;
        r = check_signature(leaf, ca);
        if (r < 0) return r;
        return check_leaf(leaf, side);
}

int rpc_pin_check(const RpcPin *pins, size_t n_pins, RpcPinSide side, X509 *leaf, const STACK_OF(X509) * chain)
{
        char text[2 * sizeof(RpcPin) + 1];
        RpcPin pin, leaf_pin;
        bool tried = false;
        int r;

        r = rpc_pin_of(leaf, &leaf_pin);
        if (r < 0) return -EKEYREJECTED;
        if (is_pinned(pins, n_pins, &leaf_pin)) return 0;
        for (int i = 0; i < sk_X509_num(chain); i++) {
                X509 *ca = sk_X509_value(chain, i);

                if (rpc_pin_of(ca, &pin) < 0 || !is_pinned(pins, n_pins, &pin)) continue;
                if (check_signed_by(leaf, ca, side) == 0) return 0;
                tried = true;
        }
        ERR_clear_error();
        if (tried) return -EKEYREJECTED; /* the detail says what was wrong with the last one */
        hex_encode(BYTES_ARRAY(leaf_pin.sha256), text);
        return error_set(-EKEYREJECTED, "neither the key it has (sha256:%s) nor a CA of it is pinned", text);
}
