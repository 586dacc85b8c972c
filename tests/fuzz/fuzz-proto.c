/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every message that arrives from outside. The first byte chooses the message, the rest is the wire; what decodes
 * is encoded again and must decode to the same bytes. */

#include "fuzz.h"

#include "proto/cluster.pb.h"
#include "proto/message.h"
#include "proto/node.pb.h"

#include <stdlib.h>

#define MESSAGE(name)                       \
        {                                   \
                name##_fields, sizeof(name) \
        }
static const struct {
        const pb_msgdesc_t *fields;
        size_t size;
} messages[] = {
        MESSAGE(halfkey_v1_RegisterRequest),
        MESSAGE(halfkey_v1_RegisterResponse),
        MESSAGE(halfkey_v1_EnrolCommitRequest),
        MESSAGE(halfkey_v1_EnrolCommitResponse),
        MESSAGE(halfkey_v1_UnlockRequest),
        MESSAGE(halfkey_v1_UnlockResponse),
        MESSAGE(halfkey_v1_ReattestRequest),
        MESSAGE(halfkey_v1_ReattestResponse),
        MESSAGE(halfkey_v1_NodeRequest),
        MESSAGE(halfkey_v1_Node),
        MESSAGE(halfkey_v1_Event),
        MESSAGE(halfkey_v1_NewEnrolmentConfigRequest),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *first = NULL, *second = NULL;
        size_t first_size, second_size, which;
        void *message;

        if (size == 0) return 0;
        which = data[0] % ARRAY_SIZE(messages);
        message = calloc(1, messages[which].size);
        if (!message) return 0;
        if (proto_decode(messages[which].fields, BYTES(data + 1, size - 1), message) == 0) {
                if (proto_encode(messages[which].fields, message, &first, &first_size) < 0) abort();
                if (proto_decode(messages[which].fields, BYTES(first, first_size), message) < 0) abort();
                if (proto_encode(messages[which].fields, message, &second, &second_size) < 0) abort();
                if (!bytes_equal(BYTES(first, first_size), BYTES(second, second_size))) abort();
                proto_free(first, first_size);
                proto_free(second, second_size);
        }
        free(message);
        return 0;
}
