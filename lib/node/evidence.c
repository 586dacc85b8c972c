/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The quote alone tells which unlogged extends there were: systemd 252 extends PCR 11 with a word for each boot
 * phase it reaches and writes no log of it. There are few possible sequences, so each is replayed on top of the
 * log until the digest fits. That saves reading PCR 11, a command on the way to the root. */

#include "node/evidence.h"

#include "attest/pcrs.h"
#include "attest/quote.h"
#include "base/error.h"
#include "crypto/compare.h"
#include "eventlog/compare.h"
#include "proto/message.h"
#include "tpm/pcr.h"

#include <errno.h>
#include <string.h>

/* The order in which a boot reaches its phases (systemd-pcrphase.service(8)). The initrd's own two come only
 * where systemd-pcrphase is in it, so a sequence is any run of consecutive words from one of the starts. */
static const char *const phases[] = { "enter-initrd", "leave-initrd", "sysinit", "ready" };
enum { FIRST_ON_HOST = 2 };

const char *evidence_phase(size_t i)
{
        return i < ARRAY_SIZE(phases) ? phases[i] : NULL;
}

typedef struct Words {
        size_t from, n;
} Words;

static int with_words(const NodeBoot *boot, Words words, const Digest *cap, AttestPcrs *ret)
{
        PcrValues values = boot->replayed;

        for (size_t i = 0; i < words.n; i++) {
                const char *word = phases[words.from + i];
                const int r = eventlog_replay_extend_word(&values, EVENTLOG_WORD_PCR, BYTES(word, strlen(word)));

                if (r != 0) return r < 0 ? r : -EINVAL;
        }
        *ret = (AttestPcrs){ .bank = boot->bank };
        for (unsigned pcr = 0; pcr < ATTEST_PCR_COUNT; pcr++) {
                Bytes value = pcr_value(&values, pcr);
                int r;

                if (!(ATTEST_PCRS & ATTEST_PCR_BIT(pcr))) continue;
                if (pcr == ATTEST_CAP_PCR && cap) value = digest_bytes(cap);
                r = attest_pcrs_set(ret, pcr, value);
                if (r < 0) return r;
        }
        return 0;
}

static int quoted_digest_is(const Digest *quoted, const NodeBoot *boot, Words words, const Digest *cap)
{
        uint8_t digest[HASH_SIZE_MAX];
        AttestPcrs pcrs;
        int r;

        r = with_words(boot, words, cap, &pcrs);
        if (r < 0) return r;
        r = attest_pcrs_digest(&pcrs, quoted->alg, digest);
        if (r < 0) return r;
        return crypto_equal(BYTES(digest, quoted->size), digest_bytes(quoted));
}

/* -EBADMSG where no sequence fits. */
static int find_words(const Digest *quoted, const NodeBoot *boot, const Digest *cap, Words *ret)
{
        static const size_t starts[] = { 0, FIRST_ON_HOST };

        for (size_t s = 0; s < ARRAY_SIZE(starts); s++)
                for (size_t n = 0; starts[s] + n <= ARRAY_SIZE(phases); n++) {
                        const Words words = { starts[s], n };
                        const int r = quoted_digest_is(quoted, boot, words, cap);

                        if (r == -EBADMSG) continue;
                        if (r == 0) *ret = words;
                        return r;
                }
        return -EBADMSG;
}

static int fill(const EvidenceParams *params, const TpmSigned *quote, Words words, halfkey_v1_Evidence *ret)
{
        const AttestContext *c = &params->context;
        int r = 0;

        *ret = (halfkey_v1_Evidence){ .version = 1, .bank = (uint32_t)params->boot->bank };
        if (r == 0) r = PROTO_SET(ret->node_id, BYTES_ARRAY(c->node_id));
        if (r == 0) r = PROTO_SET(ret->attempt_id, BYTES_ARRAY(c->attempt_id));
        if (r == 0) r = PROTO_SET(ret->config_hash, BYTES_ARRAY(c->config_hash));
        if (r == 0) r = PROTO_SET(ret->tokens_hash, BYTES_ARRAY(c->tokens_hash));
        if (r == 0) r = PROTO_SET(ret->quote, tpm_signed_attest(quote));
        if (r == 0) r = PROTO_SET(ret->signature, tpm_signed_signature(quote));
        if (r < 0) return r;
        PROTO_SET_TEXT(ret->command_line, params->boot->command_line);
        for (size_t i = 0; i < words.n; i++) {
                halfkey_v1_PhaseWord *w = &ret->phase_words[ret->phase_words_count++];

                w->pcr = EVENTLOG_WORD_PCR;
                PROTO_SET_TEXT(w->word, phases[words.from + i]);
        }
        return 0;
}

/* What a quote is held against. */
typedef struct Quoted {
        AttestPublic ak;
        AttestExtra extra;
        TpmSigned quote;
        Words words;
        bool replays;
} Quoted;

int evidence_quote(Tpm *tpm, const EvidenceParams *params, TpmSigned *ret)
{
        AttestExtra extra;
        TpmExtra to_sign;
        int r;

        r = attest_extra_data(&params->context, &extra);
        if (r < 0) return r;
        memcpy(to_sign.bytes, extra.bytes, sizeof(to_sign.bytes));
        if (params->lock) pthread_mutex_lock(params->lock);
        r = tpm_quote(tpm, params->ak, &to_sign, params->boot->bank, ATTEST_PCRS, ret);
        if (params->lock) pthread_mutex_unlock(params->lock);
        return r;
}

/* Is it good, and which words make the log give it? */
static int judge(const EvidenceParams *params, Quoted *q)
{
        AttestQuote parsed;
        int r;

        r = attest_quote_authenticate(tpm_signed_attest(&q->quote), tpm_signed_signature(&q->quote), &q->ak,
                                      &q->extra, &parsed);
        if (r != 0) return r < 0 ? r : error_set(-EPROTO, "the TPM's quote is not good: %s", attest_sentence(r));
        r = find_words(&parsed.pcr_digest, params->boot, params->cap, &q->words);
        q->replays = r == 0;
        return r == -EBADMSG ? 0 : r;
}

/* An event that was logged between reading the log and quoting is no contradiction: then both are taken again. */
static int judge_until_it_replays(Tpm *tpm, const EvidenceParams *params, Quoted *q)
{
        bool moved;
        int r;

        r = judge(params, q);
        for (int quotes = 1; r == 0 && !q->replays && quotes < EVIDENCE_QUOTES_MAX; quotes++) {
                r = node_boot_follow(params->boot, &moved);
                if (r < 0 || !moved) return r;
                r = evidence_quote(tpm, params, &q->quote);
                if (r == 0) r = judge(params, q);
        }
        return r;
}

int evidence_make_of(Tpm *tpm, const EvidenceParams *params, const TpmSigned *quote, halfkey_v1_Evidence *ret,
                     bool *ret_replays)
{
        Quoted q = { .quote = *quote };
        int r;

        r = attest_extra_data(&params->context, &q.extra);
        if (r == 0) r = attest_public_parse(tpm_public_bytes(&params->ak->public_area), &q.ak);
        if (r == 0) r = judge_until_it_replays(tpm, params, &q);
        if (r == 0) r = fill(params, &q.quote, q.words, ret);
        if (r != 0) return r;
        *ret_replays = q.replays;
        return 0;
}

int evidence_make(Tpm *tpm, const EvidenceParams *params, halfkey_v1_Evidence *ret, bool *ret_replays)
{
        TpmSigned quote;
        int r;

        r = evidence_quote(tpm, params, &quote);
        return r == 0 ? evidence_make_of(tpm, params, &quote, ret, ret_replays) : r;
}

static void to_values(const TpmPcrValues *read, PcrValues *ret)
{
        *ret = (PcrValues){ .bank = read->bank, .extended = read->mask };
        memcpy(ret->value, read->value, sizeof(ret->value));
}

int evidence_explain(Tpm *tpm, const NodeBoot *boot)
{
        EventlogMismatch mismatch;
        TpmPcrValues read;
        PcrValues actual;
        int r;

        r = tpm_pcr_read(tpm, boot->bank, ATTEST_PCRS, &read);
        if (r != 0) return r;
        to_values(&read, &actual);
        r = eventlog_explain(boot->log, &boot->replayed, &actual, ATTEST_PCRS & ~ATTEST_PCR_BIT(ATTEST_CAP_PCR),
                             &mismatch);
        if (r == EVENTLOG_E_DIFFERENT) return error_set(-EBADMSG, "%s", mismatch.text);
        if (r < 0) return r;
        return error_set(-EBADMSG, "the event log gives the PCRs the TPM has now: they moved after the quote");
}

int evidence_add_volumes(const Token *const *tokens, size_t n, halfkey_v1_Volume *volumes, pb_size_t *n_volumes)
{
        for (size_t i = 0; i < n; i++) {
                halfkey_v1_Volume *v = &volumes[(*n_volumes)++];
                uint8_t hash[SHA256_SIZE];
                int r;

                v->generation = tokens[i]->generation;
                v->epoch = tokens[i]->epoch;
                PROTO_SET_TEXT(v->role, tokens[i]->role);
                r = token_hash(tokens[i], hash);
                if (r == 0) r = PROTO_SET(v->volume_id, BYTES_ARRAY(tokens[i]->volume_id));
                if (r == 0) r = PROTO_SET(v->token_hash, BYTES_ARRAY(hash));
                if (r < 0) return r;
        }
        return 0;
}
