/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/devid.h"

#include "crypto/x509.h"

#include <errno.h>

int attest_devid_check(Bytes certificate, const AttestPublic *certified)
{
        cleanup_certificate Certificate *c = NULL;
        cleanup_public_key PublicKey *theirs = NULL, *ours = NULL;
        uint8_t a[SHA256_SIZE], b[SHA256_SIZE];
        int r;

        r = certificate_new(certificate, &c);
        if (r == 0) r = attest_public_key(certified, &ours);
        if (r < 0) return r;
        r = certificate_key(c, &theirs);
        if (r == -EBADMSG) return ATTEST_E_DEVID_KEY;
        if (r == 0) r = public_key_id(theirs, a);
        if (r == 0) r = public_key_id(ours, b);
        if (r < 0) return r;
        return bytes_equal(BYTES_ARRAY(a), BYTES_ARRAY(b)) ? 0 : ATTEST_E_DEVID_KEY;
}
