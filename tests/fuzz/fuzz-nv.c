/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as what a TPM's maker left in NV: a certificate with odd bytes around it, a chain of them. */

#include "fuzz.h"

#include "tpm/certificate.h"

#include <errno.h>
#include <stdlib.h>

#define MUST(condition)                    \
        do {                               \
                if (!(condition)) abort(); \
        } while (0)

static bool within(Bytes part, Bytes whole)
{
        return part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const Bytes all = BYTES(data, size);
        Reader r = READER_INIT(all);
        Bytes der;
        bool odd;

        if (tpm_certificate_trim(all, &der, &odd) == 0)
                MUST(within(der, all) && der.size > 2 && odd == (der.size != size));
        for (size_t before = 0; tpm_certificates_next(&r, &der) == 0; before = r.at)
                MUST(within(der, all) && r.at > before);
        return 0;
}
