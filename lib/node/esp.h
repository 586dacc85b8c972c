/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The two files halfkey keeps on the EFI system partition. It is mounted nosuid, nodev, noexec, read-only but
 * for the moment of the one write, and never for longer than a read or a write takes. Nothing on it is
 * trusted: whoever holds the disk may have written it. */

#include "base/macros.h"

#define ESP_ENROLMENT "EFI/halfkey/enrolment.json"
#define ESP_NODE "EFI/halfkey/node.json"

/* Reads a file of the ESP on `device`; the caller frees (and wipes what holds a secret). -ENOENT. */
_must_check_ int esp_read(const char *device, const char *name, uint8_t **ret, size_t *ret_size);
/* Replaces a file as a whole. */
_must_check_ int esp_write(const char *device, const char *name, const uint8_t *data, size_t size);
/* Removes a file. -ENOENT. */
_must_check_ int esp_remove(const char *device, const char *name);
