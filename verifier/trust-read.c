/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files of trust.h. */

#include "verifier/trust.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/hex.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUNDLE_MAX = 1 << 20 }; /* all TPM makers' certificates together are about 400 kB */

void trust_deinit(Trust *t)
{
        free(t->list);
        certificate_set_free(t->ek_ca);
        certificate_set_free(t->platform_ca);
        *t = (Trust){ 0 };
}

static int add_file(CertificateSet *set, const char *path)
{
        cleanup_free uint8_t *pem = NULL;
        size_t size;
        int r;

        r = keys_check_file(path, false);
        if (r == 0) r = file_read(path, BUNDLE_MAX, &pem, &size);
        if (r < 0) return r;
        r = certificate_set_add(set, BYTES(pem, size));
        return r < 0 ? error_prefix(r, "%s", path) : r;
}

static bool is_bundle(const char *name)
{
        const char *dot = strrchr(name, '.');

        return name[0] != '.' && dot && (strcmp(dot, ".pem") == 0 || strcmp(dot, ".crt") == 0);
}

static int add_folder(CertificateSet *set, const char *path)
{
        DIR *dir = opendir(path);
        const struct dirent *e;
        int r = 0;

        if (!dir) return error_set(-errno, "%s: %m", path);
        while (r == 0 && (e = readdir(dir))) {
                cleanup_free char *file = is_bundle(e->d_name) ? settings_path(path, e->d_name) : NULL;

                if (is_bundle(e->d_name)) r = file ? add_file(set, file) : -ENOMEM;
        }
        (void)closedir(dir);
        return r;
}

/* NULL where there is nothing of that name. */
static int read_bundle(const char *dir, const char *name, CertificateSet **ret)
{
        cleanup_free char *path = settings_path(dir, name);
        cleanup_certificate_set CertificateSet *set = NULL;
        struct stat st;
        int r;

        if (!path) return -ENOMEM;
        if (stat(path, &st) < 0) return errno == ENOENT ? 0 : error_set(-errno, "%s: %m", path);
        r = certificate_set_new(&set);
        if (r == 0) r = S_ISDIR(st.st_mode) ? add_folder(set, path) : add_file(set, path);
        if (r < 0) return r;
        if (certificate_set_roots(set) == 0)
                return error_set(-EBADMSG, "%s: no root in it, that is a certificate which signed itself", path);
        *ret = TAKE_PTR(set);
        return 0;
}

static int read_list(const char *dir, char **ret)
{
        cleanup_free char *path = settings_path(dir, "ek-list");
        struct stat st;

        if (!path) return -ENOMEM;
        if (stat(path, &st) < 0) return errno == ENOENT ? 0 : error_set(-errno, "%s: %m", path);
        if (!S_ISDIR(st.st_mode)) return error_set(-ENOTDIR, "%s: not a directory", path);
        if (st.st_mode & 022) return error_set(-EPERM, "%s: others may write it: chmod 700 %s", path, path);
        *ret = TAKE_PTR(path);
        return 0;
}

/* What the settings ask for must be there. */
static int check(const char *dir, const Trust *t)
{
        if (t->mode == EK_TRUST_EITHER && !t->list && !t->ek_ca)
                return error_set(-EBADMSG, "\"ek_trust\" is \"either\", and %s has neither ek-list nor ek-ca",
                                 dir);
        if (t->mode == EK_TRUST_BOTH && (!t->list || !t->ek_ca))
                return error_set(-EBADMSG, "\"ek_trust\" is \"both\", and %s has no %s", dir,
                                 t->list ? "ek-ca" : "ek-list");
        if (t->platform_required && !t->platform_ca)
                return error_set(-EBADMSG, "\"platform_certificate\" is \"required\", and %s has no platform-ca",
                                 dir);
        return 0;
}

int trust_read(const char *dir, const Settings *settings, Trust *ret)
{
        cleanup_trust Trust t = { .mode = settings->ek_trust, .platform_required = settings->platform_required };
        int r;

        r = read_list(dir, &t.list);
        if (r == 0) r = read_bundle(dir, "ek-ca", &t.ek_ca);
        if (r == 0) r = read_bundle(dir, "platform-ca", &t.platform_ca);
        if (r == 0) r = check(dir, &t);
        if (r < 0) return r;
        *ret = t;
        t = (Trust){ 0 };
        return 0;
}

int trust_is_listed(const Trust *t, const uint8_t ek_id[static SHA256_SIZE], bool *ret)
{
        char digits[2 * SHA256_SIZE + 1];
        cleanup_free char *path = NULL;

        *ret = false;
        if (!t->list) return 0;
        hex_encode(BYTES(ek_id, SHA256_SIZE), digits);
        if (asprintf(&path, "%s/%.2s/%s", t->list, digits, digits) < 0) return -ENOMEM;
        if (access(path, F_OK) == 0) *ret = true;
        else if (errno != ENOENT) return error_set(-errno, "%s: %m", path);
        return 0;
}
