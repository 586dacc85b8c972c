/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the records of a log. A record that does not fit ends the reading and is named; what came before it
 * stays. Two passes are not needed: the array of events grows by doubling and is bounded by the bytes read,
 * since every record advances by its fixed part at least. */

#include "eventlog/eventlog.h"

#include "base/error.h"
#include "eventlog/cel.h"
#include "eventlog/fault.h"
#include "eventlog/locality.h"
#include "eventlog/quirk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
        SHA1_SIZE = 20,
        /* A digest algorithm we do not know is skipped by the size its Spec ID gives; none is larger. */
        FOREIGN_DIGEST_MAX = 128,
        /* PCR index, type, number of digests, data size: what a crypto-agile record without digests has. */
        AGILE_FIXED = 16,
};

static const char spec_id_03[16] = "Spec ID Event03";

int eventlog_fault(EventLog *log, size_t offset, const char *fmt, ...)
{
        va_list ap;

        if (log->faulty) return -EBADMSG;
        log->faulty = true;
        log->fault_offset = offset;
        va_start(ap, fmt);
        (void)vsnprintf(log->fault, sizeof(log->fault), fmt, ap);
        va_end(ap);
        return -EBADMSG;
}

/* Of the record that is being read. */
static void quirk(EventLog *log, EventlogQuirk q)
{
        eventlog_quirk_set(log, q, (uint32_t)log->n_events);
}

static bool all_equal(Bytes b, uint8_t value)
{
        for (size_t i = 0; i < b.size; i++)
                if (b.data[i] != value) return false;
        return true;
}

/* The digest size of an algorithm in this log, 0 if nobody says. */
static size_t digest_size(const EventLog *log, uint16_t alg)
{
        for (size_t i = 0; i < log->n_sizes; i++)
                if (log->sizes[i].alg == alg) return log->sizes[i].size;
        return hash_size(alg);
}

static bool is_of_spec_id(const EventLog *log, uint16_t alg)
{
        for (size_t i = 0; i < log->n_sizes; i++)
                if (log->sizes[i].alg == alg) return true;
        return false;
}

int eventlog_add_event(EventLog *log, size_t *capacity, const Event *event)
{
        if (log->n_events == EVENTLOG_EVENTS_MAX)
                return eventlog_fault(log, event->offset, "more than %d events", EVENTLOG_EVENTS_MAX);
        if (log->n_events == *capacity) {
                const size_t n = *capacity ? *capacity * 2 : 64;
                Event *bigger = reallocarray(log->events, n, sizeof(*bigger));

                if (!bigger) return -ENOMEM;
                log->events = bigger;
                *capacity = n;
        }
        log->events[log->n_events++] = *event;
        return 0;
}

/* The data size and the data, the same in both kinds of record. */
static int read_data(EventLog *log, Reader *r, Event *event)
{
        uint32_t size;

        if (reader_le32(r, &size) < 0)
                return eventlog_fault(log, event->offset, "event %" PRIu32 ": the log ends in its data size",
                                      event->index);
        if (reader_bytes(r, size, &event->data) < 0)
                return eventlog_fault(log, event->offset,
                                      "event %" PRIu32 ": its data is %" PRIu32 " bytes and %zu are left",
                                      event->index, size, reader_left(r));
        event->size = r->at - event->offset;
        return 0;
}

/* PCR index and type, and for TCG_PCClientPCREvent the one SHA-1 digest. */
static int read_fixed(EventLog *log, Reader *r, bool sha1, Event *event)
{
        event->offset = r->at;
        event->index = (uint32_t)log->n_events;
        event->n_digests = 0;
        if (reader_le32(r, &event->pcr) < 0 || reader_le32(r, &event->type) < 0)
                return eventlog_fault(log, event->offset,
                                      "event %" PRIu32 ": %zu bytes are left and no record is that short",
                                      event->index, log->bytes.size - event->offset);
        if (!sha1) return 0;
        if (reader_bytes(r, SHA1_SIZE, &event->digests) < 0)
                return eventlog_fault(log, event->offset, "event %" PRIu32 ": the log ends in its digest",
                                      event->index);
        event->n_digests = 1;
        return 0;
}

static int read_sha1_record(EventLog *log, Reader *r, Event *event)
{
        int result;

        result = read_fixed(log, r, true, event);
        if (result < 0) return result;
        return read_data(log, r, event);
}

/* One digest of a TPML_DIGEST_VALUES; the place is its number in the list. */
static int read_digest(EventLog *log, Reader *r, const Event *event, uint32_t place, uint16_t *ret_alg)
{
        uint16_t alg;
        size_t size;

        if (reader_le16(r, &alg) < 0)
                return eventlog_fault(log, event->offset, "event %" PRIu32 ": the log ends in its digests",
                                      event->index);
        size = digest_size(log, alg);
        if (size == 0)
                return eventlog_fault(log, event->offset,
                                      "event %" PRIu32 ": digest %" PRIu32
                                      " has algorithm 0x%04x, whose size nobody says",
                                      event->index, place, (unsigned)alg);
        if (reader_skip(r, size) < 0)
                return eventlog_fault(log, event->offset, "event %" PRIu32 ": the log ends in its digests",
                                      event->index);
        if (!is_of_spec_id(log, alg)) quirk(log, EVENTLOG_QUIRK_DIGEST_FOREIGN);
        else if (place >= log->n_sizes || log->sizes[place].alg != alg) quirk(log, EVENTLOG_QUIRK_DIGEST_ORDER);
        *ret_alg = alg;
        return 0;
}

static int read_digests(EventLog *log, Reader *r, Event *event)
{
        uint16_t algs[EVENTLOG_BANKS_MAX];
        uint32_t n;
        size_t start;

        if (reader_le32(r, &n) < 0)
                return eventlog_fault(log, event->offset,
                                      "event %" PRIu32 ": the log ends in its number of digests", event->index);
        if (n > EVENTLOG_BANKS_MAX)
                return eventlog_fault(log, event->offset,
                                      "event %" PRIu32 ": %" PRIu32 " digests, at most %d are accepted",
                                      event->index, n, EVENTLOG_BANKS_MAX);
        start = r->at;
        for (uint32_t i = 0; i < n; i++) {
                int result = read_digest(log, r, event, i, &algs[i]);

                if (result < 0) return result;
                for (uint32_t j = 0; j < i; j++)
                        if (algs[j] == algs[i])
                                return eventlog_fault(log, event->offset,
                                                      "event %" PRIu32 ": two digests of algorithm 0x%04x",
                                                      event->index, (unsigned)algs[i]);
        }
        event->digests = BYTES(r->data + start, r->at - start);
        event->n_digests = n;
        if (n < log->n_sizes) quirk(log, EVENTLOG_QUIRK_DIGEST_MISSING);
        return 0;
}

static int read_agile_record(EventLog *log, Reader *r, Event *event)
{
        int result;

        result = read_fixed(log, r, false, event);
        if (result < 0) return result;
        result = read_digests(log, r, event);
        if (result < 0) return result;
        return read_data(log, r, event);
}

void eventlog_check_event(EventLog *log, const Event *event)
{
        if (event->pcr == UINT32_MAX && log->json) { /* an NV index, which is no PCR */
        } else if (event->pcr == UINT32_MAX && event->type == EV_NO_ACTION)
                quirk(log, EVENTLOG_QUIRK_INDEX_ALL_ONES);
        else if (event->pcr >= EVENTLOG_PCRS)
                (void)eventlog_fault(log, event->offset,
                                     "event %" PRIu32 ": PCR index 0x%" PRIx32 ", there are only %d", event->index,
                                     event->pcr, EVENTLOG_PCRS);
        if (!eventlog_type_name(event->type)) quirk(log, EVENTLOG_QUIRK_UNKNOWN_TYPE);
        if (event->type != EV_NO_ACTION || eventlog_is_spec_id(event)) return;
        for (uint32_t i = 0; i < event->n_digests; i++) {
                uint16_t alg;
                Bytes digest;

                if (eventlog_event_digest_at(log, event, i, &alg, &digest) == 0 && !all_equal(digest, 0))
                        quirk(log, EVENTLOG_QUIRK_NO_ACTION_DIGEST);
        }
}

/* What is left holds no more events: padding, or the kernel's end mark (type 0 with size 0, as
 * drivers/char/tpm/eventlog reads it) whatever follows it. */
static bool at_padding(EventLog *log, const Reader *r, size_t fixed)
{
        const Bytes rest = reader_rest(r);
        const size_t head = MIN(rest.size, fixed);
        /* Index all ones alone is how Windows marks its own records; with a type of all ones it is padding. */
        const size_t index_and_type = MIN(rest.size, (size_t)8);

        if (all_equal(BYTES(rest.data, index_and_type), 0xff) && all_equal(rest, 0xff)) {
                quirk(log, EVENTLOG_QUIRK_PADDING_FF);
                return true;
        }
        if (!all_equal(BYTES(rest.data, head), 0)) return false;
        quirk(log, all_equal(rest, 0) ? EVENTLOG_QUIRK_PADDING_ZERO : EVENTLOG_QUIRK_END_MARK);
        return true;
}

static int read_events(EventLog *log, Reader *r, size_t *capacity)
{
        const bool sha1 = log->format == EVENTLOG_FORMAT_SHA1;
        const size_t fixed = sha1 ? AGILE_FIXED + SHA1_SIZE - 4 : AGILE_FIXED;

        while (reader_left(r) > 0 && !at_padding(log, r, fixed)) {
                Event event = { 0 };
                int result;

                result = sha1 ? read_sha1_record(log, r, &event) : read_agile_record(log, r, &event);
                if (result < 0) return result;
                if (event.type == 0 && event.data.size == 0) {
                        quirk(log, EVENTLOG_QUIRK_END_MARK);
                        break;
                }
                eventlog_check_event(log, &event);
                result = eventlog_add_event(log, capacity, &event);
                if (result < 0) return result;
                log->read = r->at;
        }
        return 0;
}

/* ---- the first record ------------------------------------------------------------------------------- */

static int add_bank(EventLog *log, uint16_t alg, uint16_t size)
{
        if (is_of_spec_id(log, alg))
                return eventlog_fault(log, 0, "Spec ID: algorithm 0x%04x twice", (unsigned)alg);
        if (size == 0 || size > FOREIGN_DIGEST_MAX || (hash_size(alg) != 0 && hash_size(alg) != size))
                return eventlog_fault(log, 0, "Spec ID: algorithm 0x%04x with a digest of %u bytes", (unsigned)alg,
                                      (unsigned)size);
        log->sizes[log->n_sizes].alg = alg;
        log->sizes[log->n_sizes++].size = size;
        if (hash_size(alg) != 0) log->banks[log->n_banks++] = (HashAlg)alg;
        return 0;
}

static void check_vendor_info(EventLog *log, Reader *r)
{
        uint8_t size;

        if (reader_u8(r, &size) < 0 || reader_left(r) != size) quirk(log, EVENTLOG_QUIRK_VENDOR_INFO_MALFORMED);
        else if (size > 0) quirk(log, EVENTLOG_QUIRK_VENDOR_INFO);
}

/* TCG_EfiSpecIDEvent, PFP 10.4.5.1. */
int eventlog_read_spec_id(EventLog *log, Reader *r)
{
        uint32_t n;

        if (reader_skip(r, sizeof(spec_id_03)) < 0) return eventlog_fault(log, 0, "Spec ID: too short");
        /* platformClass, specVersionMinor, specVersionMajor, specErrata, uintnSize */
        if (reader_skip(r, 8) < 0 || reader_le32(r, &n) < 0) return eventlog_fault(log, 0, "Spec ID: too short");
        if (n == 0 || n > EVENTLOG_BANKS_MAX)
                return eventlog_fault(log, 0, "Spec ID: %" PRIu32 " algorithms, 1 to %d are accepted", n,
                                      EVENTLOG_BANKS_MAX);
        for (uint32_t i = 0; i < n; i++) {
                uint16_t alg, size;
                int result;

                if (reader_le16(r, &alg) < 0 || reader_le16(r, &size) < 0)
                        return eventlog_fault(log, 0, "Spec ID: ends in its algorithms");
                result = add_bank(log, alg, size);
                if (result < 0) return result;
        }
        check_vendor_info(log, r);
        return 0;
}

bool eventlog_is_spec_id(const Event *event)
{
        return event->type == EV_NO_ACTION && event->data.size >= sizeof(spec_id_03) &&
               bytes_equal(BYTES(event->data.data, sizeof(spec_id_03)), BYTES_ARRAY(spec_id_03));
}

/* Tells the format by the first record, which has the SHA-1 layout in every one of them. */
static int read_first(EventLog *log, Reader *r, Event *event)
{
        Reader data;
        int result;

        result = read_sha1_record(log, r, event);
        if (result < 0) return result;
        data = READER_INIT(event->data);
        if (eventlog_is_spec_id(event)) {
                log->format = event->pcr == 0 ? EVENTLOG_FORMAT_AGILE : EVENTLOG_FORMAT_CCEL;
                if (!all_equal(event->digests, 0)) quirk(log, EVENTLOG_QUIRK_SPEC_ID_DIGEST);
                log->has_spec_id = true;
                return eventlog_read_spec_id(log, &data);
        }
        log->format = EVENTLOG_FORMAT_SHA1;
        log->sizes[0].alg = HASH_SHA1;
        log->sizes[0].size = SHA1_SIZE;
        log->banks[0] = HASH_SHA1;
        log->n_sizes = log->n_banks = 1;
        return 0;
}

static int read_binary(EventLog *log)
{
        Reader r = READER_INIT(log->bytes);
        size_t capacity = 0;
        Event first = { 0 };
        int result;

        result = read_first(log, &r, &first);
        if (result < 0) return result;
        eventlog_check_event(log, &first);
        if (log->faulty) return -EBADMSG;
        result = eventlog_add_event(log, &capacity, &first);
        if (result < 0) return result;
        log->read = r.at;
        result = read_events(log, &r, &capacity);
        return result == -EBADMSG ? 0 : result;
}

/* Of a JSON text in which no record could be read, nothing is to be shown. */
static int read_log(EventLog *log, bool json)
{
        int r;

        r = json ? cel_read(log) : read_binary(log);
        if (r == -EBADMSG && log->json && log->n_events > 0) r = 0;
        if (r == 0) eventlog_note_quirks(log);
        return r;
}

static int parse(Bytes bytes, bool json, EventLog **ret)
{
        const size_t max = json ? EVENTLOG_JSON_SIZE_MAX : EVENTLOG_SIZE_MAX;
        cleanup_eventlog EventLog *log = NULL;
        int r;

        if (bytes.size == 0) return error_set(-EBADMSG, "offset 0: empty, expected an event log");
        if (bytes.size > max)
                return error_set(-EFBIG, "%zu bytes, an event log of at most %zu is accepted", bytes.size, max);
        log = calloc(1, sizeof(*log));
        if (!log) return -ENOMEM;
        log->bytes = bytes;
        r = read_log(log, json);
        if (r == -EBADMSG) return error_set(r, "offset %zu: %s", log->fault_offset, log->fault);
        if (r < 0) return r;
        r = 0;
        if (log->faulty) r = error_set(EVENTLOG_E_MALFORMED, "offset %zu: %s", log->fault_offset, log->fault);
        *ret = TAKE_PTR(log);
        return r;
}

int eventlog_parse(Bytes bytes, EventLog **ret)
{
        return parse(bytes, false, ret);
}

int eventlog_parse_any(Bytes bytes, EventLog **ret)
{
        return parse(bytes, cel_recognise(bytes), ret);
}

void eventlog_free(EventLog *log)
{
        if (!log) return;
        free(log->events);
        free(log->owned);
        free(log);
}
