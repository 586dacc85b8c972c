/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* nanopb does not validate strings in the build that distributions ship, so each decoded message is walked
 * once more: a string field is zero-initialised, so a byte behind its first NUL betrays a NUL inside. */

#include "proto/message.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <errno.h>
#include <pb_common.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>

enum { NESTING_MAX = 8 }; /* our messages nest three deep */

static int check_string(const uint8_t *text, size_t size)
{
        const size_t length = strnlen((const char *)text, size);
        Reader r = READER_INIT(BYTES(text, length));
        uint32_t c;

        while (reader_left(&r) > 0)
                if (utf8_decode(&r, &c) < 0 || !utf8_printable(c)) return -EBADMSG;
        for (size_t i = length; i < size; i++)
                if (text[i] != 0) return -EBADMSG;
        return 0;
}

static int check_message(const pb_msgdesc_t *fields, void *message, unsigned depth);

static int check_field(const pb_field_iter_t *field, unsigned depth)
{
        const bool repeated = PB_HTYPE(field->type) == PB_HTYPE_REPEATED;
        const bool one_of = PB_HTYPE(field->type) == PB_HTYPE_ONEOF;
        const size_t count = repeated ? *(const pb_size_t *)field->pSize : 1;

        if (one_of && *(const pb_size_t *)field->pSize != field->tag) return 0;
        for (size_t i = 0; i < count; i++) {
                uint8_t *data = (uint8_t *)field->pData + i * field->data_size;
                int r = 0;

                if (PB_LTYPE(field->type) == PB_LTYPE_STRING) r = check_string(data, field->data_size);
                else if (PB_LTYPE_IS_SUBMSG(field->type)) r = check_message(field->submsg_desc, data, depth + 1);
                if (r < 0) return r;
        }
        return 0;
}

static int check_message(const pb_msgdesc_t *fields, void *message, unsigned depth)
{
        pb_field_iter_t field;
        int r;

        if (depth > NESTING_MAX) return -EBADMSG;
        if (!pb_field_iter_begin(&field, fields, message)) return 0;
        do {
                r = check_field(&field, depth);
                if (r < 0) return r;
        } while (pb_field_iter_next(&field));
        return 0;
}

int proto_decode(const pb_msgdesc_t *fields, Bytes encoded, void *message)
{
        pb_istream_t stream = pb_istream_from_buffer(encoded.data, encoded.size);

        if (!pb_decode(&stream, fields, message))
                return error_set(-EBADMSG, "malformed message: %s", PB_GET_ERROR(&stream));
        if (check_message(fields, message, 0) < 0)
                return error_set(-EBADMSG, "malformed message: a string that is not plain UTF-8 text");
        return 0;
}

int proto_encode(const pb_msgdesc_t *fields, const void *message, uint8_t **ret, size_t *ret_size)
{
        cleanup_free uint8_t *data = NULL;
        pb_ostream_t stream;
        size_t size;

        if (!pb_get_encoded_size(&size, fields, message)) return error_set(-EINVAL, "message cannot be encoded");
        data = malloc(size + 1);
        if (!data) return -ENOMEM;
        stream = pb_ostream_from_buffer(data, size);
        if (!pb_encode(&stream, fields, message))
                return error_set(-EINVAL, "message cannot be encoded: %s", PB_GET_ERROR(&stream));
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

void proto_free(uint8_t *encoded, size_t size)
{
        if (encoded) secret_wipe(encoded, size);
        free(encoded);
}

int proto_set(Bytes b, uint8_t *dst, size_t max, pb_size_t *ret_size)
{
        if (b.size > max) return error_set(-EMSGSIZE, "%zu bytes do not fit a field of %zu", b.size, max);
        if (b.size > 0) memcpy(dst, b.data, b.size);
        *ret_size = (pb_size_t)b.size;
        return 0;
}

void proto_set_text(char *dst, size_t max, const char *text)
{
        (void)snprintf(dst, max, "%s", text);
        utf8_make_printable(dst);
}
