/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Logs as JSON: the Canonical Event Log, systemd's text sequence, our own export. Bytes that no such log begins
 * with get a bracket in front, so that the fuzzer does not stray into binary ones. */

#include "fuzz.h"

#include "fuzz-log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_free uint8_t *text = malloc(size + 1);

        if (!text) return 0;
        text[0] = '[';
        if (size > 0) memcpy(text + 1, data, size);
        if (size > 0 && data[0] && strchr("[{\x1e", data[0])) look_at_log(BYTES(data, size));
        else look_at_log(BYTES(text, size + 1));
        return 0;
}
