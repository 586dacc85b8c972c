/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Recovery keys: 256 random bits in an alphabet that survives every keyboard layout (modhex,
 * "cbdefghijklnrtuv" for 0..15), 8 groups of 8 letters and a check group of 4:
 *
 *   cbdefghi-jklnrtuv-...-cbdefghi-cbde
 *
 * The canonical text (lower case, dashes, check group) is itself the LUKS2 passphrase, so any cryptsetup on
 * any rescue system takes it as it is printed. The check group is the first 16 bits of
 * SHA-256("halfkey recovery key v1" || key): a typing error is told apart from a wrong key without trying it. */

#include "base/secret.h"

enum {
        RECOVERY_KEY_SIZE = 32,
        RECOVERY_KEY_LETTERS = 64 + 4,
        RECOVERY_KEY_TEXT_SIZE = 8 * 8 + 8 + 4, /* groups, dashes, check group; no NUL */
};

enum {
        RECOVERY_KEY_E_NOT_ONE = 1, /* does not look like a recovery key: some other passphrase */
        RECOVERY_KEY_E_TYPO = 2, /* looks like one, but letters are wrong or missing; the detail says how many */
};

/* A new key as its canonical text of RECOVERY_KEY_TEXT_SIZE bytes. */
_must_check_ int recovery_key_generate(Secret **ret);

/* From what a person typed (upper case, spaces, dashes anywhere, line end) to the canonical text. The detail
 * names counts, never letters. A systemd recovery key (64 letters without a check group) is
 * RECOVERY_KEY_E_NOT_ONE: it is tried as it was typed. */
_must_check_ int recovery_key_parse(const Secret *typed, Secret **ret);
