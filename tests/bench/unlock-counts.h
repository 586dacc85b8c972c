/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* TPM commands that cross the interface for one unlock, on the first try: ours (probe, quote and cap included),
 * and other programs' on the same machine. */

#include <stddef.h>

typedef struct UnlockCounts {
        size_t literal, signed_ticket, signed_first, pcrsig;
} UnlockCounts;

UnlockCounts unlock_counts(void);

/* 0 where the program is not installed. */
size_t unlock_count_systemd(void);
size_t unlock_count_clevis(void);
