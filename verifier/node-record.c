/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The node record as bytes. A store keeps it as one value, so that SQLite and etcd hold the same thing and no
 * column can be changed apart from the rest unnoticed by its writer. Fields come in the order of the struct. */

#include "verifier/node.h"

#include "base/error.h"
#include "base/writer.h"

#include <errno.h>
#include <string.h>

enum { RECORD_VERSION = 2, RECORD_OLDEST = 1 /* without orders, and how the EK was trusted */ };

enum {
        FLAG_COMMITTED = 1 << 0,
        FLAG_REINSTALL = 1 << 1,
        FLAG_READOPT = 1 << 2,
        FLAG_REGISTERING = 1 << 3,
        FLAG_CAPPED = 1 << 4,
        FLAG_BASELINE = 1 << 5,
        FLAG_LAST = 1 << 6,
        FLAG_POLICY = 1 << 7, /* labels and floors, at the end */
        FLAGS_ALL = (1 << 8) - 1,
};

static bool has_policy(const NodeRecord *n)
{
        return n->labels.n > 0 || n->floors.dbx > 0 || n->floors.sbat > 0 || n->floors.firmware[0];
}

static uint8_t flags_of(const NodeRecord *n)
{
        return (uint8_t)((n->committed ? FLAG_COMMITTED : 0) | (n->reinstall ? FLAG_REINSTALL : 0) |
                         (n->readopt ? FLAG_READOPT : 0) | (n->registering ? FLAG_REGISTERING : 0) |
                         (n->capped ? FLAG_CAPPED : 0) | (n->baseline.present ? FLAG_BASELINE : 0) |
                         (n->last.present ? FLAG_LAST : 0) | (has_policy(n) ? FLAG_POLICY : 0));
}

static void put_counters(Writer *w, BootCounters c)
{
        writer_be32(w, c.reset);
        writer_be32(w, c.restart);
}

static void put_text(Writer *w, const char *text)
{
        writer_tpm2b(w, BYTES(text, strlen(text)));
}

static void put_half(Writer *w, const NodeHalf *h)
{
        writer_be64(w, h->generation);
        writer_bytes(w, BYTES_ARRAY(h->wrapped));
}

static void put_keys(Writer *w, const NodeKeys *k)
{
        writer_tpm2b(w, BYTES(k->ak, k->ak_size));
        writer_tpm2b(w, attest_name_bytes(&k->ak_name));
        writer_tpm2b(w, attest_name_bytes(&k->srk_name));
        put_half(w, &k->half);
        writer_be16(w, k->bank);
        writer_tpm2b(w, digest_bytes(&k->approved_pcr7));
        put_counters(w, k->at);
        writer_bytes(w, BYTES_ARRAY(k->secret_hash));
}

static void put_volume(Writer *w, const NodeVolume *v)
{
        writer_bytes(w, BYTES_ARRAY(v->id));
        put_text(w, v->role);
        writer_be64(w, v->generation);
        writer_be64(w, v->epoch);
        writer_be64(w, v->floor);
        writer_bytes(w, BYTES_ARRAY(v->tag));
        writer_bytes(w, BYTES_ARRAY(v->token_hash));
        writer_u8(w, v->key_shared);
}

static void put_order(Writer *w, const NodeVolume *v)
{
        writer_u8(w, v->opened);
        writer_u8(w, (uint8_t)v->order);
        if (v->order == NODE_ORDER_NONE) return;
        writer_be64(w, v->order_epoch);
        writer_bytes(w, BYTES_ARRAY(v->next_hash));
}

static void put_boot(Writer *w, const NodeBoot *b)
{
        if (!b->present) return;
        writer_be16(w, b->bank);
        writer_bytes(w, BYTES_ARRAY(b->log_hash));
        writer_be64(w, b->at);
}

static void put_policy(Writer *w, const NodeRecord *n)
{
        if (!has_policy(n)) return;
        writer_u8(w, (uint8_t)n->labels.n);
        for (size_t i = 0; i < n->labels.n; i++) {
                put_text(w, n->labels.label[i].key);
                put_text(w, n->labels.label[i].value);
        }
        writer_be64(w, n->floors.dbx);
        writer_be64(w, n->floors.sbat);
        put_text(w, n->floors.firmware);
}

int node_encode(const NodeRecord *n, uint8_t **ret, size_t *ret_size)
{
        cleanup_writer Writer w = WRITER_INIT(NODE_RECORD_MAX);

        writer_u8(&w, RECORD_VERSION);
        writer_u8(&w, flags_of(n));
        writer_bytes(&w, BYTES_ARRAY(n->id));
        put_text(&w, n->name);
        put_text(&w, n->hostname);
        put_text(&w, n->serial);
        writer_u8(&w, (uint8_t)n->state);
        writer_be32(&w, n->incarnation);
        writer_tpm2b(&w, BYTES(n->ek, n->ek_size));
        if (n->committed) put_keys(&w, &n->keys);
        if (n->registering) put_keys(&w, &n->registration);
        writer_be64(&w, n->generation);
        writer_u8(&w, (uint8_t)n->n_halves);
        for (size_t i = 0; i < n->n_halves; i++) put_half(&w, &n->halves[i]);
        writer_u8(&w, (uint8_t)n->n_volumes);
        for (size_t i = 0; i < n->n_volumes; i++) put_volume(&w, &n->volumes[i]);
        put_counters(&w, n->seen);
        put_counters(&w, n->capped_at);
        put_counters(&w, n->readopt_after);
        put_boot(&w, &n->baseline);
        put_boot(&w, &n->last);
        writer_be64(&w, n->registered_at);
        writer_be64(&w, n->attested_at);
        put_text(&w, n->trusted);
        put_policy(&w, n);
        for (size_t i = 0; i < n->n_volumes; i++) put_order(&w, &n->volumes[i]);
        return writer_steal(&w, ret, ret_size);
}

/* Reading: the first failure sticks in the cursor, as it does in a Writer. */
typedef struct Cursor {
        Reader r;
        int error;
} Cursor;

static uint64_t get_int(Cursor *c, size_t bytes)
{
        uint64_t v = 0;

        for (size_t i = 0; i < bytes && c->error == 0; i++) {
                uint8_t b = 0;

                c->error = reader_u8(&c->r, &b);
                v = v << 8 | b;
        }
        return c->error ? 0 : v;
}

static void get_array(Cursor *c, uint8_t *dst, size_t n)
{
        if (c->error == 0) c->error = reader_copy(&c->r, dst, n);
}

static size_t get_tpm2b(Cursor *c, uint8_t *dst, size_t max)
{
        Bytes b = { 0 };

        if (c->error == 0) c->error = reader_tpm2b(&c->r, &b);
        if (c->error == 0 && b.size > max) c->error = -EBADMSG;
        if (c->error) return 0;
        if (b.size > 0) memcpy(dst, b.data, b.size);
        return b.size;
}

static void get_text(Cursor *c, char *dst, size_t max)
{
        const size_t n = get_tpm2b(c, (uint8_t *)dst, max);

        dst[n] = '\0';
}

static size_t get_count(Cursor *c, size_t max)
{
        const size_t n = (size_t)get_int(c, 1);

        if (n > max) c->error = -EBADMSG;
        return c->error ? 0 : n;
}

static BootCounters get_counters(Cursor *c)
{
        BootCounters b;

        b.reset = (uint32_t)get_int(c, 4);
        b.restart = (uint32_t)get_int(c, 4);
        return b;
}

static void get_half(Cursor *c, NodeHalf *h)
{
        h->generation = get_int(c, 8);
        get_array(c, h->wrapped, sizeof(h->wrapped));
}

static void get_keys(Cursor *c, NodeKeys *k)
{
        k->ak_size = get_tpm2b(c, k->ak, sizeof(k->ak));
        k->ak_name.size = get_tpm2b(c, k->ak_name.bytes, sizeof(k->ak_name.bytes));
        k->srk_name.size = get_tpm2b(c, k->srk_name.bytes, sizeof(k->srk_name.bytes));
        get_half(c, &k->half);
        k->bank = (uint16_t)get_int(c, 2);
        k->approved_pcr7.alg = (HashAlg)k->bank;
        k->approved_pcr7.size = get_tpm2b(c, k->approved_pcr7.bytes, sizeof(k->approved_pcr7.bytes));
        k->at = get_counters(c);
        get_array(c, k->secret_hash, sizeof(k->secret_hash));
}

static void get_volume(Cursor *c, NodeVolume *v)
{
        get_array(c, v->id, sizeof(v->id));
        get_text(c, v->role, NODE_ROLE_MAX);
        v->generation = get_int(c, 8);
        v->epoch = get_int(c, 8);
        v->floor = get_int(c, 8);
        get_array(c, v->tag, sizeof(v->tag));
        get_array(c, v->token_hash, sizeof(v->token_hash));
        v->key_shared = get_int(c, 1) != 0;
}

static void get_order(Cursor *c, NodeVolume *v)
{
        v->opened = get_int(c, 1) != 0;
        v->order = (NodeOrder)get_int(c, 1);
        if (v->order > NODE_ORDER_CONFIRMED) c->error = -EBADMSG;
        if (v->order == NODE_ORDER_NONE) return;
        v->order_epoch = get_int(c, 8);
        get_array(c, v->next_hash, sizeof(v->next_hash));
}

static void get_boot(Cursor *c, bool present, NodeBoot *b)
{
        b->present = present;
        if (!present) return;
        b->bank = (uint16_t)get_int(c, 2);
        get_array(c, b->log_hash, sizeof(b->log_hash));
        b->at = get_int(c, 8);
}

static uint8_t get_head(Cursor *c, uint64_t *ret_version, NodeRecord *n)
{
        uint8_t flags;

        *ret_version = get_int(c, 1);
        if (*ret_version < RECORD_OLDEST || *ret_version > RECORD_VERSION) c->error = -EBADMSG;
        flags = (uint8_t)get_int(c, 1);
        if (flags & ~FLAGS_ALL) c->error = -EBADMSG;
        get_array(c, n->id, sizeof(n->id));
        get_text(c, n->name, NODE_TEXT_MAX);
        get_text(c, n->hostname, NODE_TEXT_MAX);
        get_text(c, n->serial, NODE_TEXT_MAX);
        n->state = (NodeState)get_int(c, 1);
        if (n->state < NODE_PENDING || n->state > NODE_QUARANTINED) c->error = -EBADMSG;
        n->incarnation = (uint32_t)get_int(c, 4);
        n->committed = flags & FLAG_COMMITTED;
        n->reinstall = flags & FLAG_REINSTALL;
        n->readopt = flags & FLAG_READOPT;
        n->registering = flags & FLAG_REGISTERING;
        n->capped = flags & FLAG_CAPPED;
        return flags;
}

static void get_body(Cursor *c, uint8_t flags, NodeRecord *n)
{
        n->ek_size = get_tpm2b(c, n->ek, sizeof(n->ek));
        if (n->committed) get_keys(c, &n->keys);
        if (n->registering) get_keys(c, &n->registration);
        n->generation = get_int(c, 8);
        n->n_halves = get_count(c, NODE_HALVES_MAX);
        for (size_t i = 0; i < n->n_halves; i++) get_half(c, &n->halves[i]);
        n->n_volumes = get_count(c, NODE_VOLUMES_MAX);
        for (size_t i = 0; i < n->n_volumes; i++) get_volume(c, &n->volumes[i]);
        n->seen = get_counters(c);
        n->capped_at = get_counters(c);
        n->readopt_after = get_counters(c);
        get_boot(c, flags & FLAG_BASELINE, &n->baseline);
        get_boot(c, flags & FLAG_LAST, &n->last);
        n->registered_at = get_int(c, 8);
        n->attested_at = get_int(c, 8);
}

static void get_policy(Cursor *c, uint8_t flags, NodeRecord *n)
{
        char key[LABEL_KEY_MAX + 1], value[LABEL_VALUE_MAX + 1];
        size_t n_labels;

        if (!(flags & FLAG_POLICY)) return;
        n_labels = get_count(c, LABELS_MAX);
        for (size_t i = 0; i < n_labels; i++) {
                get_text(c, key, LABEL_KEY_MAX);
                get_text(c, value, LABEL_VALUE_MAX);
                if (c->error == 0 && labels_set(&n->labels, key, value) < 0) c->error = -EBADMSG;
        }
        n->floors.dbx = get_int(c, 8);
        n->floors.sbat = get_int(c, 8);
        get_text(c, n->floors.firmware, POLICY_VERSION_MAX);
}

int node_decode(Bytes encoded, NodeRecord *ret)
{
        Cursor c = { .r = READER_INIT(encoded) };
        NodeRecord n = { 0 };
        uint64_t version;
        uint8_t flags;

        flags = get_head(&c, &version, &n);
        get_body(&c, flags, &n);
        if (version > RECORD_OLDEST) {
                get_text(&c, n.trusted, NODE_TRUSTED_MAX);
                get_policy(&c, flags, &n);
                for (size_t i = 0; i < n.n_volumes; i++) get_order(&c, &n.volumes[i]);
        }
        if (c.error == 0) c.error = reader_finish(&c.r);
        if (c.error < 0) return error_set(-EBADMSG, "a node record that this version cannot read");
        *ret = n;
        return 0;
}
