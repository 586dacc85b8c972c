/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only: UEFI device paths in words. */

#include "eventlog/text.h"

/* The text of a device path (UEFI 2.10 section 10.6): nodes that are understood in their UEFI form, others as
 * Path(type,subtype,hex). Stops at the end node; a node shorter than its header, longer than what is left or
 * than its type allows ends it with "(malformed)". */
void devpath_describe(Bytes path, Text *t);
