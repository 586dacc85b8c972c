/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON written piece by piece into a Writer: always well-formed, always valid UTF-8, at any size without a
 * tree in memory. RFC 8259.
 *
 * Every put names its key inside an object and passes NULL inside an array. The first failure sticks and
 * json_writer_finish tells: that of the Writer, or -EINVAL for a misuse (close without open, a key missing). */

#include "base/writer.h"

/* The deepest nesting anything here writes is 6. */
enum { JSON_WRITER_DEPTH_MAX = 16 };

typedef struct JsonWriter {
        Writer *out;
        unsigned depth;
        int error;
        bool compact; /* one line; else indented by two spaces */
        struct {
                bool object, used;
        } level[JSON_WRITER_DEPTH_MAX + 1];
} JsonWriter;

#define JSON_WRITER_INIT(writer) ((JsonWriter){ .out = (writer) })

void json_writer_open_object(JsonWriter *w, const char *key);
void json_writer_open_array(JsonWriter *w, const char *key);
/* Closes the innermost object or array. */
void json_writer_close(JsonWriter *w);

/* Text: control characters escaped, bytes that are no UTF-8 replaced by U+FFFD. NULL gives null. */
void json_writer_text(JsonWriter *w, const char *key, const char *text);
void json_writer_bytes_text(JsonWriter *w, const char *key, Bytes text);
void json_writer_hex(JsonWriter *w, const char *key, Bytes b);
void json_writer_int(JsonWriter *w, const char *key, int64_t v);
void json_writer_bool(JsonWriter *w, const char *key, bool v);

/* 0 if exactly one value was written and all is closed. */
_must_check_ int json_writer_finish(JsonWriter *w);
