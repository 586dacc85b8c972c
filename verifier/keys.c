/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys and certificates of settings.h. */

#include "verifier/settings.h"

#include "base/error.h"
#include "base/fd.h"
#include "crypto/pem.h"
#include "crypto/x509.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_FILE_MAX = 65536 };

void keys_free(Keys *k)
{
        if (!k) return;
        private_key_free(k->policy);
        free(k->policy_spki);
        secret_free(k->wrapping);
        secret_free(k->identity_key);
        free(k->identity_chain);
        free(k);
}

int keys_check_file(const char *path, bool closed)
{
        struct stat st;

        if (stat(path, &st) < 0) return error_set(-errno, "%s: %m", path);
        if (!S_ISREG(st.st_mode)) return error_set(-EINVAL, "%s: not a file", path);
        if (st.st_uid != geteuid() && st.st_uid != 0)
                return error_set(-EPERM, "%s: belongs to user %u, not to this one: chown it", path, st.st_uid);
        if (st.st_mode & 022) return error_set(-EPERM, "%s: others may write it: chmod 600 %s", path, path);
        if (closed && (st.st_mode & 077))
                return error_set(-EPERM, "%s: a private key that others may read: chmod 600 %s", path, path);
        return 0;
}

/* The credential's path, and whether it is systemd's (which hands it over with a mode of its own). */
static int credential_path(const char *dir, const char *name, char **ret, bool *ret_systemd)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        cleanup_free char *path = NULL;

        if (credentials && credentials[0] == '/') {
                path = settings_path(credentials, name);
                if (!path) return -ENOMEM;
                if (access(path, F_OK) == 0) {
                        *ret = TAKE_PTR(path);
                        *ret_systemd = true;
                        return 0;
                }
                free(TAKE_PTR(path));
        }
        if (asprintf(&path, "%s/credentials/%s", dir, name) < 0) return -ENOMEM;
        *ret = TAKE_PTR(path);
        *ret_systemd = false;
        return 0;
}

static int read_credential(const char *dir, const char *name, char **ret_path, Secret **ret)
{
        cleanup_free char *path = NULL;
        bool systemd;
        int r;

        r = credential_path(dir, name, &path, &systemd);
        if (r == 0 && !systemd) r = keys_check_file(path, true);
        if (r == 0) r = file_read_secret(path, ret);
        if (r < 0) return r;
        *ret_path = TAKE_PTR(path);
        return 0;
}

static int read_policy_key(const char *dir, Keys *k)
{
        cleanup_public_key PublicKey *public = NULL;
        cleanup_secret Secret *pem = NULL, *der = NULL;
        cleanup_free char *path = NULL;
        int r;

        r = read_credential(dir, "policy.key", &path, &pem);
        if (r < 0) return r;
        r = pem_decode_secret(secret_bytes(pem), "PRIVATE KEY", &der);
        if (r == 0) r = private_key_import(secret_bytes(der), &k->policy);
        if (r == 0) r = private_key_public(k->policy, &public);
        if (r == 0 && public_key_type(public) != KEY_RSA)
                r = error_set(-EBADMSG, "the policy key is not an RSA key");
        if (r == 0) r = public_key_spki(public, &k->policy_spki, &k->policy_spki_size);
        if (r == 0) r = hash_sha256(BYTES(k->policy_spki, k->policy_spki_size), k->policy_hash);
        return r < 0 ? error_prefix(r, "%s", path) : 0;
}

static int read_wrapping_key(const char *dir, Keys *k)
{
        cleanup_free char *path = NULL;
        int r;

        r = read_credential(dir, "wrapping.key", &path, &k->wrapping);
        if (r < 0) return r;
        if (k->wrapping->size != WRAPPING_KEY_SIZE)
                return error_set(-EBADMSG, "%s: has %zu bytes, not %d", path, k->wrapping->size,
                                 WRAPPING_KEY_SIZE);
        return 0;
}

static int read_public(const char *dir, const char *name, uint8_t **ret, size_t *ret_size, char **ret_path)
{
        cleanup_free char *path = settings_path(dir, name);
        int r;

        if (!path) return -ENOMEM;
        r = keys_check_file(path, false);
        if (r == 0) r = file_read(path, PEM_FILE_MAX, ret, ret_size);
        if (r < 0) return r;
        *ret_path = TAKE_PTR(path);
        return 0;
}

static int read_pin(const char *dir, Keys *k)
{
        cleanup_free uint8_t *pem = NULL, *der = NULL;
        cleanup_certificate Certificate *ca = NULL;
        cleanup_free char *path = NULL;
        size_t size, der_size;
        int r;

        r = read_public(dir, "verifier-ca.crt", &pem, &size, &path);
        if (r < 0) return r;
        r = pem_decode(BYTES(pem, size), "CERTIFICATE", 0, &der, &der_size);
        if (r == 0) r = certificate_new(BYTES(der, der_size), &ca);
        if (r == 0) r = certificate_pin(ca, k->verifier_pin);
        return r != 0 ? error_prefix(r > 0 ? -EBADMSG : r, "%s", path) : 0;
}

/* One certificate of recovery.crt; PEM_E_END where there are no more. */
static int read_recovery_one(Keys *k, Bytes pem)
{
        cleanup_certificate Certificate *c = NULL;
        cleanup_free uint8_t *der = NULL;
        size_t size;
        int r;

        r = pem_decode(pem, "CERTIFICATE", k->n_recovery, &der, &size);
        if (r != 0) return r;
        if (k->n_recovery == RECOVERY_MAX) return error_set(-EBADMSG, "more than %d certificates", RECOVERY_MAX);
        if (size > RECOVERY_CERTIFICATE_MAX) return error_set(-EBADMSG, "a certificate of %zu bytes", size);
        r = certificate_new(BYTES(der, size), &c);
        if (r < 0) return r;
        memcpy(k->recovery[k->n_recovery].der, der, size);
        k->recovery[k->n_recovery].size = size;
        return hash_sha256(BYTES(der, size), k->recovery[k->n_recovery++].hash);
}

static int read_recovery(const char *dir, Keys *k)
{
        cleanup_free uint8_t *pem = NULL;
        cleanup_free char *path = NULL;
        size_t size;
        int r;

        r = read_public(dir, "recovery.crt", &pem, &size, &path);
        if (r < 0) return r;
        do r = read_recovery_one(k, BYTES(pem, size));
        while (r == 0);
        if (r < 0) return error_prefix(r, "%s", path);
        if (k->n_recovery == 0)
                return error_set(-EBADMSG,
                                 "%s: no certificate in it; without a recovery recipient no node can enrol", path);
        return 0;
}

int keys_read(const char *dir, Keys **ret)
{
        cleanup_keys Keys *k = calloc(1, sizeof(*k));
        cleanup_free char *key_path = NULL, *chain_path = NULL;
        int r;

        if (!k) return -ENOMEM;
        r = read_pin(dir, k);
        if (r == 0) r = read_recovery(dir, k);
        if (r == 0) r = read_policy_key(dir, k);
        if (r == 0) r = read_wrapping_key(dir, k);
        if (r == 0) r = read_credential(dir, "verifier.key", &key_path, &k->identity_key);
        if (r == 0) r = read_public(dir, "verifier.crt", &k->identity_chain, &k->identity_chain_size, &chain_path);
        if (r < 0) return r;
        *ret = TAKE_PTR(k);
        return 0;
}
