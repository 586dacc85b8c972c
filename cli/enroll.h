/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/* halfkey enroll --data: a disk that was added later. The exit code. name NULL: "luks-UUID". */
int enroll_data(const char *device, const char *name, bool dry);
