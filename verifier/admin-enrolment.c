/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Enrolment secrets: made here, written once into an EnrolmentConfig file, kept as a hash only. */

#include "verifier/admin.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "json/writer.h"
#include "proto/cluster.pb.h"
#include "proto/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
        SECRET_SIZE = 32,
        VALID_S_DEFAULT = 24 * 3600,
        VALID_S_MAX = 366 * 24 * 3600,
        ID_BYTES = 6,
};

static int fill_record(Service *s, const halfkey_v1_NewEnrolmentConfigRequest *in, Bytes secret,
                       EnrolmentRecord *ret)
{
        const uint32_t valid = in->valid_s ? in->valid_s : VALID_S_DEFAULT;
        EnrolmentRecord e = { .uses = in->uses ? in->uses : 1,
                              .created_at = s->now(),
                              .n_eks = in->ek_hash_count,
                              .unique_volume_key = in->unique_volume_key };
        uint8_t id[ID_BYTES];
        int r;

        if (e.uses > ENROLMENT_USES_MAX) return error_set(-EINVAL, "more than %d uses", ENROLMENT_USES_MAX);
        if (valid > VALID_S_MAX) return error_set(-EINVAL, "longer than a year");
        e.expires_at = e.created_at + valid;
        for (size_t i = 0; i < e.n_eks; i++)
                if (hex_decode(in->ek_hash[i], e.eks[i], NODE_ID_SIZE) < 0)
                        return error_set(-EINVAL, "'%.70s' is not the SHA-256 of an EK: 64 hex digits",
                                         in->ek_hash[i]);
        r = random_bytes(id, sizeof(id));
        if (r == 0) r = hash_sha256(secret, e.secret_hash);
        if (r < 0) return r;
        hex_encode(BYTES_ARRAY(id), e.id);
        *ret = e;
        return 0;
}

static int fill_addresses(const Service *s, const halfkey_v1_NewEnrolmentConfigRequest *in, AddressList *ret)
{
        int r = 0;

        if (in->address_count == 0) *ret = s->settings->addresses;
        for (size_t i = 0; i < in->address_count && r == 0; i++) r = address_list_add(ret, in->address[i]);
        return r < 0 ? -EINVAL : 0;
}

/* The EnrolmentConfig file, on one line since proto/message.h takes no control characters; `out` is fixed memory
 * that the caller wipes, so that no copy of the secret is left. */
static int write_config(const Service *s, const AddressList *addresses, Bytes secret, bool unique, Writer *out)
{
        JsonWriter w = JSON_WRITER_INIT(out);
        int r;

        w.compact = true;
        json_writer_open_object(&w, NULL);
        json_writer_int(&w, "version", 1);
        json_writer_hex(&w, "secret", secret);
        json_writer_open_array(&w, "pins");
        json_writer_hex(&w, NULL, BYTES_ARRAY(s->keys->verifier_pin));
        json_writer_close(&w);
        json_writer_open_array(&w, "addresses");
        for (size_t i = 0; i < addresses->n; i++) json_writer_text(&w, NULL, addresses->text[i]);
        json_writer_close(&w);
        json_writer_hex(&w, "policy_key_sha256", BYTES_ARRAY(s->keys->policy_hash));
        json_writer_open_array(&w, "recovery_sha256");
        for (size_t i = 0; i < s->keys->n_recovery; i++)
                json_writer_hex(&w, NULL, BYTES_ARRAY(s->keys->recovery[i].hash));
        json_writer_close(&w);
        json_writer_bool(&w, "unique_volume_key", unique);
        json_writer_close(&w);
        r = json_writer_finish(&w);
        writer_u8(out, '\0');
        return r < 0 ? r : out->error;
}

static int store_record(RpcServerCall *call, Service *s, const EnrolmentRecord *record)
{
        AuditEntry e = { .at = s->now() };
        char who[32];
        int r;

        admin_who(call, who);
        (void)snprintf(e.kind, sizeof(e.kind), "enrolment-created");
        (void)snprintf(e.text, sizeof(e.text), "secret %s by %s: %u uses, valid %llu s, %zu EKs listed",
                       record->id, who, record->uses,
                       (unsigned long long)(record->expires_at - record->created_at), record->n_eks);
        r = store_commit(s->store, &(StoreChange){ .enrolment = record, .audit = &e });
        if (r == 0) log_notice("%s: %s", e.kind, e.text);
        return r == STORE_E_CONFLICT ? -EAGAIN : r > 0 ? -EIO : r;
}

static int new_config(RpcServerCall *call, Service *s, const halfkey_v1_NewEnrolmentConfigRequest *in,
                      halfkey_v1_NewEnrolmentConfigResponse *out)
{
        cleanup_secret Secret *secret = NULL;
        Writer config = { .data = (uint8_t *)out->config,
                          .capacity = sizeof(out->config),
                          .max = sizeof(out->config),
                          .fixed = true };
        AddressList addresses = { 0 };
        EnrolmentRecord record;
        int r;

        error_clear();
        r = secret_new_random(SECRET_SIZE, &secret);
        if (r == 0) r = fill_record(s, in, secret_bytes(secret), &record);
        if (r == 0) r = fill_addresses(s, in, &addresses);
        if (r == 0) r = write_config(s, &addresses, secret_bytes(secret), in->unique_volume_key, &config);
        if (r == 0) r = store_record(call, s, &record);
        if (r < 0) return r;
        PROTO_SET_TEXT(out->id, record.id);
        out->expires_at = record.expires_at;
        return 0;
}

void admin_enrolment_new(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_NewEnrolmentConfigRequest in = halfkey_v1_NewEnrolmentConfigRequest_init_zero;
        halfkey_v1_NewEnrolmentConfigResponse out = halfkey_v1_NewEnrolmentConfigResponse_init_zero;
        int r;

        if (!admin_decode(call, halfkey_v1_NewEnrolmentConfigRequest_fields, request, &in)) return;
        r = new_config(call, userdata, &in, &out);
        if (r == 0) admin_reply(call, halfkey_v1_NewEnrolmentConfigResponse_fields, &out);
        else admin_finish(call, r);
        secret_wipe(&out, sizeof(out));
}

static void describe(const EnrolmentRecord *e, halfkey_v1_EnrolmentConfigInfo *out)
{
        *out = (halfkey_v1_EnrolmentConfigInfo)halfkey_v1_EnrolmentConfigInfo_init_zero;
        PROTO_SET_TEXT(out->id, e->id);
        out->uses_left = e->uses - MIN(e->used, e->uses);
        out->used = e->used;
        out->expires_at = e->expires_at;
}

static int list_one(const EnrolmentRecord *e, void *userdata)
{
        halfkey_v1_EnrolmentConfigInfo out;

        describe(e, &out);
        return admin_send(userdata, halfkey_v1_EnrolmentConfigInfo_fields, &out);
}

void admin_enrolment_list(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_ListEnrolmentConfigsRequest in = halfkey_v1_ListEnrolmentConfigsRequest_init_zero;
        Service *s = userdata;

        if (!admin_decode(call, halfkey_v1_ListEnrolmentConfigsRequest_fields, request, &in)) return;
        admin_finish(call, store_enrolment_each(s->store, list_one, call));
}

typedef struct Search {
        const char *id;
        EnrolmentRecord found;
} Search;

static int match(const EnrolmentRecord *e, void *userdata)
{
        Search *search = userdata;

        if (strcmp(e->id, search->id) != 0) return 0;
        search->found = *e;
        return 1;
}

void admin_enrolment_remove(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_RemoveEnrolmentConfigRequest in = halfkey_v1_RemoveEnrolmentConfigRequest_init_zero;
        halfkey_v1_EnrolmentConfigInfo out;
        Search search = { .id = in.id };
        Service *s = userdata;
        AuditEntry e = { .at = s->now() };
        char who[32];
        int r;

        if (!admin_decode(call, halfkey_v1_RemoveEnrolmentConfigRequest_fields, request, &in)) return;
        r = store_enrolment_each(s->store, match, &search);
        if (r == 0) r = error_set(-ENOENT, "no enrolment secret '%s': see halfkey cluster enrolment list", in.id);
        if (r < 0) return admin_finish(call, r);
        admin_who(call, who);
        (void)snprintf(e.kind, sizeof(e.kind), "enrolment-removed");
        (void)snprintf(e.text, sizeof(e.text), "secret %s by %s", in.id, who);
        r = store_commit(s->store, &(StoreChange){ .remove_enrolment = in.id, .audit = &e });
        if (r != 0) return admin_finish(call, r > 0 ? -EIO : r);
        log_notice("%s: %s", e.kind, e.text);
        describe(&search.found, &out);
        admin_reply(call, halfkey_v1_EnrolmentConfigInfo_fields, &out);
}
