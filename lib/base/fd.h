/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* File descriptors and whole files. Every read names the most it accepts. */

#include "base/macros.h"
#include "base/reader.h"
#include "base/secret.h"

void fd_close(int fd); /* keeps errno; ignores negative fds */
static inline _unused_ void fd_closep(int *fd)
{
        fd_close(*fd);
}
#define cleanup_fd _cleanup_(fd_closep)

/* All of a file, read in chunks to its end, whatever size stat reports (securityfs says 0). More than max
 * bytes: -EFBIG. *ret is the caller's to free; it has a NUL behind its last byte that is not counted, and is
 * never NULL. The detail names the path. */
_must_check_ int file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_size);
/* The same for a secret; at least 1 byte or -ENODATA. */
_must_check_ int file_read_secret(const char *path, Secret **ret);

/* Replaces the file as a whole: temporary file beside it, fsync, rename, fsync of the folder. */
_must_check_ int file_write_atomic(const char *path, Bytes content, unsigned mode);

/* Writes all n bytes to fd or fails. */
_must_check_ int fd_write_all(int fd, Bytes b);
