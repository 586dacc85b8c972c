/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PCR 7: signature databases, and who vouches for the images that change.
 *
 * Firmware measures, before it loads an image, the entry of db that verified it - once a boot, however many images
 * it verifies (EDK2 DxeImageVerificationLib and DxeTpm2MeasureBootLib; PFP 1.06 section 3.3.4.8). shim measures
 * after the load which of its certificates verified what it starts. */

#include "eventlog/predict-internal.h"

#include "base/error.h"
#include "eventlog/signature.h"
#include "eventlog/variable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
        DATABASE_MAX = 1024 * 1024,
        APPENDED_MAX = 2 * DATABASE_MAX,
        ATTRIBUTES_SIZE = 4,
        TIME_SIZE = 16,
        WIN_CERTIFICATE_GUID = 0x0ef1,
};

/* ---- what a file of a database holds ---------------------------------------------------------------------------
 */

/* Where behind lists that are well-formed one is not comes to *fault. */
static bool is_list(Bytes file, size_t from, size_t *fault)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(BYTES(file.data + from, file.size - from));
        size_t start = 0;
        Signature s;
        int r = 1;

        while (r > 0) {
                if (reader_left(&c.entries) == 0) start = c.lists.at;
                r = signature_next(&c, &s);
        }
        if (r < 0 && start > 0) *fault = from + start;
        return r == 0;
}

/* EFI_VARIABLE_AUTHENTICATION_2: a time, and a WIN_CERTIFICATE_UEFI_GUID whose size it states. */
static bool skip_authentication(Bytes file, Bytes *ret)
{
        Reader r = READER_INIT(file);
        uint32_t size;
        uint16_t revision, type;

        if (reader_skip(&r, TIME_SIZE) < 0 || reader_le32(&r, &size) < 0 || reader_le16(&r, &revision) < 0 ||
            reader_le16(&r, &type) < 0 || type != WIN_CERTIFICATE_GUID || size < 24 ||
            reader_skip(&r, size - (size_t)8) < 0)
                return false;
        *ret = reader_rest(&r);
        return true;
}

static int database_value(Bytes file, Bytes *ret)
{
        Bytes inner = { 0 };
        size_t from = 0, fault = 0;
        bool found;

        if (file.size > DATABASE_MAX) return error_set(-EBADMSG, "%zu bytes are no signature database", file.size);
        found = is_list(file, 0, &fault);
        if (!found && skip_authentication(file, &inner)) {
                from = file.size - inner.size;
                found = is_list(file, from, &fault);
        }
        if (!found && file.size > ATTRIBUTES_SIZE) {
                from = ATTRIBUTES_SIZE;
                found = is_list(file, from, &fault);
        }
        if (!found)
                return error_set(
                        -EBADMSG,
                        "offset %zu: expected a signature list, by itself or behind the header of an update "
                        "or of efivarfs",
                        fault);
        *ret = BYTES(file.data + from, file.size - from);
        return 0;
}

/* What firmware adds to a database: of each list the entries that no list of the database holds (EDK2
 * FilterSignatureList). */
static void put_missing(Bytes old, Bytes more, Writer *out)
{
        Reader lists = READER_INIT(more);

        while (reader_left(&lists) >= 28) {
                Reader header = lists, list = { 0 };
                uint32_t list_size, header_size, entry_size;
                SignatureCursor c;
                size_t kept = 0, start = out->size;
                Signature s;

                if (reader_skip(&header, 16) < 0 || reader_le32(&header, &list_size) < 0 ||
                    reader_le32(&header, &header_size) < 0 || reader_le32(&header, &entry_size) < 0 ||
                    reader_sub(&lists, list_size, &list) < 0)
                        return; /* is_list() has seen that it does not happen */
                writer_bytes(out, BYTES(list.data, 28 + (size_t)header_size));
                c = SIGNATURE_CURSOR_INIT(reader_rest(&list));
                while (signature_next(&c, &s) > 0) {
                        if (signatures_hold(old, &s)) continue;
                        writer_bytes(out, s.entry);
                        kept++;
                }
                if (out->error) return;
                if (kept == 0) {
                        out->size = start;
                        continue;
                }
                list_size = 28 + header_size + (uint32_t)kept * entry_size;
                for (size_t i = 0; i < 4; i++) out->data[start + 16 + i] = (uint8_t)(list_size >> 8 * i);
        }
}

/* ---- the event of a database
 * ------------------------------------------------------------------------------------- */

static bool today_variable(const Slot *slot, Variable *ret)
{
        return slot->pcr == PCR_SECURE_BOOT && slot->today &&
               (slot->today->type == EV_EFI_VARIABLE_DRIVER_CONFIG ||
                slot->today->type == EV_EFI_VARIABLE_AUTHORITY) &&
               variable_parse(slot->today->data, ret) == 0;
}

static bool is_database(const Slot *slot, const char *name, Variable *ret)
{
        return today_variable(slot, ret) && slot->today->type == EV_EFI_VARIABLE_DRIVER_CONFIG &&
               variable_is(ret, name);
}

/* The header of a UEFI_VARIABLE_DATA for another value: GUID, sizes, name. */
static void put_variable(Writer *w, Bytes guid, Bytes name, size_t size)
{
        writer_bytes(w, guid);
        writer_le64(w, name.size / 2);
        writer_le64(w, size);
        writer_bytes(w, name);
}

static int put_database(Prediction *p, size_t i, const Variable *v, Bytes value)
{
        cleanup_writer Writer header = WRITER_INIT(4096);
        char text[PREDICTION_TEXT_SIZE];
        Bytes parts[2] = { 0 };
        Text t;
        int r;

        text_init(&t, text, sizeof(text));
        text_utf16(&t, v->name);
        text_put(&t, ": ");
        signatures_describe(value, &t);
        if (slot_was_bytes(p, &p->slots[i], v->value)) return slot_put_parts(p, i, &value, 1, text);
        if (!slot_was_bytes(p, &p->slots[i], p->slots[i].today->data))
                return slot_unknown(p, i, "today's event does not show what it measured");
        put_variable(&header, v->guid, v->name, value.size);
        r = writer_finish(&header, &parts[0]);
        parts[1] = value;
        return r < 0 ? r : slot_put_parts(p, i, parts, 2, text);
}

/* Today's value with what is added, in memory that the prediction keeps. */
static int appended(Prediction *p, Bytes old, Bytes more, Bytes *ret)
{
        Writer w = WRITER_INIT(APPENDED_MAX);
        uint8_t *data;
        size_t size;
        int r;

        if (!signatures_comparable(old, more))
                return error_set(-E2BIG, "too many entries to compare with today's");
        writer_bytes(&w, old);
        put_missing(old, more, &w);
        writer_bytes(&w, (Bytes){ 0 });
        r = writer_steal(&w, &data, &size);
        writer_deinit(&w);
        if (r < 0) return r;
        *ret = BYTES(data, size);
        return prediction_own(p, data);
}

static void remember(Prediction *p, const char *name, Bytes old, Bytes value, bool append)
{
        const int which = strcmp(name, "db") == 0 ? DATABASE_DB : DATABASE_DBX;

        if (which == DATABASE_DBX && strcmp(name, "dbx") != 0) return;
        if (which == DATABASE_DB && !p->database_changed[which]) p->old_db = old;
        p->databases[which] = value;
        p->database_changed[which] = true;
        p->database_appended[which] = append;
}

int prediction_database(Prediction *p, const char *name, Bytes file, bool append)
{
        static const char *const names[] = { "PK", "KEK", "db", "dbx", "dbt", "dbr" };
        Bytes value = { 0 };
        bool found = false;
        size_t which = 0;
        int r;

        while (which < ARRAY_SIZE(names) && strcmp(name, names[which]) != 0) which++;
        if (which == ARRAY_SIZE(names)) return error_set(-EINVAL, "'%s' is no signature database", name);
        /* Both would start from today's value: the first would be lost. */
        if (p->databases_given >> which & 1) return error_set(-EINVAL, "%s changes twice: join the lists", name);
        p->databases_given |= UINT32_C(1) << which;
        r = database_value(file, &value);
        if (r < 0) return r;
        for (size_t i = 0; i < p->n; i++) {
                Bytes next = value;
                Variable v;

                if (!is_database(&p->slots[i], name, &v)) continue;
                if (append) r = appended(p, v.value, value, &next);
                if (r == 0) r = put_database(p, i, &v, next);
                if (r < 0) return r;
                remember(p, name, v.value, next, append);
                found = true;
        }
        if (!found) return error_set(EVENTLOG_E_NOT_MEASURED, "the log has no event of %s", name);
        return 0;
}
