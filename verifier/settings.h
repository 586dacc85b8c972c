/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a verifier finds in its directory: cluster.json, the certificates, and its keys.
 *
 * DIR/cluster.json            settings, below; no secret
 * DIR/verifier-ca.crt         the CA that nodes pin (PEM)
 * DIR/verifier.crt            this verifier's certificate and the CA's (PEM)
 * DIR/recovery.crt            the site's offline recovery recipients (PEM, up to RECOVERY_MAX)
 * DIR/verifier.db             the SQLite store
 * DIR/ek-list, ek-ca, platform-ca   trust.h
 * DIR/credentials/NAME        private keys, mode 0600: verifier-ca.key, verifier.key, policy.key (PEM, PKCS #8),
 *                             wrapping.key (32 raw bytes)
 *
 * Each of the keys is read from $CREDENTIALS_DIRECTORY/NAME instead, where that file exists (LoadCredential=,
 * LoadCredentialEncrypted=). verifier-ca.key is not needed to run and is never read by the daemon. */

#include "base/secret.h"
#include "crypto/key.h"

enum {
        SETTINGS_NAME_MAX = 64,
        SETTINGS_ADDRESS_MAX = 255,
        SETTINGS_ADDRESSES_MAX = 16,
        SETTINGS_PATH_MAX = 107, /* what a unix socket's address holds */
        RECOVERY_MAX = 4,
        RECOVERY_CERTIFICATE_MAX = 4096,
        WRAPPING_KEY_SIZE = 32,
};

#define SETTINGS_DIR_DEFAULT "/var/lib/halfkey-verifier"
#define SETTINGS_LISTEN_DEFAULT "127.0.0.1:7443"
#define SETTINGS_SOCKET_DEFAULT "/run/halfkey-verifier/admin.sock"

typedef struct AddressList {
        size_t n;
        char text[SETTINGS_ADDRESSES_MAX][SETTINGS_ADDRESS_MAX + 1];
} AddressList;
/* -EMSGSIZE, -ENOSPC; -EINVAL for one that is not host:port. */
_must_check_ int address_list_add(AddressList *l, const char *address);

/* What is asked of a TPM at Register beside the enrolment secret (trust.h). */
typedef enum EkTrust {
        EK_TRUST_NONE,   /* nothing */
        EK_TRUST_EITHER, /* its EK is listed, or a known maker's certificate vouches for it */
        EK_TRUST_BOTH,
} EkTrust;

typedef struct Settings {
        char name[SETTINGS_NAME_MAX + 1];
        AddressList listen;    /* where this verifier accepts nodes; numeric */
        AddressList addresses; /* what goes into enrolment configurations */
        char admin_socket[SETTINGS_PATH_MAX + 1];
        bool secure_boot_required; /* "secure_boot": "any" (default) or "required" */
        bool adopt_auto;           /* "adopt": "ask" (default) or "auto" */
        EkTrust ek_trust;          /* "ek_trust": "none" (default), "either" or "both" */
        bool platform_required;    /* "platform_certificate": "ignored" (default) or "required" */
} Settings;

/* Reads cluster.json. -EBADMSG with a detail that names file and key. */
_must_check_ int settings_read(const char *dir, Settings *ret);
/* Writes it, mode 0600. */
_must_check_ int settings_write(const char *dir, const Settings *c);

typedef struct Keys {
        uint8_t verifier_pin[SHA256_SIZE]; /* of the CA */
        PrivateKey *policy;
        uint8_t *policy_spki;
        size_t policy_spki_size;
        uint8_t policy_hash[SHA256_SIZE];
        Secret *wrapping;
        Secret *identity_key;    /* PEM */
        uint8_t *identity_chain; /* PEM */
        size_t identity_chain_size;
        size_t n_recovery;
        struct {
                size_t size;
                uint8_t der[RECOVERY_CERTIFICATE_MAX];
                uint8_t hash[SHA256_SIZE];
        } recovery[RECOVERY_MAX];
} Keys;

/* Reads certificates and keys. Refuses a file of another owner (root's is accepted) and, outside of
 * $CREDENTIALS_DIRECTORY, one that group or others may read: -EPERM. The detail names the file and the remedy. */
_must_check_ int keys_read(const char *dir, Keys **ret);
void keys_free(Keys *k);
DEFINE_CLEANUP(Keys, keys_free)
#define cleanup_keys _cleanup_(keys_freep)

/* A file of ours or root's that nobody else may write, nor read where it is `closed`: -EPERM and so on. */
_must_check_ int keys_check_file(const char *path, bool closed);

/* "dir/name"; the caller frees it; NULL when out of memory. */
char *settings_path(const char *dir, const char *name);
/* DIR itself: a directory, ours or root's, closed to others. -ENOENT and so on, -EPERM. */
_must_check_ int settings_check_dir(const char *dir);
