/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The project's only comparison of secrets, tags and expected digests. */

#include "base/reader.h"

/* 0 if both are equal in length and content, -EBADMSG else; its time depends on the lengths alone. Two empty
 * strings are NOT equal: an unset value never matches an unset value. */
_must_check_ int crypto_equal(Bytes a, Bytes b);
