/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The record is written and compared by one table of fields, each a length-prefixed (be32) value in a fixed order;
 * numbers are big-endian. Where two records differ, the table has the field's name. */

#include "unlock/record.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/writer.h"
#include "crypto/compare.h"
#include "crypto/hmac.h"

#include <errno.h>
#include <string.h>

enum { SHOWN_MAX = 16 }; /* bytes of a value in a message */

static const char *const field_names[] = {
        "the record's version",
        "segments.0.offset",
        "segments.0.encryption",
        "segments.0.sector_size",
        "digests.hash",
        "digests.iterations",
        "digests.salt",
        "digests.digest",
        "config.flags",
        "config.json_size",
        "config.keyslots_size",
        "the number of our keyslot",
        "our keyslot's key_size",
        "our keyslot's area.offset",
        "our keyslot's area.size",
        "our keyslot's area.encryption",
        "our keyslot's area.key_size",
        "our keyslot's af.hash",
        "our keyslot's kdf.type",
        "our keyslot's kdf.hash",
        "our keyslot's kdf cost",
        "our keyslot's kdf.memory",
        "our keyslot's kdf.cpus",
        "our keyslot's kdf.salt",
        "the halfkey token",
};

static void put_text(Writer *w, const char *text)
{
        writer_prefixed(w, BYTES(text, strlen(text)));
}

static void put_number(Writer *w, uint64_t v)
{
        writer_be32(w, sizeof(v));
        writer_be64(w, v);
}

static void put_keyslot(Writer *w, const HeaderKeyslot *k)
{
        put_number(w, (uint64_t)k->number);
        put_number(w, k->key_size);
        put_number(w, k->area_offset);
        put_number(w, k->area_size);
        put_text(w, k->area_encryption);
        put_number(w, k->area_key_size);
        put_text(w, k->af_hash);
        put_number(w, k->kdf);
        put_text(w, k->kdf_hash);
        put_number(w, k->iterations);
        put_number(w, k->memory);
        put_number(w, k->cpus);
        writer_prefixed(w, BYTES(k->salt, k->salt_size));
}

/* What says where the data is and how it is read. */
static void put_data(Writer *w, const Header *h)
{
        put_text(w, "halfkey header v1");
        put_number(w, h->segment.offset);
        put_text(w, h->segment.encryption);
        put_number(w, h->segment.sector_size);
        put_text(w, h->digest.hash);
        put_number(w, h->digest.iterations);
        writer_prefixed(w, BYTES(h->digest.salt, h->digest.salt_size));
        writer_prefixed(w, BYTES(h->digest.digest, h->digest.digest_size));
        put_number(w, h->flags);
        put_number(w, h->json_size);
        put_number(w, h->keyslots_size);
}

static int encode(const Header *h, const Token *t, Writer *w, Bytes *ret)
{
        const HeaderKeyslot *k = header_keyslot(h, t->keyslot);
        uint8_t hash[SHA256_SIZE];
        int r;

        if (!k || !k->bound || h->reencrypting)
                return error_set(-EINVAL, "keyslot %d does not hold the volume key", t->keyslot);
        r = token_hash(t, hash);
        if (r < 0) return r;
        put_data(w, h);
        put_keyslot(w, k);
        writer_prefixed(w, BYTES_ARRAY(hash));
        return writer_finish(w, ret);
}

static int make_tag(RecordTag which, const Secret *key, Bytes record, uint8_t ret[static SHA256_SIZE])
{
        const char *label = which == RECORD_TAG_HALVES ? "halfkey header tag v1, halves"
                                                       : "halfkey header tag v1, volume key";
        cleanup_writer Writer w = WRITER_INIT(TOKEN_RECORD_MAX + 128);
        Bytes message;
        int r;

        put_text(&w, label);
        writer_prefixed(&w, record);
        r = writer_finish(&w, &message);
        return r < 0 ? r : hmac_sha256(secret_bytes(key), message, ret);
}

int record_write(const Header *h, Token *t, const Secret *mac_key, const Secret *volume_key)
{
        cleanup_writer Writer w = WRITER_INIT(TOKEN_RECORD_MAX);
        uint8_t halves[SHA256_SIZE] = { 0 }, by_volume_key[SHA256_SIZE];
        Bytes record;
        int r;

        r = encode(h, t, &w, &record);
        if (r == 0 && mac_key) r = make_tag(RECORD_TAG_HALVES, mac_key, record, halves);
        if (r == 0) r = make_tag(RECORD_TAG_VOLUME_KEY, volume_key, record, by_volume_key);
        if (r == 0) r = token_blob_set(&t->record, record);
        if (r < 0) return r;
        memcpy(t->halves_tag, halves, sizeof(halves));
        memcpy(t->volume_key_tag, by_volume_key, sizeof(by_volume_key));
        return 0;
}

/* The next field of each record; false where one of them has none. */
static bool next_fields(Reader *was, Reader *is, Bytes *ret_was, Bytes *ret_is)
{
        uint32_t was_size = 0, is_size = 0;

        return reader_be32(was, &was_size) == 0 && reader_bytes(was, was_size, ret_was) == 0 &&
               reader_be32(is, &is_size) == 0 && reader_bytes(is, is_size, ret_is) == 0;
}

static void show(Bytes value, char ret[static 2 * SHOWN_MAX + 1])
{
        if (value.size > SHOWN_MAX) value.size = SHOWN_MAX;
        hex_encode(value, ret);
}

/* How many fields differ; -EBADMSG where one record is not a list of these fields to its end. */
static int each_difference(Bytes was, Bytes is, RecordEach each, void *userdata)
{
        Reader a = READER_INIT(was), b = READER_INIT(is);
        char wanted[2 * SHOWN_MAX + 1], found[2 * SHOWN_MAX + 1];
        int n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(field_names) && reader_left(&b) > 0; i++) {
                Bytes x, y;

                if (!next_fields(&a, &b, &x, &y)) return -EBADMSG;
                if (bytes_equal(x, y)) continue;
                show(x, wanted);
                show(y, found);
                each(field_names[i], wanted, found, userdata);
                n++;
        }
        return reader_left(&a) > 0 || reader_left(&b) > 0 ? -EBADMSG : n;
}

/* Sets the detail by the first of them. */
static void name_first(const char *field, const char *was, const char *is, void *userdata)
{
        bool *named = userdata;

        if (!*named)
                IGNORE_RESULT(error_set(RECORD_E_REFUSED, "%s is %s, and was %s when the token was written", field,
                                        is, was));
        *named = true;
}

static int name_difference(Bytes was, Bytes is)
{
        bool named = false;

        IGNORE_RESULT(each_difference(was, is, name_first, &named));
        if (named) return RECORD_E_REFUSED;
        return error_set(RECORD_E_REFUSED, "the token's record of the header has another form");
}

static int compare(const Header *h, const Token *t, Writer *w, Bytes *ret_record)
{
        const Bytes was = token_blob_bytes(&t->record);
        Bytes is;
        int r;

        r = encode(h, t, w, &is);
        if (r < 0) return r == -EINVAL ? RECORD_E_REFUSED : r;
        if (!bytes_equal(was, is)) return name_difference(was, is);
        *ret_record = is;
        return 0;
}

int record_compare(const Header *h, const Token *t)
{
        cleanup_writer Writer w = WRITER_INIT(TOKEN_RECORD_MAX);
        Bytes record;

        return compare(h, t, &w, &record);
}

int record_each_change(const Header *h, const Token *t, RecordEach each, void *userdata)
{
        cleanup_writer Writer w = WRITER_INIT(TOKEN_RECORD_MAX);
        Bytes is;
        int r;

        r = encode(h, t, &w, &is);
        if (r < 0) return r == -EINVAL ? -EBADMSG : r;
        r = each_difference(token_blob_bytes(&t->record), is, each, userdata);
        return r == -EBADMSG ? error_set(r, "the token's record of the header has another form") : r;
}

/* The record ends with the hash of the token that it is in. */
static int check_token_of(const Token *t)
{
        const Bytes record = token_blob_bytes(&t->record);
        uint8_t hash[SHA256_SIZE];
        int r;

        r = token_hash(t, hash);
        if (r < 0) return r;
        if (record.size >= sizeof(hash) &&
            bytes_equal(BYTES(record.data + record.size - sizeof(hash), sizeof(hash)), BYTES_ARRAY(hash)))
                return 0;
        return error_set(RECORD_E_REFUSED, "the halfkey token itself was changed");
}

int record_verify_written(const Token *t, const Secret *volume_key)
{
        uint8_t wanted[SHA256_SIZE];
        int r;

        r = make_tag(RECORD_TAG_VOLUME_KEY, volume_key, token_blob_bytes(&t->record), wanted);
        if (r < 0) return r;
        if (crypto_equal(BYTES_ARRAY(wanted), BYTES_ARRAY(t->volume_key_tag)) == 0) return check_token_of(t);
        return error_set(RECORD_E_REFUSED,
                         "the record in the token has no tag of this volume key: the volume was re-encrypted, or "
                         "somebody else wrote the record");
}

int record_same_volume(const Header *was, const Header *is)
{
        cleanup_writer Writer a = WRITER_INIT(TOKEN_RECORD_MAX), b = WRITER_INIT(TOKEN_RECORD_MAX);
        Bytes x, y;
        int r;

        if (was->reencrypting || is->reencrypting)
                return error_set(RECORD_E_REFUSED, "a re-encryption is in progress");
        put_data(&a, was);
        put_data(&b, is);
        r = writer_finish(&a, &x);
        if (r == 0) r = writer_finish(&b, &y);
        if (r < 0) return r;
        return bytes_equal(x, y) ? 0 : name_difference(x, y);
}

int record_verify(const Header *h, const Token *t, RecordTag which, const Secret *key)
{
        const uint8_t *tag = which == RECORD_TAG_HALVES ? t->halves_tag : t->volume_key_tag;
        cleanup_writer Writer w = WRITER_INIT(TOKEN_RECORD_MAX);
        uint8_t wanted[SHA256_SIZE];
        Bytes record;
        int r;

        r = compare(h, t, &w, &record);
        if (r == 0) r = make_tag(which, key, record, wanted);
        if (r != 0) return r;
        if (crypto_equal(BYTES_ARRAY(wanted), BYTES(tag, SHA256_SIZE)) == 0) return 0;
        return error_set(RECORD_E_REFUSED, "the header's tag does not verify: somebody else wrote this header");
}
