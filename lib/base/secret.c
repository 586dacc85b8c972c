/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/secret.h"

#include "base/error.h"
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

static int protect_pages(void *p, size_t n)
{
        if (mlock(p, n) < 0) return error_set(-errno, "cannot lock %zu bytes of memory for a key: %m", n);
        if (madvise(p, n, MADV_DONTDUMP) < 0) return error_set(-errno, "cannot keep a key out of core dumps: %m");
        if (madvise(p, n, MADV_WIPEONFORK) < 0)
                return error_set(-errno, "cannot keep a key out of child processes: %m");
        return 0;
}

int secret_new(size_t size, Secret **ret)
{
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        cleanup_secret Secret *s = NULL;
        void *p;
        int r;

        if (size == 0 || size > SECRET_MAX) return -EINVAL;
        s = calloc(1, sizeof(*s));
        if (!s) return -ENOMEM;
        s->mapped = (size + page - 1) / page * page;
        p = mmap(NULL, s->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) return -errno;
        s->data = p;
        s->size = size;
        r = protect_pages(p, s->mapped);
        if (r < 0) return r;
        *ret = TAKE_PTR(s);
        return 0;
}

int secret_new_copy(Bytes b, Secret **ret)
{
        cleanup_secret Secret *s = NULL;
        int r;

        r = secret_new(b.size, &s);
        if (r < 0) return r;
        memcpy(s->data, b.data, b.size);
        *ret = TAKE_PTR(s);
        return 0;
}

int secret_new_random(size_t size, Secret **ret)
{
        cleanup_secret Secret *s = NULL;
        int r;

        r = secret_new(size, &s);
        if (r < 0) return r;
        r = random_bytes(s->data, s->size);
        if (r < 0) return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void secret_truncate(Secret *s, size_t size)
{
        if (size >= s->size) return;
        secret_wipe(s->data + size, s->size - size);
        s->size = size;
}

void secret_free(Secret *s)
{
        if (!s) return;
        if (s->data) {
                secret_wipe(s->data, s->mapped);
                (void)munmap(s->data, s->mapped);
        }
        free(s);
}

void secret_wipe(void *p, size_t n)
{
        if (HALFKEY_WIPE && n > 0) explicit_bzero(p, n);
}

int random_bytes(void *p, size_t n)
{
        uint8_t *at = p;

        while (n > 0) {
                const ssize_t got = getrandom(at, n, 0);

                if (got < 0 && errno == EINTR) continue;
                if (got < 0) return error_set(-errno, "getrandom: %m");
                at += got;
                n -= (size_t)got;
        }
        return 0;
}

/* What is no Secret, such as a library's buffers, is kept from being swapped too. Under a limit every later
 * mapping would count against it, and fail. */
static void lock_all(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY) return;
        (void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

int secret_protect_process(void)
{
        const struct rlimit none = { 0, 0 };

        if (setrlimit(RLIMIT_CORE, &none) < 0) return error_set(-errno, "cannot turn core dumps off: %m");
        if (prctl(PR_SET_DUMPABLE, 0) < 0) return error_set(-errno, "cannot make the process undumpable: %m");
        lock_all();
        return 0;
}
