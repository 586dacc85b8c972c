/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog-quote.h"

#include "attest/outcome.h"
#include "attest/quote.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/hex.h"

#include <errno.h>
#include <string.h>

enum { FILE_MAX = 8192 };

/* What an outcome says of the quote: another signer, another question or other values are a no; what cannot be
 * read, or values that are missing, leave it open. */
static int judge(const QuoteFiles *q, int r)
{
        if (r == 0) return 0;
        if (r < 0) return error_prefix(r, "%s", q->quote);
        if (r == ATTEST_E_SIGNATURE || r == ATTEST_E_EXTRA_DATA || r == ATTEST_E_PCR_DIGEST)
                return error_set(QUOTE_E_NO, "%s: %s", q->quote, attest_sentence(r));
        return error_set(-EBADMSG, "%s: %s", q->quote, attest_sentence(r));
}

/* A TPMT_PUBLIC, with its TPM2B size in front or without. */
static int parse_ak(Bytes file, AttestPublic *ret)
{
        Reader r = READER_INIT(file);
        Bytes inner = { 0 };

        if (reader_tpm2b(&r, &inner) == 0 && reader_finish(&r) == 0) return attest_public_parse(inner, ret);
        return attest_public_parse(file, ret);
}

static int authenticate(const QuoteFiles *q, AttestQuote *ret)
{
        cleanup_free uint8_t *quote = NULL, *signature = NULL, *ak = NULL;
        size_t quote_size, signature_size, ak_size;
        AttestExtra nonce;
        AttestPublic public;
        int r;

        if (strlen(q->nonce) != 2 * sizeof(nonce.bytes) ||
            hex_decode(q->nonce, nonce.bytes, sizeof(nonce.bytes)) < 0)
                return error_set(-EINVAL, "--nonce: expected %zu hex digits", 2 * sizeof(nonce.bytes));
        r = file_read(q->quote, FILE_MAX, &quote, &quote_size);
        if (r == 0) r = file_read(q->signature, FILE_MAX, &signature, &signature_size);
        if (r == 0) r = file_read(q->ak, FILE_MAX, &ak, &ak_size);
        if (r < 0) return r;
        r = parse_ak(BYTES(ak, ak_size), &public);
        if (r > 0) r = error_set(-EBADMSG, "%s", attest_sentence(r));
        if (r < 0) return error_prefix(r, "%s", q->ak);
        if (quote_size == 0) return judge(q, ATTEST_E_FORM);
        r = attest_quote_authenticate(BYTES(quote, quote_size), BYTES(signature, signature_size), &public, &nonce,
                                      ret);
        return judge(q, r);
}

/* The quoted values among those there are; the others of the quote are missing. */
static int check_digest(const QuoteFiles *q, const AttestQuote *quote, const PcrValues *values, uint32_t have)
{
        AttestPcrs pcrs = { .bank = values->bank };
        int r = 0;

        for (unsigned pcr = 0; pcr < EVENTLOG_PCRS && r == 0; pcr++)
                if (have >> pcr & 1) r = attest_pcrs_set(&pcrs, pcr, pcr_value(values, pcr));
        if (r == 0) r = attest_quote_check_pcrs(quote, &pcrs);
        return judge(q, r);
}

/* One selection is all that can be answered for. */
static int selection_of(const QuoteFiles *q, const AttestQuote *quote, HashAlg *ret_bank, uint32_t *ret_mask)
{
        if (quote->n_selections != 1 || hash_size(quote->selections[0].bank) == 0)
                return error_set(-EBADMSG, "%s: expected a quote of one bank", q->quote);
        *ret_bank = (HashAlg)quote->selections[0].bank;
        *ret_mask = quote->selections[0].mask;
        return 0;
}

int quote_check_values(const QuoteFiles *q, PcrFile *pcrs, uint32_t *wanted)
{
        AttestQuote quote;
        HashAlg bank = HASH_SHA256;
        uint32_t mask = 0;
        int r;

        r = authenticate(q, &quote);
        if (r == 0) r = selection_of(q, &quote, &bank, &mask);
        if (r != 0) return r;
        for (size_t i = 0; i < pcrs->n_banks; i++) {
                if (pcrs->banks[i].bank != bank) continue;
                r = check_digest(q, &quote, &pcrs->banks[i], pcrs->banks[i].extended);
                if (r != 0) return r;
                pcrs->banks[0] = pcrs->banks[i];
                pcrs->banks[0].extended &= mask;
                pcrs->n_banks = 1;
                if (*wanted == 0) *wanted = mask;
                return 0;
        }
        return error_set(-ENOENT, "%s: the values have no bank %s", q->quote, hash_name((unsigned)bank));
}

int quote_check_log(const QuoteFiles *q, const LogFile *f, PcrFile *ret, uint32_t *wanted)
{
        AttestQuote quote;
        PcrFile pcrs = { .n_banks = 1 };
        HashAlg bank = HASH_SHA256;
        uint32_t mask = 0;
        int r;

        r = authenticate(q, &quote);
        if (r == 0) r = selection_of(q, &quote, &bank, &mask);
        if (r == 0) r = log_file_values(f, bank, &pcrs.banks[0]);
        if (r == 0) r = check_digest(q, &quote, &pcrs.banks[0], ~pcrs.banks[0].incomplete & 0xffffff);
        if (r != 0) return r;
        pcrs.banks[0].extended = mask;
        if (*wanted == 0) *wanted = mask;
        *ret = pcrs;
        return 0;
}
