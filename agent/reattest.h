/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Re-attestation of the booted host (DESIGN, boot step 10). */

#include "base/macros.h"

enum {
        REATTEST_E_REFUSED = 1, /* the verifier said no; it has been logged */
};

/* Shows the verifier what this host booted and how it was opened, proves that its half no longer opens, and does
 * the cleaning up that the verifier asks for. */
_must_check_ int reattest_run(void);
