/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey cluster recovery ...: the verifier hands out what it cannot read; the site's offline key reads it, on a
 * machine that needs no verifier. */

#include "cli/cluster.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/hex.h"
#include "crypto/cms.h"
#include "crypto/pem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PEM_FILE_MAX = 2 * CMS_MAX };

static int run_get(int argc, char **argv);
const Verb verb_cluster_recovery_get = {
        .words = "cluster recovery get",
        .arguments = "[OPTION...] NODE",
        .summary = "Fetch a volume's recovery key, still encrypted to the offline key",
        .help = "Prints a CMS message (PEM), for 'halfkey cluster recovery open' where the offline key\n"
                "is. The fetch is audited.\n\n"
                "  --volume ID     which volume; see 'halfkey cluster node show' (the root volume)\n"
                "  --out FILE      write it there\n" CLUSTER_OPTIONS_HELP,
        .run = run_get,
};

static int write_out(const char *path, Bytes text)
{
        int r;

        if (path) r = file_write_atomic(path, text, 0600);
        else r = fd_write_all(STDOUT_FILENO, text);
        return r < 0 ? cli_fail(r, path ? "recovery key" : "standard output") : EXIT_YES;
}

static int run_get(int argc, char **argv)
{
        halfkey_v1_RecoveryKeyRequest request = halfkey_v1_RecoveryKeyRequest_init_zero;
        halfkey_v1_RecoveryKey reply = halfkey_v1_RecoveryKey_init_zero;
        cleanup_writer Writer out = WRITER_INIT(PEM_FILE_MAX);
        ClusterArgs args;
        Bytes text;
        int r;

        r = cluster_parse(&verb_cluster_recovery_get, argc, argv, CLUSTER_OPT_VOLUME | CLUSTER_OPT_OUT, "NODE",
                          &args);
        if (r != 0) return r;
        PROTO_SET_TEXT(request.node, args.argument);
        if (args.volume) {
                if (hex_decode(args.volume, request.volume_id.bytes, sizeof(request.volume_id.bytes)) < 0)
                        return cli_usage(&verb_cluster_recovery_get,
                                         "--volume: 32 hex digits, see 'cluster node show'");
                request.volume_id.size = sizeof(request.volume_id.bytes);
        }
        r = cluster_call(&args, CLUSTER_METHOD("GetRecoveryKey", RecoveryKeyRequest, RecoveryKey), &request,
                         &reply);
        if (r != 0) return r;
        pem_encode(&out, "CMS", PROTO_BYTES(reply.cms));
        r = writer_finish(&out, &text);
        return r < 0 ? cli_fail(r, "recovery key") : write_out(args.out, text);
}

static int run_open(int argc, char **argv);
const Verb verb_cluster_recovery_open = {
        .words = "cluster recovery open",
        .arguments = "[OPTION...] --key FILE",
        .summary = "Decrypt a recovery key with the site's offline key",
        .help = "Needs no verifier and no network. Prints the key that is typed at the node's prompt.\n\n"
                "  --key FILE      the file that 'halfkey cluster init --recovery-out' wrote\n"
                "  --cms FILE      what 'halfkey cluster recovery get' printed (standard input)\n",
        .run = run_open,
};

static int read_key(const char *path, PrivateKey **ret_key, uint8_t **ret_certificate, size_t *ret_size)
{
        cleanup_secret Secret *text = NULL, *der = NULL;
        int r;

        r = file_read_secret(path, &text);
        if (r == 0) r = pem_decode_secret(secret_bytes(text), "PRIVATE KEY", &der);
        if (r == 0) r = private_key_import(secret_bytes(der), ret_key);
        if (r == 0) r = pem_decode(secret_bytes(text), "CERTIFICATE", 0, ret_certificate, ret_size);
        return r == PEM_E_END ? error_set(-EBADMSG, "its certificate is missing") : r;
}

/* PEM, or the bare DER. */
static int read_cms(const char *path, uint8_t **ret, size_t *ret_size)
{
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        r = file_read(path, PEM_FILE_MAX, &text, &size);
        if (r < 0) return r;
        r = pem_decode(BYTES(text, size), "CMS", 0, ret, ret_size);
        if (r != PEM_E_END) return r;
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

static int run_open(int argc, char **argv)
{
        cleanup_private_key PrivateKey *key = NULL;
        cleanup_free uint8_t *certificate = NULL, *cms = NULL;
        cleanup_secret Secret *recovery = NULL;
        size_t certificate_size, cms_size;
        const char *from;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_recovery_open, argc, argv, CLUSTER_OPT_KEY | CLUSTER_OPT_CMS, NULL, &args);
        if (r != 0) return r;
        if (!args.key) return cli_usage(&verb_cluster_recovery_open, "--key FILE: which private key?");
        from = args.cms ? args.cms : "/dev/stdin";
        r = read_key(args.key, &key, &certificate, &certificate_size);
        if (r < 0) return cli_fail(r, args.key);
        r = read_cms(from, &cms, &cms_size);
        if (r == 0) r = cms_decrypt(BYTES(cms, cms_size), BYTES(certificate, certificate_size), key, &recovery);
        if (r < 0) return cli_fail(r, from);
        r = fd_write_all(STDOUT_FILENO, secret_bytes(recovery));
        if (r == 0 && isatty(STDOUT_FILENO)) r = fd_write_all(STDOUT_FILENO, BYTES_LITERAL("\n"));
        return r < 0 ? cli_fail(r, "standard output") : EXIT_YES;
}
