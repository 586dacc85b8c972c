/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/init.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/hex.h"
#include "crypto/pem.h"
#include "crypto/x509.h"
#include "verifier/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_MAX = 65536, POLICY_BITS = 2048, RECOVERY_BITS = 3072, TLS_BITS = 256 };

static int make_dir(const char *path)
{
        if (mkdir(path, 0700) < 0 && errno != EEXIST) return error_set(-errno, "%s: %m", path);
        return settings_check_dir(path);
}

static int write_secret(const char *dir, const char *name, Bytes content)
{
        cleanup_free char *path = NULL;

        if (asprintf(&path, "%s/credentials/%s", dir, name) < 0) return -ENOMEM;
        return file_write_atomic(path, content, 0600);
}

static int key_to_pem(const PrivateKey *key, Secret **ret)
{
        cleanup_secret Secret *der = NULL;
        int r;

        r = private_key_export(key, &der);
        return r < 0 ? r : pem_encode_secret("PRIVATE KEY", secret_bytes(der), ret);
}

static int write_key(const char *dir, const char *name, const PrivateKey *key)
{
        cleanup_secret Secret *pem = NULL;
        int r;

        r = key_to_pem(key, &pem);
        return r < 0 ? r : write_secret(dir, name, secret_bytes(pem));
}

static int write_certificates(const char *dir, const char *name, const Bytes *certificates, size_t n)
{
        cleanup_free char *path = settings_path(dir, name);
        cleanup_writer Writer w = WRITER_INIT(PEM_MAX);
        Bytes text;
        int r;

        if (!path) return -ENOMEM;
        for (size_t i = 0; i < n; i++) pem_encode(&w, "CERTIFICATE", certificates[i]);
        r = writer_finish(&w, &text);
        return r < 0 ? r : file_write_atomic(path, text, 0644);
}

/* The host of "host:port" or "[v6]:port". */
static void host_of(const char *address, char *ret, size_t room)
{
        const char *end = strrchr(address, ':');

        if (address[0] == '[') address++;
        if (end > address && end[-1] == ']') end--;
        (void)snprintf(ret, room, "%.*s", (int)(end - address), address);
}

static int make_identity(const char *dir, const Settings *s, char pin[static 2 * SHA256_SIZE + 1])
{
        cleanup_private_key PrivateKey *ca_key = NULL, *leaf_key = NULL;
        cleanup_public_key PublicKey *ca_public = NULL, *leaf_public = NULL;
        cleanup_free uint8_t *ca = NULL, *leaf = NULL;
        char hosts[SETTINGS_ADDRESSES_MAX][SETTINGS_ADDRESS_MAX + 1];
        const char *sans[SETTINGS_ADDRESSES_MAX];
        char ca_name[X509_NAME_MAX + 1];
        uint8_t id[SHA256_SIZE];
        size_t ca_size, leaf_size;
        int r;

        for (size_t i = 0; i < s->addresses.n; i++) {
                host_of(s->addresses.text[i], hosts[i], sizeof(hosts[i]));
                sans[i] = hosts[i];
        }
        (void)snprintf(ca_name, sizeof(ca_name), "%.40s halfkey verifiers", s->name);
        r = private_key_generate(TLS_BITS, &ca_key);
        if (r == 0) r = private_key_generate(TLS_BITS, &leaf_key);
        if (r == 0) r = private_key_public(ca_key, &ca_public);
        if (r == 0) r = private_key_public(leaf_key, &leaf_public);
        if (r == 0) r = x509_make_ca(ca_key, ca_name, &ca, &ca_size);
        if (r < 0) return r;
        r = x509_make_leaf(ca_key, BYTES(ca, ca_size),
                           &(X509Leaf){ .name = "halfkey verifier",
                                        .key = leaf_public,
                                        .sans = sans,
                                        .n_sans = s->addresses.n,
                                        .uses = X509_USE_SERVER },
                           &leaf, &leaf_size);
        if (r == 0) r = write_key(dir, "verifier-ca.key", ca_key);
        if (r == 0) r = write_key(dir, "verifier.key", leaf_key);
        if (r == 0) r = write_certificates(dir, "verifier-ca.crt", (Bytes[]){ BYTES(ca, ca_size) }, 1);
        if (r == 0)
                r = write_certificates(dir, "verifier.crt",
                                       (Bytes[]){ BYTES(leaf, leaf_size), BYTES(ca, ca_size) }, 2);
        if (r == 0) r = public_key_id(ca_public, id);
        if (r == 0) hex_encode(BYTES_ARRAY(id), pin);
        return r;
}

/* Key and certificate in one file: all that `halfkey cluster recovery open` needs. */
static int write_recovery_key(const char *path, const PrivateKey *key, Bytes certificate)
{
        cleanup_secret Secret *pem = NULL, *certificate_pem = NULL, *both = NULL;
        int r;

        r = key_to_pem(key, &pem);
        if (r == 0) r = pem_encode_secret("CERTIFICATE", certificate, &certificate_pem);
        if (r == 0) r = secret_new(pem->size + certificate_pem->size, &both);
        if (r < 0) return r;
        memcpy(both->data, pem->data, pem->size);
        memcpy(both->data + pem->size, certificate_pem->data, certificate_pem->size);
        return file_write_atomic(path, secret_bytes(both), 0600);
}

static int make_recovery(const char *dir, const char *out, const Settings *s)
{
        cleanup_private_key PrivateKey *key = NULL;
        cleanup_free uint8_t *certificate = NULL;
        char name[X509_NAME_MAX + 1];
        size_t size;
        int r;

        (void)snprintf(name, sizeof(name), "%.40s halfkey recovery", s->name);
        r = private_key_generate(RECOVERY_BITS, &key);
        if (r == 0) r = x509_make_recovery(key, name, &certificate, &size);
        if (r == 0) r = write_certificates(dir, "recovery.crt", (Bytes[]){ BYTES(certificate, size) }, 1);
        if (r == 0) r = write_recovery_key(out, key, BYTES(certificate, size));
        return r;
}

static int make_policy_and_wrapping(const char *dir)
{
        cleanup_private_key PrivateKey *policy = NULL;
        cleanup_secret Secret *wrapping = NULL;
        int r;

        r = private_key_generate(POLICY_BITS, &policy);
        if (r == 0) r = write_key(dir, "policy.key", policy);
        if (r == 0) r = secret_new_random(WRAPPING_KEY_SIZE, &wrapping);
        if (r == 0) r = write_secret(dir, "wrapping.key", secret_bytes(wrapping));
        return r;
}

static int make_store(const char *dir)
{
        cleanup_free char *path = settings_path(dir, "verifier.db");
        cleanup_store Store *store = NULL;

        if (!path) return -ENOMEM;
        return store_open_sqlite(path, true, &store);
}

static int fill_defaults(Settings *s)
{
        int r = 0;

        if (!s->name[0] && gethostname(s->name, SETTINGS_NAME_MAX) < 0)
                (void)snprintf(s->name, sizeof(s->name), "halfkey");
        if (!s->admin_socket[0]) (void)snprintf(s->admin_socket, sizeof(s->admin_socket), SETTINGS_SOCKET_DEFAULT);
        if (s->listen.n == 0) r = address_list_add(&s->listen, SETTINGS_LISTEN_DEFAULT);
        if (r == 0 && s->addresses.n == 0) s->addresses = s->listen;
        return r;
}

static int check_absent(const char *dir, const char *name)
{
        cleanup_free char *path = settings_path(dir, name);

        if (!path) return -ENOMEM;
        if (access(path, F_OK) == 0)
                return error_set(-EEXIST, "%s exists: %s holds a cluster already, nothing was changed", path, dir);
        return 0;
}

static int prepare(const InitOptions *o)
{
        cleanup_free char *credentials = settings_path(o->dir, "credentials");
        int r;

        if (!credentials) return -ENOMEM;
        r = check_absent(o->dir, "cluster.json");
        if (r == 0) r = check_absent(o->dir, "verifier.db");
        if (r < 0) return r;
        if (access(o->recovery_out, F_OK) == 0)
                return error_set(-EEXIST, "%s exists: a key is not overwritten, nothing was changed",
                                 o->recovery_out);
        r = make_dir(o->dir);
        if (r == 0) r = make_dir(credentials);
        return r;
}

int init_cluster(InitOptions *o)
{
        char pin[2 * SHA256_SIZE + 1];
        int r;

        r = fill_defaults(&o->settings);
        if (r == 0) r = prepare(o);
        if (r == 0) r = make_identity(o->dir, &o->settings, pin);
        if (r == 0) r = make_policy_and_wrapping(o->dir);
        if (r == 0) r = make_recovery(o->dir, o->recovery_out, &o->settings);
        if (r == 0) r = make_store(o->dir);
        if (r == 0) r = settings_write(o->dir, &o->settings); /* last: a directory without it is no cluster */
        if (r < 0) return r;
        printf("Cluster '%s' made in %s; its pin is\n"
               "  %s\n"
               "Nodes will be told to find it at %s%s.\n"
               "\n"
               "%s opens the recovery key of every node. The verifier does not need it:\n"
               "take it offline now, keep a copy, and delete it here.\n"
               "%s/credentials holds the verifier's keys; back it up where only you can read it.\n"
               "\n"
               "Next:  systemctl enable --now halfkey-verifier\n"
               "       halfkey cluster enrolment new --out enrolment.json\n",
               o->settings.name, o->dir, pin, o->settings.addresses.text[0],
               o->settings.addresses.n > 1 ? " ..." : "", o->recovery_out, o->dir);
        return 0;
}
