/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as LUKS2 metadata: what the strict list accepts lies inside the device and costs what it may. */

#include "fuzz.h"

#include "unlock/header.h"

#include <stdlib.h>

static const HeaderFacts facts = {
        .metadata_size = 16384,
        .keyslots_size = 16744448,
        .device_size = 64 * 1024 * 1024,
};

static void must(bool condition)
{
        if (!condition) abort();
}

static void hold_keyslots(const Header *h)
{
        const uint64_t start = 2 * facts.metadata_size, end = start + facts.keyslots_size;

        for (size_t i = 0; i < h->n_keyslots; i++) {
                const HeaderKeyslot *k = &h->keyslots[i];

                must(k->number >= 0 && k->number < HEADER_KEYSLOTS_MAX);
                must(k->area_offset >= start && k->area_offset + k->area_size <= end && k->area_size > 0);
                must(!k->usable || (k->bound && !k->reencrypt && k->salt_size > 0));
                must(!k->usable || k->kdf == HEADER_KDF_PBKDF2 || k->memory <= HEADER_TYPED_ARGON2_MEMORY_MAX);
        }
}

static void hold(const Header *h, HeaderUse use)
{
        const HeaderKeyslot *own = header_keyslot(h, h->token_keyslot);

        hold_keyslots(h);
        must(h->segment.offset >= 2 * facts.metadata_size + facts.keyslots_size);
        must(h->segment.offset + h->segment.sector_size <= facts.device_size);
        must(!h->reencrypting || use == HEADER_USE_INSTALLER);
        must(!h->reencrypted || (h->reencrypting && h->final_digest >= 0));
        must(use != HEADER_USE_INSTALLER || h->token < 0);
        must(h->reencrypting || h->digest.digest_size > 0);
        if (use != HEADER_USE_TOKEN) return;
        must(h->token >= 0 && own && own->usable);
        must(own->iterations <= HEADER_OWN_PBKDF2_MAX && own->memory <= HEADER_OWN_ARGON2_MEMORY_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const HeaderUse uses[] = { HEADER_USE_TOKEN, HEADER_USE_TYPED, HEADER_USE_INSTALLER };
        Header h;

        for (size_t i = 0; i < ARRAY_SIZE(uses); i++)
                if (header_check(BYTES(data, size), &facts, uses[i], &h) == 0) hold(&h, uses[i]);
        return 0;
}
