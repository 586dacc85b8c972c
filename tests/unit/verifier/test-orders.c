/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Orders from an operator's word to the floor: the verifier, a node in software, and a LUKS2 volume that is real.
 * At the end the header from before the rekey is put back, and is refused for what it is. */

#include "softnode.h"

#include "../unlock/image.h"
#include "../unlock/samples.h"

#include "attest/cap.h"
#include "synth.h"
#include "unlock/combine.h"
#include "unlock/enrol.h"
#include "unlock/rekey.h"
#include "verifier/node.h"

static const char line[] = "root=UUID=1 ro quiet";

typedef struct Stage {
        SoftVerifier v;
        SoftNode n;
        Synth log;
        Secret *node_half, *volume_key;
        uint8_t token_hash[SHA256_SIZE], planned[SHA256_SIZE]; /* of the disk as it is */
} Stage;

static void stage_deinit(Stage *s)
{
        soft_node_deinit(&s->n);
        soft_verifier_deinit(&s->v);
        synth_deinit(&s->log);
        secret_free(s->node_half);
        secret_free(s->volume_key);
}
#define cleanup_stage _cleanup_(stage_deinit)

static void make_volume(Stage *s, const Secret *cluster_half)
{
        cleanup_secret Secret *installer = image_secret("installer"), *recovery = image_secret("recovery");
        cleanup_secret Secret *passphrase = NULL, *header_key = NULL;
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        EnrolPlan plan;

        image_format(32, "installer", "");
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_begin(v, installer, &plan, &s->volume_key));
        t = sample_token(plan.keyslot, plan.recovery_keyslot);
        t->epoch = 1;
        CHECK_OK(unlock_volume_passphrase(s->node_half, cluster_half, t, &passphrase));
        CHECK_OK(unlock_header_key(s->node_half, cluster_half, t, &header_key));
        CHECK_OK(enrol_add_keyslot(v, s->volume_key, plan.keyslot, passphrase));
        CHECK_OK(enrol_add_keyslot(v, s->volume_key, plan.recovery_keyslot, recovery));
        CHECK_OK(enrol_record(v, &(EnrolKeys){ .volume_key = s->volume_key, .header_key = header_key }, t));
        CHECK_OK(enrol_write_token(v, t));
        image_run("cp %s %s.before", image_path, image_path);
}

/* What the initrd finds on the disk and says of it. */
static void read_disk(Stage *s, Volume **ret, Token **ret_next)
{
        cleanup_token Token *t = NULL;

        CHECK_OK(volume_open(image_path, ret));
        CHECK_OK(volume_check(*ret, HEADER_USE_TOKEN));
        CHECK_OK(volume_token(*ret, &t));
        CHECK_OK(rekey_plan(*ret, t, ret_next));
        CHECK_OK(token_hash(t, s->token_hash));
        CHECK_OK(token_hash(*ret_next, s->planned));
        s->n.epoch = t->epoch;
        s->n.token_hash = s->token_hash;
        s->n.planned = s->planned;
}

static void stage_enrolled(Stage *s)
{
        cleanup_secret Secret *half = NULL;
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *next = NULL;
        SoftReply r;

        synth_init(&s->log, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot(&s->log, false, line);
        soft_verifier_init(&s->v);
        soft_node_init(&s->n, synth_bytes(&s->log), line);
        CHECK_OK(secret_new_random(COMBINE_HALF_SIZE, &s->node_half));
        r = soft_register(&s->v, &s->n, s->v.secret);
        CHECK_OK(secret_new_copy(BYTES_ARRAY(r.half), &half));
        make_volume(s, half);
        read_disk(s, &v, &next);
        CHECK_TEXT(soft_commit(&s->v, &s->n).reason, "");
        CHECK_OK(soft_operator(&s->v, s->n.id, node_approve));
        soft_boot(&s->n);
}

/* The header's tag and the keyslot, by what the disk and the verifier say. */
static void open_volume(Stage *s, Volume *v, const Secret *half, Secret **ret_header_key)
{
        cleanup_secret Secret *passphrase = NULL, *key = NULL;
        cleanup_token Token *t = NULL;

        CHECK_OK(volume_token(v, &t));
        CHECK_OK(unlock_volume_passphrase(s->node_half, half, t, &passphrase));
        CHECK_OK(unlock_header_key(s->node_half, half, t, ret_header_key));
        CHECK_OK(volume_verify_record(v, t, RECORD_TAG_HALVES, *ret_header_key));
        CHECK_OK(volume_unlock_keyslot(v, t->keyslot, passphrase, &key));
        CHECK_BYTES(secret_bytes(key), secret_bytes(s->volume_key));
}

/* A boot up to its cap; an order that comes with the answer is carried out unless `cut`. */
static SoftReply boot(Stage *s, bool cut)
{
        cleanup_secret Secret *half = NULL, *header_key = NULL, *passphrase = NULL, *next_header_key = NULL;
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *next = NULL;
        SoftReply r;

        soft_boot(&s->n);
        read_disk(s, &v, &next);
        r = soft_unlock(&s->v, &s->n);
        CHECK_OK(r.result);
        if (r.reason[0]) return r;
        CHECK_OK(secret_new_copy(BYTES_ARRAY(r.half), &half));
        open_volume(s, v, half, &header_key);
        s->n.opened_epoch = s->n.epoch;
        s->n.capped = ATTEST_CAP_ATTESTED;
        s->n.words = 4;
        if (r.rekey_to == 0 || cut) return r;
        CHECK(r.rekey_to == next->epoch);
        CHECK_OK(unlock_volume_passphrase(s->node_half, half, next, &passphrase));
        CHECK_OK(unlock_header_key(s->node_half, half, next, &next_header_key));
        CHECK_OK(rekey_volume(image_path, volume_header(v),
                              &(RekeyKeys){ .volume_key = s->volume_key,
                                            .header_key = header_key,
                                            .next_passphrase = passphrase,
                                            .next_header_key = next_header_key },
                              next));
        return r;
}

/* The host reads the tokens afresh. */
static SoftReply reattest(Stage *s)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *next = NULL;

        read_disk(s, &v, &next);
        return soft_reattest(&s->v, &s->n, ATTEST_CAP_ATTESTED);
}

static NodeVolume volume_of(Stage *s)
{
        return soft_record(&s->v, s->n.id).volumes[0];
}

static void an_order_is_carried_out_and_the_floor_rises(void)
{
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_enrolled(&s);
        CHECK_TEXT(boot(&s, false).reason, "");
        CHECK_TEXT(reattest(&s).reason, "");
        CHECK_OK(soft_operator(&s.v, s.n.id, node_order_rekey));
        CHECK(volume_of(&s).order == NODE_ORDER_GIVEN);
        CHECK_RESULT(soft_operator(&s.v, s.n.id, node_order_rekey), NODE_E_STATE);

        r = boot(&s, false);
        CHECK(r.rekey_to == 2 && r.floor == 1);
        CHECK(volume_of(&s).order == NODE_ORDER_DELIVERED);
        r = reattest(&s); /* this boot was opened by the old keyslot: the floor stays */
        CHECK_TEXT(r.reason, "");
        CHECK(r.floor == 1 && volume_of(&s).order == NODE_ORDER_CARRIED_OUT);
        CHECK_TEXT(soft_last_kind(&s.v), "rekey-carried-out");
        CHECK_TEXT(reattest(&s).reason, "");
        CHECK(volume_of(&s).floor == 1);

        r = boot(&s, false);
        CHECK_TEXT(r.reason, "");
        CHECK(r.rekey_to == 0 && r.floor == 1);
        s.n.capped = ATTEST_CAP_RECOVERY; /* a boot opened with a typed key proves nothing of the new keyslot */
        {
                cleanup_volume Volume *v = NULL;
                cleanup_token Token *next = NULL;

                read_disk(&s, &v, &next);
                CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_RECOVERY).reason, "");
        }
        CHECK(volume_of(&s).floor == 1);
        s.n.capped = ATTEST_CAP_ATTESTED;
        r = reattest(&s);
        CHECK_TEXT(r.reason, "");
        CHECK(r.floor == 2 && volume_of(&s).order == NODE_ORDER_CONFIRMED && volume_of(&s).epoch == 2);
        CHECK_TEXT(soft_last_kind(&s.v), "rekey-confirmed");

        image_run("cp %s %s.after && cp %s.before %s", image_path, image_path, image_path, image_path);
        r = boot(&s, false);
        CHECK_TEXT(r.reason, "token-epoch");
        CHECK(strstr(r.sentence, "old one put back"));
        soft_verifier_restart(&s.v);
        CHECK_TEXT(boot(&s, false).reason, "token-epoch");
        image_run("cp %s.after %s", image_path, image_path);
        r = boot(&s, false);
        CHECK_TEXT(r.reason, "");
        CHECK(r.floor == 2);
        CHECK_OK(soft_operator(&s.v, s.n.id, node_order_rekey)); /* and there may be another one */
        CHECK(volume_of(&s).order_epoch == 3);
}

static void an_order_waits_for_a_node_that_can(void)
{
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_enrolled(&s);
        CHECK_OK(soft_operator(&s.v, s.n.id, node_order_rekey));
        s.n.planned = NULL; /* an older one, or one with a full header */
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "");
        CHECK(r.rekey_to == 0 && volume_of(&s).order == NODE_ORDER_GIVEN);
        r = boot(&s, true); /* power goes before anything is written */
        CHECK(r.rekey_to == 2);
        r = boot(&s, true);
        CHECK(r.rekey_to == 2);
        CHECK_TEXT(reattest(&s).reason, "");
        CHECK(volume_of(&s).order == NODE_ORDER_DELIVERED);
        CHECK(boot(&s, false).rekey_to == 2);
        r = boot(&s, false); /* the boot that carried it out was never re-attested */
        CHECK_TEXT(r.reason, "");
        CHECK(reattest(&s).floor == 2);
}

/* An order under way makes no other token good than the announced one, and that one in no other epoch. */
static void only_the_announced_token_is_believed(void)
{
        uint8_t announced[SHA256_SIZE], forged[SHA256_SIZE];
        cleanup_stage Stage s = { 0 };

        stage_enrolled(&s);
        CHECK_OK(soft_operator(&s.v, s.n.id, node_order_rekey));
        memset(forged, 0x99, sizeof(forged));
        s.n.token_hash = forged;
        s.n.epoch = 2;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "token-hash"); /* ordered, and nobody has announced anything */
        memset(forged, 0, sizeof(forged));
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "token-hash");
        CHECK(boot(&s, true).rekey_to == 2);
        memcpy(announced, s.planned, sizeof(announced));
        soft_boot(&s.n);
        s.n.token_hash = forged;
        s.n.epoch = 2;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "token-hash");
        s.n.token_hash = announced;
        s.n.epoch = 3;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "token-hash");
        s.n.epoch = 2;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
        /* and what a node says of a token that is not its own is not believed either */
        s.n.token_hash = forged;
        s.n.epoch = 1;
        s.n.planned = forged;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "token-hash");
        s.n.token_hash = announced;
        s.n.epoch = 2;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
}

static void a_node_without_an_enrolment_has_nothing_to_rekey(void)
{
        NodeRecord n = { .state = NODE_PENDING, .name = "node-1" };

        CHECK_RESULT(node_order_rekey(&n), NODE_E_STATE);
        CHECK(strstr(error_detail(-1), "not finished its enrolment"));
}

int main(void)
{
        image_init();
        RUN(an_order_is_carried_out_and_the_floor_rises);
        RUN(an_order_waits_for_a_node_that_can);
        RUN(only_the_announced_token_is_believed);
        RUN(a_node_without_an_enrolment_has_nothing_to_rekey);
        image_done();
        return 0;
}
