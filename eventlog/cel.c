/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Event logs in JSON: TCG "Canonical Event Log Format" 1.0, section 5 (an array of records), systemd's
 * /run/log/systemd/tpm2-measure.log (the same records as a JSON text sequence, RFC 7464) and what `halfkey
 * eventlog export` writes (the records inside an object, with more members).
 *
 * The text is cut into records here, by brackets and quotes alone, and each record is parsed on its own: so a JSON
 * tree exists for one record at a time, and one with more than a record's share of brackets and commas is refused
 * before there is a tree at all. Digests and data are decoded into one block as large as the text, which they
 * always fit. */

#include "eventlog/cel.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/writer.h"
#include "eventlog/fault.h"
#include "eventlog/quirk.h"
#include "json/value.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
        RECORD_SEPARATOR = 0x1e,
        /* Brackets, commas and colons of one record: ours have about 60, systemd's 40. */
        TOKENS_MAX = 1024,
        DIGEST_MAX = 128,
};

static bool is_of(uint8_t c, const char *set)
{
        return c != 0 && strchr(set, c);
}

bool cel_recognise(Bytes bytes)
{
        return bytes.size > 0 && is_of(bytes.data[0], "[{\x1e");
}

/* ---- cutting the text into records ------------------------------------------------------------------------- */

static void skip_space(Reader *r)
{
        while (r->at < r->size && is_of(r->data[r->at], " \t\r\n\x1e")) r->at++;
}

static bool take(Reader *r, char c)
{
        skip_space(r);
        if (r->at == r->size || r->data[r->at] != (uint8_t)c) return false;
        r->at++;
        return true;
}

/* A string's end: r stands behind its opening quote. */
static int skip_string(Reader *r)
{
        while (r->at < r->size) {
                const uint8_t c = r->data[r->at++];

                if (c == '"') return 0;
                if (c == '\\') r->at++;
        }
        r->at = r->size;
        return -EBADMSG;
}

/* One value, whatever it holds; r stands at its first character. */
static int skip_value(Reader *r, size_t tokens_max)
{
        size_t depth = 0, tokens = 0;

        while (r->at < r->size) {
                const uint8_t c = r->data[r->at];

                if (depth == 0 && tokens > 0 && is_of(c, ",]}")) return 0;
                r->at++;
                if (is_of(c, "{}[],:") && ++tokens > tokens_max) return -E2BIG;
                if (c == '"' && skip_string(r) < 0) return -EBADMSG;
                if (c == '{' || c == '[') depth++;
                if ((c == '}' || c == ']') && depth-- == 0) return -EBADMSG;
                if (depth == 0) {
                        if (is_of(c, "}]\"")) return 0;
                        tokens++;
                        if (r->at < r->size && is_of(r->data[r->at], ",]} \t\r\n")) return 0;
                }
        }
        return -EBADMSG;
}

/* Where the records are. */
typedef enum Frame { FRAME_SEQUENCE, FRAME_ARRAY, FRAME_OBJECT } Frame;

/* Walks over the members of an export's object up to its "events". */
static int enter_events(Reader *r)
{
        static const char key[] = "\"events\"";

        if (!take(r, '{')) return -EBADMSG;
        for (;;) {
                size_t start;

                skip_space(r);
                start = r->at;
                if (r->at == r->size || r->data[r->at++] != '"' || skip_string(r) < 0) return -EBADMSG;
                if (r->at - start == sizeof(key) - 1 &&
                    bytes_equal(BYTES(r->data + start, sizeof(key) - 1), BYTES_LITERAL(key)))
                        return take(r, ':') && take(r, '[') ? 0 : -EBADMSG;
                if (!take(r, ':')) return -EBADMSG;
                skip_space(r);
                if (skip_value(r, SIZE_MAX) < 0 || !take(r, ',')) return -EBADMSG;
        }
}

/* Behind the records: the end of their array, and of an export's object with what it may still hold. */
static int leave(Reader *r, Frame frame)
{
        if (frame == FRAME_OBJECT)
                while (take(r, ',')) {
                        skip_space(r);
                        if (r->at == r->size || r->data[r->at++] != '"' || skip_string(r) < 0 || !take(r, ':'))
                                return -EBADMSG;
                        skip_space(r);
                        if (skip_value(r, SIZE_MAX) < 0) return -EBADMSG;
                }
        if (frame == FRAME_OBJECT && !take(r, '}')) return -EBADMSG;
        skip_space(r);
        return reader_finish(r);
}

/* ---- one record --------------------------------------------------------------------------------------------- */

typedef struct Cel {
        EventLog *log;
        Writer decoded; /* over log->owned */
        size_t capacity;
        bool systemd; /* some record is systemd's */
        bool register_index;
        int64_t last_number;
} Cel;

/* Hex of any length into the block; a view. */
static int decode(Cel *c, const char *hex, Bytes *ret)
{
        const size_t n = strlen(hex) / 2, start = c->decoded.size;

        if (strlen(hex) % 2 != 0 || n > c->decoded.capacity - start) return -EBADMSG;
        if (hex_decode(hex, c->decoded.data + start, n) < 0) return -EBADMSG;
        c->decoded.size += n;
        *ret = BYTES(c->decoded.data + start, n);
        return 0;
}

static int digest_alg(const JsonValue *v, uint16_t *ret)
{
        const char *name;
        int64_t number;
        HashAlg alg;

        if (json_value_int(v, 1, UINT16_MAX, &number) == 0) {
                *ret = (uint16_t)number;
                return 0;
        }
        if (json_value_text(v, &name) < 0 || hash_from_name(name, &alg) < 0) return -EBADMSG;
        *ret = (uint16_t)alg;
        return 0;
}

/* Under a Spec ID event its list holds, as in a binary log; without one each algorithm is a bank, with the size it
 * is first seen with. */
static int note_digest(EventLog *log, uint16_t alg, size_t size, uint32_t place)
{
        for (size_t i = 0; i < log->n_sizes; i++) {
                if (log->sizes[i].alg != alg) continue;
                if (log->has_spec_id && i != place)
                        eventlog_quirk_set(log, EVENTLOG_QUIRK_DIGEST_ORDER, (uint32_t)log->n_events);
                return log->sizes[i].size == size ? 0 : -EBADMSG;
        }
        if (hash_size(alg) != 0 && hash_size(alg) != size) return -EBADMSG;
        if (log->has_spec_id) {
                eventlog_quirk_set(log, EVENTLOG_QUIRK_DIGEST_FOREIGN, (uint32_t)log->n_events);
                return hash_size(alg) == size ? 0 : -EBADMSG;
        }
        if (log->n_sizes == EVENTLOG_BANKS_MAX || size == 0 || size > DIGEST_MAX) return -EBADMSG;
        log->sizes[log->n_sizes].alg = alg;
        log->sizes[log->n_sizes++].size = (uint16_t)size;
        if (hash_size(alg) != 0) log->banks[log->n_banks++] = (HashAlg)alg;
        return 0;
}

/* As in a binary record: the algorithm, then the digest. */
static int put_digest(Cel *c, const char *hex, uint16_t alg, uint32_t place)
{
        Bytes bytes;

        writer_le16(&c->decoded, alg);
        if (c->decoded.error || decode(c, hex, &bytes) < 0) return -EBADMSG;
        return note_digest(c->log, alg, bytes.size, place);
}

static int read_digest(Cel *c, const JsonValue *v, uint32_t place, uint16_t *ret_alg)
{
        const JsonValue *alg, *digest;
        const char *hex;

        if (json_value_member(v, "hashAlg", &alg) < 0 || json_value_member(v, "digest", &digest) < 0 ||
            digest_alg(alg, ret_alg) < 0 || json_value_text(digest, &hex) < 0)
                return -EBADMSG;
        return put_digest(c, hex, *ret_alg, place);
}

/* The digests of an export: an object of names or numbers. */
typedef struct Named {
        Cel *c;
        Event *event;
} Named;

static int read_named_digest(const char *name, const JsonValue *value, void *context)
{
        Named *n = context;
        const char *hex;
        HashAlg alg;
        char *end;
        uint16_t id;

        if (n->event->n_digests == EVENTLOG_BANKS_MAX || json_value_text(value, &hex) < 0) return -EBADMSG;
        if (hash_from_name(name, &alg) == 0) {
                id = (uint16_t)alg;
        } else {
                const unsigned long number = strtoul(name, &end, 16);

                if (strncmp(name, "0x", 2) != 0 || *end || number == 0 || number > UINT16_MAX) return -EBADMSG;
                id = (uint16_t)number;
        }
        return put_digest(n->c, hex, id, n->event->n_digests++);
}

static int read_digests(Cel *c, const JsonValue *record, Event *event)
{
        const JsonValue *list, *one;
        uint16_t algs[EVENTLOG_BANKS_MAX];
        const size_t start = c->decoded.size;
        Named named = { c, event };

        if (json_value_member(record, "digests", &list) < 0) return -EBADMSG;
        if (json_value_kind(list) == JSON_OBJECT) {
                if (json_value_each(list, read_named_digest, &named) != 0) return -EBADMSG;
                event->digests = BYTES(c->decoded.data + start, c->decoded.size - start);
                return 0;
        }
        if (json_value_kind(list) != JSON_ARRAY) return -EBADMSG;
        if (json_value_count(list) > EVENTLOG_BANKS_MAX) return -EBADMSG;
        for (; json_value_element(list, event->n_digests, &one) == 0; event->n_digests++) {
                const uint32_t n = event->n_digests;

                if (read_digest(c, one, n, &algs[n]) < 0) return -EBADMSG;
                for (uint32_t i = 0; i < n; i++)
                        if (algs[i] == algs[n]) return -EBADMSG;
        }
        event->digests = BYTES(c->decoded.data + start, c->decoded.size - start);
        return 0;
}

/* content_type "pcclient_std": type and data of the firmware's event. */
static int read_firmware(Cel *c, const JsonValue *content, Event *event)
{
        const JsonValue *type, *data;
        const char *name, *hex;
        int64_t number;

        if (json_value_member(content, "event_type", &type) < 0 ||
            json_value_member(content, "event_data", &data) < 0)
                return -EBADMSG;
        if (json_value_int(type, 0, UINT32_MAX, &number) == 0) event->type = (uint32_t)number;
        else if (json_value_text(type, &name) < 0 || eventlog_type_from_name(name, &event->type) < 0)
                return -EBADMSG;
        if (json_value_text(data, &hex) < 0) return -EBADMSG;
        return decode(c, hex, &event->data);
}

/* content_type "systemd": the text that was hashed, where there is one. */
static int read_systemd(Cel *c, const JsonValue *content, Event *event)
{
        const JsonValue *value;
        const char *text;
        size_t start = c->decoded.size;

        c->systemd = true;
        event->type = EVENTLOG_TYPE_SYSTEMD;
        if (json_value_member(content, "string", &value) < 0) return 0;
        if (json_value_text(value, &text) < 0) return -EBADMSG;
        writer_text(&c->decoded, text);
        event->data = BYTES(c->decoded.data + start, c->decoded.size - start);
        return c->decoded.error ? -EBADMSG : 0;
}

/* An export's own form: "type" and "data". */
static int read_exported(Cel *c, const JsonValue *record, Event *event)
{
        const JsonValue *type, *data;
        const char *hex;
        int64_t number;

        if (json_value_member(record, "type", &type) < 0 || json_value_member(record, "data", &data) < 0 ||
            json_value_int(type, 0, UINT32_MAX, &number) < 0 || json_value_text(data, &hex) < 0)
                return -EBADMSG;
        event->type = (uint32_t)number;
        if (event->type == EVENTLOG_TYPE_SYSTEMD) c->systemd = true;
        return decode(c, hex, &event->data);
}

static int read_content(Cel *c, const JsonValue *record, Event *event)
{
        const JsonValue *kind, *content;
        const char *name;

        if (json_value_member(record, "content_type", &kind) < 0) return read_exported(c, record, event);
        if (json_value_member(record, "content_type", &kind) < 0 || json_value_text(kind, &name) < 0 ||
            json_value_member(record, "content", &content) < 0 || json_value_kind(content) != JSON_OBJECT)
                return -EBADMSG;
        if (strcmp(name, "pcclient_std") == 0) return read_firmware(c, content, event);
        if (strcmp(name, "systemd") == 0) return read_systemd(c, content, event);
        event->type = EVENTLOG_TYPE_OTHER;
        return 0;
}

/* "pcr", or another place that is none: an NV index, a register of a confidential machine. */
static int read_place(Cel *c, const JsonValue *record, Event *event)
{
        static const char *const others[] = { "nv_index", "nvIndex", "rtmr" };
        const JsonValue *value;
        int64_t number;

        if (json_value_member(record, "ccmr", &value) == 0) {
                if (json_value_int(value, 0, UINT32_MAX, &number) < 0) return -EBADMSG;
                event->pcr = (uint32_t)number;
                c->register_index = true;
                return 0;
        }
        if (json_value_member(record, "pcr", &value) == 0) {
                if (json_value_int(value, 0, UINT32_MAX, &number) < 0) return -EBADMSG;
                event->pcr = (uint32_t)number;
                return 0;
        }
        event->pcr = UINT32_MAX;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                if (json_value_member(record, others[i], &value) == 0)
                        return json_value_int(value, 0, UINT32_MAX, &number) < 0 ? -EBADMSG : 0;
        return -EBADMSG;
}

static int read_number(Cel *c, const JsonValue *record)
{
        const JsonValue *value;
        int64_t number;

        if (json_value_member(record, "recnum", &value) < 0) return 0;
        if (json_value_int(value, 0, INT64_MAX, &number) < 0 || number <= c->last_number) return -EBADMSG;
        c->last_number = number;
        return 0;
}

static int read_record(Cel *c, Bytes text, Event *event)
{
        cleanup_json JsonValue *record = NULL;
        int r;

        r = json_value_parse(text, text.size, &record);
        if (r == -ENOMEM) return r;
        if (r < 0)
                return eventlog_fault(c->log, event->offset, "record %" PRIu32 ": %s", event->index,
                                      error_detail(r));
        if (read_number(c, record) < 0)
                return eventlog_fault(c->log, event->offset, "record %" PRIu32 ": its number does not rise",
                                      event->index);
        if (read_place(c, record, event) < 0)
                return eventlog_fault(c->log, event->offset, "record %" PRIu32 ": expected a PCR or an NV index",
                                      event->index);
        if (read_digests(c, record, event) < 0)
                return eventlog_fault(c->log, event->offset, "record %" PRIu32 ": expected a list of digests",
                                      event->index);
        if (read_content(c, record, event) < 0)
                return eventlog_fault(c->log, event->offset, "record %" PRIu32 ": expected a type and its content",
                                      event->index);
        return 0;
}

/* ---- all of them -----------------------------------------------------------------------------------------------
 */

/* The first record's own digest has the SHA-1 form, whatever the banks; its data names them. */
static int read_spec_id(Cel *c, const Event *event)
{
        Reader data = READER_INIT(event->data);

        c->log->n_sizes = c->log->n_banks = 0;
        c->log->has_spec_id = true;
        return eventlog_read_spec_id(c->log, &data);
}

static int next_record(Cel *c, Reader *r)
{
        const size_t start = r->at;
        /* Data that a record lacks is empty, not nowhere: what looks through it may be given no NULL. */
        Event event = { .index = (uint32_t)c->log->n_events, .offset = start, .data = BYTES(c->log->owned, 0) };
        int result;

        result = r->at < r->size && r->data[r->at] == '{' ? skip_value(r, TOKENS_MAX) : -EBADMSG;
        if (result < 0)
                return eventlog_fault(c->log, start, "record %" PRIu32 ": %s", event.index,
                                      result == -E2BIG ? "more in it than in any record"
                                                       : "expected an object that ends");
        event.size = r->at - start;
        result = read_record(c, BYTES(r->data + start, event.size), &event);
        if (result == 0 && event.index == 0 && eventlog_is_spec_id(&event)) result = read_spec_id(c, &event);
        if (result < 0) return result;
        if (event.n_digests < c->log->n_sizes && event.index > 0)
                eventlog_quirk_set(c->log, EVENTLOG_QUIRK_DIGEST_MISSING, event.index);
        eventlog_check_event(c->log, &event);
        result = eventlog_add_event(c->log, &c->capacity, &event);
        if (result == 0) c->log->read = r->at;
        return result;
}

static int read_records(Cel *c, Reader *r, Frame frame)
{
        bool first = true;

        for (;; first = false) {
                int result;

                skip_space(r);
                if (frame == FRAME_SEQUENCE && r->at == r->size) return 0;
                if (frame != FRAME_SEQUENCE && take(r, ']')) return leave(r, frame);
                if (frame != FRAME_SEQUENCE && !first && !take(r, ','))
                        return eventlog_fault(c->log, r->at, "expected ',' or ']' behind a record");
                skip_space(r);
                result = next_record(c, r);
                if (result < 0) return result;
        }
}

static int begin(Reader *r, Frame *ret)
{
        Reader probe = *r;

        if (r->data[0] == '[') {
                r->at++;
                *ret = FRAME_ARRAY;
                return 0;
        }
        *ret = FRAME_SEQUENCE;
        if (r->data[0] == RECORD_SEPARATOR) return 0;
        /* An export, if it has "events" before it ends; else the first record of a sequence. */
        if (enter_events(&probe) < 0) return 0;
        *r = probe;
        *ret = FRAME_OBJECT;
        return 0;
}

/* What the records were before somebody wrote them as JSON. */
static void conclude(Cel *c)
{
        EventLog *log = c->log;

        log->format = EVENTLOG_FORMAT_CEL;
        if (c->systemd || log->n_events == 0) return;
        if (log->has_spec_id) log->format = c->register_index ? EVENTLOG_FORMAT_CCEL : EVENTLOG_FORMAT_AGILE;
        else if (log->n_sizes == 1 && log->sizes[0].alg == HASH_SHA1) log->format = EVENTLOG_FORMAT_SHA1;
}

int cel_read(EventLog *log)
{
        Reader r = READER_INIT(log->bytes);
        Cel c = { .log = log, .last_number = -1 };
        Frame frame;
        int result;

        log->json = true;
        log->owned = malloc(log->bytes.size);
        if (!log->owned) return -ENOMEM;
        c.decoded = (Writer){
                .data = log->owned, .capacity = log->bytes.size, .max = log->bytes.size, .fixed = true
        };
        result = begin(&r, &frame);
        if (result == 0) result = read_records(&c, &r, frame);
        if (result == -EBADMSG && !log->faulty)
                result = eventlog_fault(log, r.at, "expected the end of the records");
        conclude(&c);
        return result;
}
