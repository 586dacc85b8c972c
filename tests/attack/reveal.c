/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* reveal EVENT-LOG VOLUME TCTI CLUSTER-HALF: whoever has a machine, its TPM and its cluster's half has all secrets
 * of its boots; the memory tests search for them. The TPM is a copy that was just switched on: the log's PCR 7 is
 * replayed into it, and no more is asked by the seal's policy. Prints a JSON object of hex strings. */

#include "base/error.h"
#include "base/hex.h"
#include "node/boot.h"
#include "node/seal.h"
#include "tpm/pcr.h"
#include "unlock/combine.h"
#include "unlock/volume.h"

#include <stdio.h>
#include <string.h>

static int extend_log(Tpm *tpm, const NodeBoot *boot)
{
        int r = 0;

        for (size_t i = 0; i < boot->log->n_events && r == 0; i++) {
                const Event *e = &boot->log->events[i];
                Digest d = { .alg = boot->bank };
                Bytes digest;

                if (!eventlog_event_extends(e) || e->pcr != 7) continue;
                r = eventlog_event_digest(boot->log, e, boot->bank, &digest);
                if (r != 0) return r;
                d.size = digest.size;
                memcpy(d.bytes, digest.data, digest.size);
                r = tpm_pcr_extend(tpm, 7, &d, 1);
        }
        return r;
}

static int unseal(const char *tcti, const NodeBoot *boot, const Token *token, Secret **ret)
{
        cleanup_tpm Tpm *tpm = NULL;
        int r;

        r = tpm_open(tcti, &tpm);
        if (r == 0) r = extend_log(tpm, boot);
        return r == 0 ? seal_open(tpm, token, boot, ret) : r;
}

static void print(const char *name, const Secret *s, const char *after)
{
        cleanup_free char *hex = hex_new(secret_bytes(s));

        printf("\"%s\": \"%s\"%s", name, hex ? hex : "", after);
}

static int reveal(char **argv)
{
        cleanup_secret Secret *node = NULL, *cluster = NULL, *passphrase = NULL, *header = NULL,
                              *volume_key = NULL;
        cleanup_node_boot NodeBoot *boot = NULL;
        cleanup_volume Volume *volume = NULL;
        cleanup_token Token *t = NULL;
        int r;

        r = node_boot_read(argv[1], &boot);
        if (r == 0) r = volume_open(argv[2], &volume);
        if (r == 0) r = volume_token(volume, &t);
        if (r == 0) r = unseal(argv[3], boot, t, &node);
        if (r == 0) r = secret_new(COMBINE_HALF_SIZE, &cluster);
        if (r == 0) r = hex_decode(argv[4], cluster->data, cluster->size);
        if (r == 0) r = unlock_volume_passphrase(node, cluster, t, &passphrase);
        if (r == 0) r = unlock_header_key(node, cluster, t, &header);
        if (r == 0) r = volume_check(volume, HEADER_USE_TOKEN);
        if (r == 0) r = volume_unlock_keyslot(volume, t->keyslot, passphrase, &volume_key);
        if (r != 0) return r;
        printf("{");
        print("node half", node, ", ");
        print("cluster half", cluster, ", ");
        print("passphrase", passphrase, ", ");
        print("header key", header, ", ");
        print("volume key", volume_key, "}\n");
        return 0;
}

int main(int argc, char **argv)
{
        int r;

        if (argc != 5) {
                fprintf(stderr, "usage: reveal EVENT-LOG VOLUME TCTI CLUSTER-HALF\n");
                return 2;
        }
        r = reveal(argv);
        if (r != 0) fprintf(stderr, "reveal: %s\n", error_detail(r));
        return r == 0 ? 0 : 1;
}
