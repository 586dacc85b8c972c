/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* nanopb does not validate strings in the build that distributions ship, so each decoded message is walked
 * once more: a string field is zero-initialised, so a byte behind its first NUL betrays a NUL inside. */

#include "proto/message.h"

#include "base/error.h"
#include "base/secret.h"

#include <errno.h>
#include <pb_common.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>

enum { NESTING_MAX = 8 }; /* our messages nest three deep */

/* Bytes of the UTF-8 sequence at p (RFC 3629: no overlong forms, no surrogates), 0 if there is none. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
        uint32_t c;
        size_t n;

        if (p[0] < 0x80) return p[0] >= 0x20 && p[0] != 0x7f ? 1 : 0;
        if ((p[0] & 0xe0) == 0xc0) n = 2;
        else if ((p[0] & 0xf0) == 0xe0) n = 3;
        else if ((p[0] & 0xf8) == 0xf0) n = 4;
        else return 0;
        if (n > left) return 0;
        c = p[0] & (0x7fU >> n);
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80) return 0;
                c = c << 6 | (p[i] & 0x3fU);
        }
        if (c < (n == 2 ? 0xa0U : n == 3 ? 0x800U : 0x10000U)) return 0; /* also the C1 controls */
        if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff) return 0;
        return n;
}

static int check_string(const uint8_t *text, size_t size)
{
        const size_t length = strnlen((const char *)text, size);

        for (size_t i = 0; i < length;) {
                const size_t n = utf8_length(text + i, length - i);

                if (n == 0) return -EBADMSG;
                i += n;
        }
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
}
