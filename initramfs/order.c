/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "initramfs/order.h"

#include "base/error.h"
#include "base/log.h"
#include "proto/message.h"
#include "unlock/accept.h"
#include "unlock/combine.h"
#include "unlock/rekey.h"

#include <errno.h>

void order_finish_accept(const OwnVolume *v, const Secret *node_half, const Secret *cluster_half)
{
        cleanup_secret Secret *header_key = NULL;
        int r;

        if (!accept_is_pending(v->token)) return;
        r = unlock_header_key(node_half, cluster_half, v->token, &header_key);
        if (r == 0) r = accept_finish(v->device, volume_header(v->volume), header_key, v->key);
        if (r == 0)
                log_notice("volume '%s': the changed header, accepted with its volume key, is signed with both "
                           "halves",
                           v->setting->name);
        else
                log_error("volume '%s': its accepted header is not signed, the next boot tries again: %s",
                          v->setting->name, error_detail(r));
}

static int rekey(const OwnVolume *v, const Token *planned, const Secret *node_half, const Secret *cluster_half)
{
        cleanup_secret Secret *header_key = NULL, *passphrase = NULL, *next_header_key = NULL;
        RekeyKeys keys = { .volume_key = v->key };
        int r;

        r = unlock_header_key(node_half, cluster_half, v->token, &header_key);
        if (r == 0) r = unlock_volume_passphrase(node_half, cluster_half, planned, &passphrase);
        if (r == 0) r = unlock_header_key(node_half, cluster_half, planned, &next_header_key);
        if (r != 0) return r;
        keys.header_key = header_key;
        keys.next_passphrase = passphrase;
        keys.next_header_key = next_header_key;
        return rekey_volume(v->device, volume_header(v->volume), &keys, planned);
}

static int carry_out(const OwnVolume *v, const Token *planned, uint64_t epoch, const Secret *node_half,
                     const Secret *cluster_half)
{
        if (!planned) return error_set(-EPROTO, "it was not announced what its token would be");
        if (planned->epoch != epoch)
                return error_set(-EPROTO, "it leads to epoch %llu, and the next one is %llu",
                                 (unsigned long long)epoch, (unsigned long long)planned->epoch);
        return rekey(v, planned, node_half, cluster_half);
}

void order_carry_out(const OwnVolume *v, const Token *planned, const Secret *node_half, const Secret *cluster_half,
                     const Unlocked *unlocked)
{
        const halfkey_v1_VolumeTerms *terms = unlocked_terms(unlocked, v->token);
        int r;

        if (!terms || terms->rekey_to == 0) return;
        r = carry_out(v, planned, terms->rekey_to, node_half, cluster_half);
        if (r == 0)
                log_notice("volume '%s' is rekeyed as ordered: the next boot opens it by epoch %llu",
                           v->setting->name, (unsigned long long)terms->rekey_to);
        else
                log_error("volume '%s': the order to rekey it is not carried out and stays open: %s",
                          v->setting->name, error_detail(r));
}
