/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libcryptsetup-token-halfkey.so: what `cryptsetup` and systemd-cryptsetup know of our token (libcryptsetup.h,
 * "Token handlers"). They check it before it is written and show it to people. They cannot open a volume with it:
 * that takes an attestation, which is not a plugin's work, and the passphrase must not leave halfkey. So open says
 * which command does it, and refuses in a way after which both go on to ask for a passphrase. */

#include "base/error.h"
#include "base/hex.h"
#include "config.h"
#include "unlock/token.h"

#include <errno.h>
#include <inttypes.h>
#include <libcryptsetup.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int cryptsetup_token_open(struct crypt_device *cd, int token, char **buffer, size_t *buffer_len,
                                   void *usrptr);
EXPORTED int cryptsetup_token_validate(struct crypt_device *cd, const char *json);
EXPORTED void cryptsetup_token_dump(struct crypt_device *cd, const char *json);
EXPORTED const char *cryptsetup_token_version(void);

static void say(struct crypt_device *cd, int level, const char *fmt, ...) _printf_(3, 4);
static void say(struct crypt_device *cd, int level, const char *fmt, ...)
{
        char text[1024];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        crypt_log(cd, level, text);
}

/* What the last failure said, which may quote the header: nothing in it may steer a terminal. */
static void say_failure(struct crypt_device *cd, int level, const char *what, int r)
{
        char detail[512];

        (void)snprintf(detail, sizeof(detail), "%s", error_detail(r));
        for (char *c = detail; *c; c++)
                if (*c < ' ' || *c > '~') *c = '?';
        say(cd, level, "%s: %s\n", what, detail);
}

const char *cryptsetup_token_version(void)
{
        return HALFKEY_VERSION;
}

/* -EPERM: the token is there and opens nothing here. libcryptsetup makes "no usable token" of it and tries others,
 * then cryptsetup and systemd-cryptsetup ask for a passphrase; -ENOANO would make them ask for a PIN, and -EAGAIN
 * wait for a device. */
int cryptsetup_token_open(struct crypt_device *cd, int token, char **buffer _unused_, size_t *buffer_len _unused_,
                          void *usrptr _unused_)
{
        const char *device = crypt_get_device_name(cd);

        if (!device) device = "DEVICE";
        say(cd, CRYPT_LOG_ERROR,
            "Token %d is halfkey's: it opens only by attestation, with 'halfkey unlock %s', or with a recovery "
            "key, "
            "'halfkey unlock --recovery %s'.\n",
            token, device, device);
        return -EPERM;
}

int cryptsetup_token_validate(struct crypt_device *cd, const char *json)
{
        cleanup_token Token *t = NULL;
        int r;

        error_clear();
        r = token_parse(BYTES(json, strlen(json)), &t);
        if (r == 0) return 0;
        say_failure(cd, CRYPT_LOG_ERROR, "Not a halfkey token", r);
        return -EINVAL;
}

static void dump_hex(struct crypt_device *cd, const char *label, Bytes b)
{
        char hex[2 * TOKEN_NODE_ID_SIZE + 1];

        if (b.size > TOKEN_NODE_ID_SIZE) b.size = TOKEN_NODE_ID_SIZE;
        hex_encode(b, hex);
        say(cd, CRYPT_LOG_NORMAL, "\t%-16s %s\n", label, hex);
}

static void dump(struct crypt_device *cd, const Token *t)
{
        say(cd, CRYPT_LOG_NORMAL, "\t%-16s %s\n", "Role:", t->role);
        dump_hex(cd, "Volume id:", BYTES_ARRAY(t->volume_id));
        dump_hex(cd, "Node id:", BYTES_ARRAY(t->node_id));
        say(cd, CRYPT_LOG_NORMAL, "\t%-16s %" PRIu64 "\n", "Generation:", t->generation);
        say(cd, CRYPT_LOG_NORMAL, "\t%-16s %" PRIu64 "\n", "Epoch:", t->epoch);
        say(cd, CRYPT_LOG_NORMAL, "\t%-16s %s\n", "PCR bank:", hash_name((uint16_t)t->bank));
        if (t->policy_key.size > 0)
                say(cd, CRYPT_LOG_NORMAL, "\t%-16s states approved by the cluster (%zu known)\n",
                    "Seal opens in:", t->n_approvals);
        else if (t->pcrsig_key.size > 0)
                say(cd, CRYPT_LOG_NORMAL, "\t%-16s kernel images signed for by their maker (.pcrsig)\n",
                    "Seal opens in:");
        else say(cd, CRYPT_LOG_NORMAL, "\t%-16s the state it was made in\n", "Seal opens in:");
        if (t->recovery_keyslot != TOKEN_KEYSLOT_NONE)
                say(cd, CRYPT_LOG_NORMAL, "\t%-16s keyslot %d\n", "Recovery key:", t->recovery_keyslot);
        say(cd, CRYPT_LOG_NORMAL, "\t%-16s halfkey unlock %s\n",
            "Opened by:", crypt_get_device_name(cd) ? crypt_get_device_name(cd) : "DEVICE");
}

/* The token was not validated before: it may be anything that stands in the header. */
void cryptsetup_token_dump(struct crypt_device *cd, const char *json)
{
        cleanup_token Token *t = NULL;
        int r;

        error_clear();
        r = token_parse(BYTES(json, strlen(json)), &t);
        if (r == 0) dump(cd, t);
        else say_failure(cd, CRYPT_LOG_NORMAL, "\tMALFORMED", r);
}
