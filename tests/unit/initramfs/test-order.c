/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the initrd makes of the verifier's terms, on a LUKS2 volume in a file. */

#include "../unlock/enrolled.h"

#include "initramfs/order.h"
#include "proto/message.h"
#include "unlock/accept.h"
#include "unlock/rekey.h"

static VolumeSetting setting = { .name = "root", .role = "root" };

/* The volume as a boot has opened it; e owns what v refers to. */
static OwnVolume opened(Enrolled *e)
{
        CHECK_OK(enrolled_open(e));
        return (OwnVolume){
                .setting = &setting, .device = image_path, .volume = e->volume, .token = e->token, .key = e->key
        };
}

static Unlocked terms(const OwnVolume *v, uint64_t floor, uint64_t rekey_to)
{
        Unlocked u = { 0 };

        u.result.half_count = 1;
        u.result.half[0].generation = v->token->generation;
        CHECK_OK(PROTO_SET(u.result.half[0].half, secret_bytes(enrolled_cluster_half)));
        u.result.terms_count = 1;
        CHECK_OK(PROTO_SET(u.result.terms[0].volume_id, BYTES_ARRAY(v->token->volume_id)));
        u.result.terms[0].epoch_floor = floor;
        u.result.terms[0].rekey_to = rekey_to;
        return u;
}

static void carry_out(const OwnVolume *v, const Token *planned, const Unlocked *unlocked)
{
        order_carry_out(v, planned, enrolled_node_half, enrolled_cluster_half, unlocked);
}

static uint64_t epoch_on_disk(void)
{
        cleanup_enrolled Enrolled e = { 0 };

        CHECK_OK(enrolled_open(&e));
        return e.token->epoch;
}

/* The half that the answer brings for this token. */
static int take_half(const Unlocked *u, const Token *t)
{
        cleanup_secret Secret *half = NULL;
        const int r = unlocked_half(u, t, &half);

        if (r == 0) CHECK(bytes_equal(secret_bytes(half), secret_bytes(enrolled_cluster_half)));
        return r;
}

static void no_half_is_used_for_a_header_below_the_floor(void)
{
        cleanup_enrolled Enrolled e = { 0 };
        OwnVolume v;
        Unlocked r;

        enrolled_restore();
        v = opened(&e);
        r = terms(&v, 1, 0);
        CHECK_OK(take_half(&r, v.token));
        r = terms(&v, 2, 0);
        CHECK_RESULT(take_half(&r, v.token), VOLUME_E_REFUSED);
        CHECK(strstr(error_detail(-1), "old one put back (epoch 1, at least 2)"));
        r.result.terms[0].volume_id.bytes[0] ^= 1; /* another volume's: then the floor of all */
        CHECK_OK(take_half(&r, v.token));
        r.result.epoch_floor = 2;
        CHECK_RESULT(take_half(&r, v.token), VOLUME_E_REFUSED);
}

static void an_order_is_carried_out_beside_the_header_in_use(void)
{
        cleanup_enrolled Enrolled e = { 0 };
        cleanup_token Token *planned = NULL;
        Unlocked r;
        OwnVolume v;

        enrolled_restore();
        v = opened(&e);
        CHECK_OK(rekey_plan(e.volume, e.token, &planned));
        r = terms(&v, 1, 2);
        carry_out(&v, planned, &r);
        CHECK(epoch_on_disk() == 2);
        CHECK(v.token->epoch == 1); /* the epoch that opened this boot, which the host is told */
        CHECK_OK(volume_compare_record(v.volume, v.token));
}

static void an_order_that_cannot_be_carried_out_changes_nothing(void)
{
        cleanup_enrolled Enrolled e = { 0 };
        cleanup_token Token *planned = NULL;
        char json[IMAGE_METADATA - IMAGE_BINARY], after[IMAGE_METADATA - IMAGE_BINARY];
        Unlocked r;
        OwnVolume v;

        enrolled_restore();
        v = opened(&e);
        image_json(json);
        CHECK_OK(rekey_plan(e.volume, e.token, &planned));
        r = terms(&v, 1, 2);
        carry_out(&v, NULL, &r);
        r = terms(&v, 1, 3);
        carry_out(&v, planned, &r);
        r = terms(&v, 1, 1);
        carry_out(&v, planned, &r);
        r = terms(&v, 1, 0); /* and no order is none */
        carry_out(&v, planned, &r);
        r = terms(&v, 1, 2);
        v.device = (char *)"/nowhere"; /* a disk that is gone */
        carry_out(&v, planned, &r);
        image_json(after);
        CHECK_TEXT(after, json);
        CHECK(epoch_on_disk() == 1);
}

static void an_accepted_header_is_signed_and_then_rekeyed(void)
{
        cleanup_secret Secret *typed = image_secret(ENROLLED_RECOVERY), *key = NULL;
        cleanup_enrolled Enrolled e = { 0 }, again = { 0 };
        cleanup_token Token *planned = NULL;
        cleanup_volume Volume *host = NULL;
        Unlocked r;
        OwnVolume v;
        int keyslot;

        enrolled_restore();
        enrolled_change("\"keyslots_size\"", "\"flags\":[\"allow-discards\"],\"keyslots_size\"");
        CHECK_OK(volume_open(image_path, &host));
        CHECK_OK(volume_check(host, HEADER_USE_TYPED));
        CHECK_OK(volume_try_any(host, typed, &keyslot, &key));
        CHECK_OK(accept_header(host, key));
        v = opened(&e);
        CHECK(accept_is_pending(v.token));
        CHECK_OK(rekey_plan(e.volume, e.token, &planned));
        r = terms(&v, 1, 2);
        order_finish_accept(&v, enrolled_node_half, enrolled_cluster_half);
        carry_out(&v, planned, &r);
        v = opened(&again);
        CHECK(!accept_is_pending(v.token) && v.token->epoch == 2);
}

int main(void)
{
        image_init();
        enrolled_make();
        RUN(no_half_is_used_for_a_header_below_the_floor);
        RUN(an_order_is_carried_out_beside_the_header_in_use);
        RUN(an_order_that_cannot_be_carried_out_changes_nothing);
        RUN(an_accepted_header_is_signed_and_then_rekeyed);
        enrolled_done();
        image_done();
        return 0;
}
