/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/fd.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 16384 };

void fd_close(int fd)
{
        const int saved = errno;

        if (fd >= 0) (void)close(fd);
        errno = saved;
}

/* Fills dst from fd until end of file or `room` bytes; returns the count through ret_n. */
static int read_up_to(int fd, uint8_t *dst, size_t room, size_t *ret_n)
{
        size_t n = 0;

        while (n < room) {
                const ssize_t got = read(fd, dst + n, MIN(room - n, (size_t)CHUNK));

                if (got < 0 && errno == EINTR) continue;
                if (got < 0) return -errno;
                if (got == 0) break;
                n += (size_t)got;
        }
        *ret_n = n;
        return 0;
}

int file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_size)
{
        cleanup_free uint8_t *data = NULL;
        cleanup_fd int fd = -1;
        size_t size = 0, capacity = 0;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) return error_set(-errno, "%s: %m", path);
        for (;;) {
                uint8_t *bigger;
                size_t got;
                int r;

                if (size == capacity) {
                        capacity = capacity ? capacity * 2 : CHUNK;
                        bigger = realloc(data, capacity + 1);
                        if (!bigger) return -ENOMEM;
                        data = bigger;
                }
                r = read_up_to(fd, data + size, capacity - size, &got);
                if (r < 0) return error_set(r, "%s: %s", path, strerror(-r));
                size += got;
                if (size > max) return error_set(-EFBIG, "%s: larger than the %zu bytes accepted", path, max);
                if (size < capacity) break;
        }
        data[size] = 0;
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

int file_read_secret(const char *path, Secret **ret)
{
        cleanup_secret Secret *s = NULL;
        cleanup_fd int fd = -1;
        size_t n;
        int r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) return error_set(-errno, "%s: %m", path);
        r = secret_new(SECRET_MAX, &s);
        if (r < 0) return r;
        r = read_up_to(fd, s->data, s->size, &n);
        if (r < 0) return error_set(r, "%s: %s", path, strerror(-r));
        if (n == 0) return error_set(-ENODATA, "%s: empty", path);
        if (n == SECRET_MAX) return error_set(-EFBIG, "%s: a secret of %d bytes or more", path, SECRET_MAX);
        secret_truncate(s, n);
        *ret = TAKE_PTR(s);
        return 0;
}

int fd_write_all(int fd, Bytes b)
{
        while (b.size > 0) {
                const ssize_t n = write(fd, b.data, b.size);

                if (n < 0 && errno == EINTR) continue;
                if (n < 0) return -errno;
                b = BYTES(b.data + n, b.size - (size_t)n);
        }
        return 0;
}

static int sync_folder_of(const char *path)
{
        cleanup_free char *folder = strdup(path);
        cleanup_fd int fd = -1;
        char *slash;

        if (!folder) return -ENOMEM;
        slash = strrchr(folder, '/');
        if (slash == folder) slash++;
        if (slash) *slash = '\0';
        fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return -errno;
        return fsync(fd) < 0 ? -errno : 0;
}

static int write_and_sync(const char *path, Bytes content, unsigned mode)
{
        cleanup_fd int fd = -1;
        int r;

        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd < 0) return -errno;
        r = fd_write_all(fd, content);
        if (r < 0) return r;
        return fsync(fd) < 0 ? -errno : 0;
}

int file_write_atomic(const char *path, Bytes content, unsigned mode)
{
        cleanup_free char *temporary = NULL;
        int r;

        if (asprintf(&temporary, "%s.new", path) < 0) return -ENOMEM;
        r = write_and_sync(temporary, content, mode);
        if (r == 0 && rename(temporary, path) < 0) r = -errno;
        if (r == 0) r = sync_folder_of(path);
        if (r < 0) {
                (void)unlink(temporary);
                return error_set(r, "%s: cannot write: %s", path, strerror(-r));
        }
        return 0;
}
