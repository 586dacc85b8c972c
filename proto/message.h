/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Encoding and decoding of the protocol's messages, with the checks that nanopb leaves to its user.
 *
 * Messages are fixed structs: nothing that arrives makes us allocate, and what does not fit its field is
 * refused. A decoded string is valid UTF-8 without control characters and without a NUL inside. */

#include "base/reader.h"

#include <pb.h>
#include <string.h>

/* Encodes *message; *ret is the caller's, freed (and wiped, where the message holds a secret) by
 * proto_free(). -ENOMEM, -EINVAL. */
_must_check_ int proto_encode(const pb_msgdesc_t *fields, const void *message, uint8_t **ret, size_t *ret_size);
/* Decodes into *message, which is overwritten whatever happens. -EBADMSG with a detail. */
_must_check_ int proto_decode(const pb_msgdesc_t *fields, Bytes encoded, void *message);
/* Wipes and frees what proto_encode made. */
void proto_free(uint8_t *encoded, size_t size);

/* The reasons of a refusal that a node acts on; all others are for people. */
#define PROTO_REASON_PENDING "node-pending"
#define PROTO_REASON_QUARANTINED "node-quarantined"

/* For a bytes field: {size, bytes[MAX]}. */
#define PROTO_BYTES(field) BYTES((field).bytes, (field).size)
/* Copies b into a bytes field: 0, or -EMSGSIZE where it does not fit. */
#define PROTO_SET(field, b) proto_set((b), (field).bytes, sizeof((field).bytes), &(field).size)
/* Copies text into a string field, cutting what does not fit. What cannot be shown becomes '?': proto_decode()
 * would refuse the whole message for it. */
#define PROTO_SET_TEXT(field, text) proto_set_text((field), sizeof(field), (text))

_must_check_ int proto_set(Bytes b, uint8_t *dst, size_t max, pb_size_t *ret_size);
void proto_set_text(char *dst, size_t max, const char *text);
