/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock/enrol-mark.h"

#include "base/writer.h"
#include "json/writer.h"
#include "unlock/fields.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MARK_VERSION = 1 };

int enrol_mark_parse(Bytes json, EnrolMark *ret)
{
        static const char *const keys[] = { "type", "keyslots", "version", "planned", NULL };
        static const char *const types[] = { ENROL_MARK_TYPE, REKEY_MARK_TYPE, NULL };
        cleanup_json JsonValue *document = NULL;
        char type[sizeof(ENROL_MARK_TYPE)]; /* as long as the other one */
        EnrolMark mark = { 0 };
        int64_t version;
        Field f;
        int r;

        r = json_value_parse(json, ENROL_MARK_JSON_MAX, &document);
        if (r < 0) return r == -ENOMEM ? r : -EBADMSG;
        f = field_root(document);
        r = field_object(&f, keys, NULL);
        if (r == 0) r = field_word(&f, "type", types, type, sizeof(type));
        if (r == 0) r = field_int(&f, "version", MARK_VERSION, MARK_VERSION, &version);
        if (r == 0) r = field_number_set(&f, "keyslots", &mark.leaving);
        if (r == 0) r = field_number_set(&f, "planned", &mark.planned);
        if (r < 0) return r;
        mark.rekey = strcmp(type, REKEY_MARK_TYPE) == 0;
        *ret = mark;
        return 0;
}

static void print_set(JsonWriter *w, const char *key, uint32_t set)
{
        char number[4];

        json_writer_open_array(w, key);
        for (int i = 0; i < 32; i++) {
                if (!(set & (1U << i))) continue;
                (void)snprintf(number, sizeof(number), "%d", i);
                json_writer_text(w, NULL, number);
        }
        json_writer_close(w);
}

int enrol_mark_print(const EnrolMark *mark, char **ret)
{
        cleanup_writer Writer out = WRITER_INIT(ENROL_MARK_JSON_MAX);
        JsonWriter w = JSON_WRITER_INIT(&out);
        int r;

        w.compact = true;
        json_writer_open_object(&w, NULL);
        json_writer_text(&w, "type", mark->rekey ? REKEY_MARK_TYPE : ENROL_MARK_TYPE);
        print_set(&w, "keyslots", mark->leaving);
        json_writer_int(&w, "version", MARK_VERSION);
        print_set(&w, "planned", mark->planned);
        json_writer_close(&w);
        r = json_writer_finish(&w);
        if (r < 0) return r;
        return writer_steal_text(&out, ret);
}
