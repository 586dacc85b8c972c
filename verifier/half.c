/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/half.h"

#include "base/error.h"
#include "base/writer.h"

#include <errno.h>
#include <string.h>

enum { AAD_MAX = 256 }; /* label, id, Name and generation with their lengths are under 150 */

static int aad_write(Writer *w, const uint8_t *id, const AttestName *ak_name, uint64_t generation, Bytes *ret)
{
        writer_prefixed(w, BYTES_LITERAL("halfkey half v1"));
        writer_prefixed(w, BYTES(id, NODE_ID_SIZE));
        writer_prefixed(w, attest_name_bytes(ak_name));
        writer_be64(w, generation);
        return writer_finish(w, ret);
}

int half_make(const Secret *wrapping_key, const uint8_t id[static NODE_ID_SIZE], uint64_t generation,
              NodeKeys *keys, Secret **ret_half)
{
        cleanup_secret Secret *half = NULL;
        cleanup_free uint8_t *wrapped = NULL;
        uint8_t room[AAD_MAX];
        Writer w = WRITER_FIXED(room);
        size_t size;
        Bytes aad;
        int r;

        r = aad_write(&w, id, &keys->ak_name, generation, &aad);
        if (r < 0) return r;
        r = secret_new_random(NODE_HALF_SIZE, &half);
        if (r < 0) return r;
        r = aead_seal(secret_bytes(wrapping_key), aad, secret_bytes(half), &wrapped, &size);
        if (r < 0) return r;
        if (size != NODE_WRAPPED_SIZE) return -EINVAL;
        keys->half.generation = generation;
        memcpy(keys->half.wrapped, wrapped, size);
        if (ret_half) *ret_half = TAKE_PTR(half);
        return 0;
}

int half_open(const Secret *wrapping_key, const uint8_t id[static NODE_ID_SIZE], const AttestName *ak_name,
              const NodeHalf *half, Secret **ret)
{
        cleanup_secret Secret *plain = NULL;
        uint8_t room[AAD_MAX];
        Writer w = WRITER_FIXED(room);
        Bytes aad;
        int r;

        r = aad_write(&w, id, ak_name, half->generation, &aad);
        if (r < 0) return r;
        r = aead_open(secret_bytes(wrapping_key), aad, BYTES_ARRAY(half->wrapped), &plain);
        if (r < 0)
                return error_prefix(r,
                                    "the stored half of generation %llu does not open: wrong wrapping key, or the "
                                    "database was changed",
                                    (unsigned long long)half->generation);
        if (plain->size != NODE_HALF_SIZE) return error_set(-EBADMSG, "a stored half has %zu bytes", plain->size);
        *ret = TAKE_PTR(plain);
        return 0;
}
