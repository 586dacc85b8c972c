/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A PE image that is accepted can be hashed, twice to the same, and none of its ranges lies outside; its
 * signatures parse or do not. */

#include "fuzz.h"

#include "crypto/authenticode.h"
#include "eventlog/pe.h"
#include "fuzz-text.h"

static void look_at_signatures(const PeImage *pe)
{
        size_t at = 0;
        Bytes pkcs7;

        while (pe_signature_next(pe, &at, &pkcs7) > 0) {
                cleanup_authenticode Authenticode *a = NULL;
                char subject[X509_SUBJECT_MAX];

                must(at <= pe->certificates.size);
                if (authenticode_new(pkcs7, &a) < 0) continue;
                must(authenticode_digest(a).size == hash_size((unsigned)authenticode_alg(a)));
                if (authenticode_signer(a, subject) == 0) must_be_printable(subject);
                must(authenticode_verify(a, pkcs7) < 0);
        }
}

static void look_at_section(const PeImage *pe, const PeSection *s)
{
        uint8_t digest[HASH_SIZE_MAX];

        must(s->raw.size == 0 || (s->raw.data >= pe->bytes.data && s->raw.size <= pe->bytes.size));
        must(pe_section_content(s).size <= s->virtual_size);
        IGNORE_RESULT(pe_section_hash(s, HASH_SHA256, digest));
        if (pe_section(pe, s->name)) must(strcmp(pe_section(pe, s->name)->name, s->name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t first[HASH_SIZE_MAX], second[HASH_SIZE_MAX];
        PeImage pe;

        if (pe_parse(BYTES(data, size), &pe) < 0) return 0;
        must(pe_authenticode(&pe, HASH_SHA256, first) == 0 && pe_authenticode(&pe, HASH_SHA256, second) == 0);
        must(memcmp(first, second, SHA256_SIZE) == 0);
        for (size_t i = 0; i < pe.n_sections; i++) look_at_section(&pe, &pe.sections[i]);
        look_at_signatures(&pe);
        return 0;
}
