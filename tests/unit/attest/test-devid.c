/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/devid.h"

#include "fixture.h"

#include "crypto/x509.h"

#include <errno.h>

static AttestPublic certified(const PrivateKey *key)
{
        return parsed(&(PublicFields){ .type = ATTEST_ALG_ECC,
                                       .name_alg = HASH_SHA256,
                                       .attributes = AK_ATTRIBUTES & ~(uint32_t)ATTEST_RESTRICTED,
                                       .policy = BYTES("", 0),
                                       .scheme = ATTEST_ALG_NULL,
                                       .size = ATTEST_CURVE_P256,
                                       .unique = unique_of(key) });
}

/* A good certificate beside a good key, and the two do not belong together. */
static void the_certificate_is_of_the_certified_key(void)
{
        cleanup_private_key PrivateKey *ours = NULL, *other = NULL;
        cleanup_free uint8_t *good = NULL, *foreign = NULL;
        AttestPublic key;
        size_t n_good, n_foreign;

        CHECK_OK(private_key_generate(256, &ours));
        CHECK_OK(private_key_generate(256, &other));
        CHECK_OK(x509_make_ca(ours, "device", &good, &n_good));
        CHECK_OK(x509_make_ca(other, "device", &foreign, &n_foreign));
        key = certified(ours);
        CHECK_OK(attest_devid_check(BYTES(good, n_good), &key));
        CHECK_RESULT(attest_devid_check(BYTES(foreign, n_foreign), &key), ATTEST_E_DEVID_KEY);
        CHECK_TEXT(attest_reason(ATTEST_E_DEVID_KEY), "devid-key");
        CHECK_RESULT(attest_devid_check(BYTES(good, n_good - 1), &key), -EBADMSG);
        CHECK_RESULT(attest_devid_check(BYTES(NULL, 0), &key), -EBADMSG);
}

int main(void)
{
        RUN(the_certificate_is_of_the_certified_key);
        return 0;
}
