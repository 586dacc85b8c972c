/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Level 0 is the document itself, which holds one value; each open adds a level. */

#include "json/writer.h"

#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void fail(JsonWriter *w)
{
        if (w->error == 0) w->error = -EINVAL;
}

static void put_escaped(Writer *out, uint32_t c)
{
        uint8_t encoded[UTF8_SIZE_MAX];

        if (c == '"' || c == '\\') {
                writer_u8(out, '\\');
                writer_u8(out, (uint8_t)c);
        } else if (c == '\n') {
                writer_text(out, "\\n");
        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
                writer_format(out, "\\u%04" PRIx32, c);
        } else {
                writer_bytes(out, BYTES(encoded, utf8_encode(c, encoded)));
        }
}

static void put_string(Writer *out, Bytes text)
{
        Reader r = READER_INIT(text);

        writer_u8(out, '"');
        while (reader_left(&r) > 0) {
                uint32_t c;

                if (utf8_decode(&r, &c) < 0) {
                        c = 0xfffd;
                        IGNORE_RESULT(reader_skip(&r, 1)); /* there is one, the loop's condition says */
                }
                put_escaped(out, c);
        }
        writer_u8(out, '"');
}

static void new_line(JsonWriter *w)
{
        if (w->compact) return;
        writer_u8(w->out, '\n');
        for (unsigned i = 0; i < w->depth; i++) writer_text(w->out, "  ");
}

/* What stands before any value: comma, new line, key. */
static bool before(JsonWriter *w, const char *key)
{
        const bool object = w->depth > 0 && w->level[w->depth].object;

        if (w->error < 0) return false;
        if (object != !!key || (w->depth == 0 && w->level[0].used)) {
                fail(w);
                return false;
        }
        if (w->level[w->depth].used) writer_text(w->out, ",");
        w->level[w->depth].used = true;
        if (w->depth > 0) new_line(w);
        if (key) {
                put_string(w->out, BYTES(key, strlen(key)));
                writer_text(w->out, w->compact ? ":" : ": ");
        }
        return true;
}

static void open_level(JsonWriter *w, const char *key, bool object)
{
        if (!before(w, key)) return;
        if (w->depth == JSON_WRITER_DEPTH_MAX) {
                fail(w);
                return;
        }
        w->depth++;
        w->level[w->depth].object = object;
        w->level[w->depth].used = false;
        writer_text(w->out, object ? "{" : "[");
}

void json_writer_open_object(JsonWriter *w, const char *key)
{
        open_level(w, key, true);
}

void json_writer_open_array(JsonWriter *w, const char *key)
{
        open_level(w, key, false);
}

void json_writer_close(JsonWriter *w)
{
        bool object, used;

        if (w->depth == 0) fail(w);
        if (w->error < 0) return;
        object = w->level[w->depth].object;
        used = w->level[w->depth].used;
        w->depth--;
        if (used) new_line(w);
        writer_text(w->out, object ? "}" : "]");
}

void json_writer_bytes_text(JsonWriter *w, const char *key, Bytes text)
{
        if (before(w, key)) put_string(w->out, text);
}

void json_writer_text(JsonWriter *w, const char *key, const char *text)
{
        if (text) json_writer_bytes_text(w, key, BYTES(text, strlen(text)));
        else if (before(w, key)) writer_text(w->out, "null");
}

void json_writer_hex(JsonWriter *w, const char *key, Bytes b)
{
        static const char digits[] = "0123456789abcdef";

        if (!before(w, key)) return;
        writer_u8(w->out, '"');
        for (size_t i = 0; i < b.size; i++) {
                writer_u8(w->out, (uint8_t)digits[b.data[i] >> 4]);
                writer_u8(w->out, (uint8_t)digits[b.data[i] & 15]);
        }
        writer_u8(w->out, '"');
}

void json_writer_int(JsonWriter *w, const char *key, int64_t v)
{
        if (before(w, key)) writer_format(w->out, "%" PRId64, v);
}

void json_writer_bool(JsonWriter *w, const char *key, bool v)
{
        if (before(w, key)) writer_text(w->out, v ? "true" : "false");
}

int json_writer_finish(JsonWriter *w)
{
        if (w->depth > 0 || !w->level[0].used) fail(w);
        if (w->error == 0 && !w->compact) writer_u8(w->out, '\n');
        return w->error < 0 ? w->error : w->out->error;
}
