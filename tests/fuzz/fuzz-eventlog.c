/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Binary logs: SHA-1 format, crypto-agile and CCEL. */

#include "fuzz.h"

#include "fuzz-log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        look_at_log(BYTES(data, size));
        return 0;
}
