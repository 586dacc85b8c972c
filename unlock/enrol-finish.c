/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Between the last zone of a re-encryption and the end of its clean-up the header has one segment of data,
 * under the fresh key, and still calls itself in progress. libcryptsetup (2.6.1 to 2.8.6 read) takes a single
 * segment for one where nothing was done yet: resumed, it starts over at offset 0, decrypts with the old key
 * what the fresh key has encrypted, and the data is gone. A power cut in that window is as likely as the wipe
 * of the 16 MB work area is long, which lies in it.
 *
 * No call of the library leads out of that state, so the header is written here, as LUKS2 On-Disk Format 1.1.1
 * says: sections 2.1 (binary header, checksum) and 2.3 (two copies, the higher sequence number wins). The first
 * copy is written and synced before the second: torn, the old second copy still says "in progress, all done",
 * and the next run is here again. Nothing of a key is needed for it. */

#include "unlock/enrol-finish.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "json/value.h"
#include "json/writer.h"
#include "unlock/volume-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
        BINARY_SIZE = 4096,
        SEQID_AT = 16,
        ALGORITHM_AT = 72,
        CHECKSUM_AT = 448,
        CHECKSUM_SIZE = 64,
        METADATA_COPIES_MAX = 4 * 1024 * 1024,
};

/* ---- the JSON of the volume at rest ---- */

static int copy_value(JsonWriter *w, const char *key, const JsonValue *v);

static int copy_member(const char *key, const JsonValue *v, void *context)
{
        return copy_value(context, key, v);
}

static int copy_elements(JsonWriter *w, const JsonValue *array)
{
        const JsonValue *element = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && i < json_value_count(array); i++) {
                r = json_value_element(array, i, &element);
                if (r == 0) r = copy_value(w, NULL, element);
        }
        return r;
}

/* The kinds that a checked header consists of. Depth is bounded by the parser's. */
static int copy_value(JsonWriter *w, const char *key, const JsonValue *v)
{
        const char *text = NULL;
        int64_t n = 0;
        int r;

        switch (json_value_kind(v)) {
        case JSON_TEXT:
                r = json_value_text(v, &text);
                if (r == 0) json_writer_text(w, key, text);
                return r;
        case JSON_INT:
                r = json_value_int(v, INT64_MIN, INT64_MAX, &n);
                if (r == 0) json_writer_int(w, key, n);
                return r;
        case JSON_OBJECT:
                json_writer_open_object(w, key);
                r = json_value_each(v, copy_member, w);
                json_writer_close(w);
                return r;
        case JSON_ARRAY:
                json_writer_open_array(w, key);
                r = copy_elements(w, v);
                json_writer_close(w);
                return r;
        case JSON_NULL:
        case JSON_BOOL:
        case JSON_DOUBLE:
        default: return error_set(-EBADMSG, "a value of an unexpected kind in the header");
        }
}

static int copy_one(JsonWriter *w, const JsonValue *object, const char *key)
{
        const JsonValue *v = NULL;
        int r;

        r = json_value_member(object, key, &v);
        return r == 0 ? copy_value(w, key, v) : r;
}

static int copy_keyslots(JsonWriter *w, const JsonValue *root, const JsonValue *slots_of_digest)
{
        const JsonValue *keyslots = NULL, *element = NULL;
        const char *number = NULL;
        int r;

        r = json_value_member(root, "keyslots", &keyslots);
        if (r < 0) return r;
        json_writer_open_object(w, "keyslots");
        for (size_t i = 0; r == 0 && i < json_value_count(slots_of_digest); i++) {
                r = json_value_element(slots_of_digest, i, &element);
                if (r == 0) r = json_value_text(element, &number);
                if (r == 0) r = copy_one(w, keyslots, number);
        }
        json_writer_close(w);
        return r;
}

typedef struct Copying {
        JsonWriter *w;
        const char *key; /* left out, or replaced */
} Copying;

static int copy_but(const char *key, const JsonValue *v, void *context)
{
        const Copying *c = context;

        return strcmp(key, c->key) == 0 ? 0 : copy_value(c->w, key, v);
}

static int copy_segment_and_digest(JsonWriter *w, const JsonValue *root, const JsonValue *digest, int number)
{
        Copying c = { .w = w, .key = "segments" };
        const JsonValue *segments = NULL;
        char key[12];
        int r;

        r = json_value_member(root, "segments", &segments);
        if (r < 0) return r;
        json_writer_open_object(w, "segments");
        r = copy_one(w, segments, "0");
        json_writer_close(w);
        if (r < 0) return r;
        (void)snprintf(key, sizeof(key), "%d", number);
        json_writer_open_object(w, "digests");
        json_writer_open_object(w, key);
        r = json_value_each(digest, copy_but, &c);
        json_writer_open_array(w, "segments");
        json_writer_text(w, NULL, "0");
        json_writer_close(w);
        json_writer_close(w);
        json_writer_close(w);
        return r;
}

static int copy_config(JsonWriter *w, const JsonValue *root)
{
        Copying c = { .w = w, .key = "requirements" };
        const JsonValue *config = NULL;
        int r;

        r = json_value_member(root, "config", &config);
        if (r < 0) return r;
        json_writer_open_object(w, "config");
        r = json_value_each(config, copy_but, &c);
        json_writer_close(w);
        return r;
}

static int find_digest(const JsonValue *root, int number, const JsonValue **ret, const JsonValue **ret_keyslots)
{
        const JsonValue *digests = NULL;
        char key[12];
        int r;

        (void)snprintf(key, sizeof(key), "%d", number);
        r = json_value_member(root, "digests", &digests);
        if (r == 0) r = json_value_member(digests, key, ret);
        if (r == 0) r = json_value_member(*ret, "keyslots", ret_keyslots);
        return r;
}

static int make_json(const JsonValue *root, int digest_number, size_t max, char **ret)
{
        cleanup_writer Writer out = WRITER_INIT(max);
        JsonWriter w = JSON_WRITER_INIT(&out);
        const JsonValue *digest = NULL, *keyslots = NULL;
        int r;

        w.compact = true;
        r = find_digest(root, digest_number, &digest, &keyslots);
        if (r < 0) return r;
        json_writer_open_object(&w, NULL);
        r = copy_keyslots(&w, root, keyslots);
        json_writer_open_object(&w, "tokens");
        json_writer_close(&w);
        if (r == 0) r = copy_segment_and_digest(&w, root, digest, digest_number);
        if (r == 0) r = copy_config(&w, root);
        json_writer_close(&w);
        if (r == 0) r = json_writer_finish(&w);
        return r == 0 ? writer_steal_text(&out, ret) : r;
}

/* ---- the two copies ---- */

static int checksum(uint8_t *copy, size_t size, uint8_t ret[static SHA256_SIZE])
{
        uint8_t kept[CHECKSUM_SIZE];
        int r;

        memcpy(kept, copy + CHECKSUM_AT, sizeof(kept));
        memset(copy + CHECKSUM_AT, 0, sizeof(kept));
        r = hash_sha256(BYTES(copy, size), ret);
        memcpy(copy + CHECKSUM_AT, kept, sizeof(kept));
        return r;
}

/* Reads a copy that libcryptsetup has found (or made) valid a moment ago, and holds it to that. */
static int read_copy(int fd, off_t at, uint8_t *copy, size_t size)
{
        static const char algorithm[] = "sha256"; /* with its NUL */
        uint8_t sum[SHA256_SIZE];
        int r;

        if (pread(fd, copy, size, at) != (ssize_t)size) return error_set(-EIO, "the header cannot be read");
        if (!bytes_equal(BYTES(copy + ALGORITHM_AT, sizeof(algorithm)), BYTES_ARRAY(algorithm)))
                return error_set(-EOPNOTSUPP, "the header's checksum is not sha256");
        r = checksum(copy, size, sum);
        if (r < 0) return r;
        if (!bytes_equal(BYTES_ARRAY(sum), BYTES(copy + CHECKSUM_AT, SHA256_SIZE)))
                return error_set(-EBADMSG, "a copy of the header is broken");
        return 0;
}

static void raise_seqid(uint8_t *copy)
{
        for (size_t i = SEQID_AT + 8; i-- > SEQID_AT;)
                if (++copy[i] != 0) return;
}

static int write_copy(int fd, off_t at, uint8_t *copy, size_t size, Bytes json)
{
        uint8_t sum[SHA256_SIZE];
        size_t done = 0;
        int r;

        memset(copy + BINARY_SIZE, 0, size - BINARY_SIZE);
        memcpy(copy + BINARY_SIZE, json.data, json.size);
        raise_seqid(copy);
        r = checksum(copy, size, sum);
        if (r < 0) return r;
        memset(copy + CHECKSUM_AT, 0, CHECKSUM_SIZE);
        memcpy(copy + CHECKSUM_AT, sum, sizeof(sum));
        if (lseek(fd, at, SEEK_SET) != at) return error_set(-errno, "header: %m");
        while (done < size) {
                const ssize_t n = write(fd, copy + done, size - done);

                if (n < 0 && errno == EINTR) continue;
                if (n <= 0) return error_set(n < 0 ? -errno : -EIO, "the header cannot be written");
                done += (size_t)n;
        }
        return fsync(fd) < 0 ? error_set(-errno, "the header cannot be synced: %m") : 0;
}

static int write_header(const char *path, size_t size, Bytes json)
{
        cleanup_fd int fd = open(path, O_RDWR | O_CLOEXEC);
        cleanup_free uint8_t *first = malloc(size), *second = malloc(size);
        int r;

        if (fd < 0) return error_set(-errno, "%s: %m", path);
        if (!first || !second) return -ENOMEM;
        if (json.size >= size - BINARY_SIZE) return error_set(-EMSGSIZE, "the header has no room");
        r = read_copy(fd, 0, first, size);
        if (r == 0) r = read_copy(fd, (off_t)size, second, size);
        if (r == 0) r = write_copy(fd, 0, first, size, json);
        if (r == 0) r = write_copy(fd, (off_t)size, second, size, json);
        return r < 0 ? error_prefix(r, "%s", path) : 0;
}

int enrol_finish_reencryption(Volume *v)
{
        cleanup_json JsonValue *root = NULL;
        cleanup_free char *text = NULL;
        const char *json = NULL;
        uint64_t size = 0;
        int number, r;

        if (!v->header || !v->header->reencrypted)
                return error_set(-EINVAL, "%s: no finished re-encryption", v->path);
        number = v->header->final_digest;
        r = crypt_get_metadata_size(v->cd, &size, NULL);
        if (r < 0 || size > METADATA_COPIES_MAX)
                return error_set(-EBADMSG, "%s: no size of the metadata", v->path);
        r = crypt_dump_json(v->cd, &json, 0);
        if (r < 0) return volume_failed(v, r, "metadata");
        r = json_value_parse(BYTES(json, strlen(json)), HEADER_JSON_USED_MAX, &root);
        if (r == 0) r = make_json(root, number, size, &text);
        if (r < 0) return error_prefix(r, "%s", v->path);
        volume_invalidate(v);
        return write_header(v->path, size, BYTES(text, strlen(text)));
}
