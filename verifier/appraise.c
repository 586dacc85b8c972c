/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/appraise.h"

#include "base/error.h"
#include "proto/message.h"
#include "verifier/refusal.h"

#include <errno.h>
#include <string.h>

enum { EVIDENCE_VERSION = 1 };

void appraisal_deinit(Appraisal *a)
{
        eventlog_free(a->events);
        a->events = NULL;
}

bool service_may_log(Service *s)
{
        const uint64_t now = s->now();

        if (now != s->quiet_from) {
                s->quiet_from = now;
                s->quiet_count = 0;
        }
        return s->quiet_count++ < SERVICE_UNVERIFIED_LINES;
}

static int check_form(Appraisal *a)
{
        const halfkey_v1_Evidence *e = a->evidence;

        if (e->version != EVIDENCE_VERSION)
                return refuse(&a->refusal, REFUSAL_VERSION,
                              "the evidence is of version %u, this verifier knows %d: update the older one",
                              e->version, EVIDENCE_VERSION);
        if (e->node_id.size != NODE_ID_SIZE || e->attempt_id.size != ATTEST_ATTEMPT_SIZE ||
            e->config_hash.size != SHA256_SIZE || e->tokens_hash.size != SHA256_SIZE)
                return refuse(&a->refusal, REFUSAL_EVIDENCE_FORM,
                              "node id, attempt id, configuration hash or tokens hash has the wrong size");
        return 0;
}

int appraise_identify(Appraisal *a)
{
        int r;

        r = check_form(a);
        if (r != 0) return r;
        r = store_node_get(a->service->store, a->evidence->node_id.bytes, &a->node);
        if (r == STORE_E_ABSENT)
                return refuse(
                        &a->refusal, REFUSAL_NODE_UNKNOWN,
                        "this cluster knows no node with this TPM: enrol it with an enrolment configuration");
        if (r == 0) r = store_local_get(a->service->store, a->node.id, &a->local);
        return r > 0 ? -EIO : r;
}

int appraise_extra(const Appraisal *a, AttestPurpose purpose, AttestExtra *ret)
{
        const halfkey_v1_Evidence *e = a->evidence;
        AttestContext c = { .purpose = purpose, .role = "node" };

        memcpy(c.node_id, a->node.id, sizeof(c.node_id));
        memcpy(c.config_hash, e->config_hash.bytes, sizeof(c.config_hash));
        memcpy(c.tokens_hash, e->tokens_hash.bytes, sizeof(c.tokens_hash));
        memcpy(c.attempt_id, e->attempt_id.bytes, sizeof(c.attempt_id));
        memcpy(c.exporter, a->exporter, sizeof(c.exporter));
        return attest_extra_data(&c, ret);
}

static int take_quote(Appraisal *a, const AttestExtra *extra)
{
        TakenQuotes *q = a->quotes;

        for (size_t i = 0; i < q->n; i++)
                if (bytes_equal(BYTES_ARRAY(q->extra[i].bytes), BYTES_ARRAY(extra->bytes)))
                        return refuse(&a->refusal, REFUSAL_EVIDENCE_TAKEN,
                                      "this quote was taken already: every attempt needs one of its own");
        if (q->n == TAKEN_QUOTES_MAX)
                return refuse(&a->refusal, REFUSAL_BUSY,
                              "%d quotes came over this connection: go on with another one", TAKEN_QUOTES_MAX);
        q->extra[q->n++] = *extra;
        return 0;
}

int appraise_authenticate(Appraisal *a, Bytes ak_public)
{
        AttestExtra extra;
        int r;

        r = check_form(a);
        if (r != 0) return r;
        if (!bytes_equal(PROTO_BYTES(a->evidence->node_id), BYTES_ARRAY(a->node.id)))
                return refuse(&a->refusal, REFUSAL_EVIDENCE_NODE_ID,
                              "the evidence names another node than its EK");
        r = attest_public_parse(ak_public, &a->ak);
        if (r < 0) return r;
        r = appraise_extra(a, a->purpose, &extra);
        if (r < 0) return r;
        r = attest_quote_authenticate(PROTO_BYTES(a->evidence->quote), PROTO_BYTES(a->evidence->signature), &a->ak,
                                      &extra, &a->quote);
        if (r == 0) r = attest_clock_check_hierarchy(&a->quote.at, &a->ak);
        if (r != 0) return refuse_evidence(&a->refusal, r);
        r = take_quote(a, &extra);
        if (r != 0) return r;
        a->boot = (BootCounters){ a->quote.at.reset_count, a->quote.at.restart_count };
        a->verified = true;
        return 0;
}

int appraise_selection(Appraisal *a)
{
        const uint32_t bank = a->evidence->bank;

        if (bank != HASH_SHA256 && bank != HASH_SHA384) {
                const char *name = bank <= UINT16_MAX ? hash_name((uint16_t)bank) : NULL;

                return refuse(&a->refusal, REFUSAL_PCR_SELECTION,
                              "the quote is of PCR bank %s: turn the SHA-256 bank on in the firmware's setup",
                              name ? name : "(unknown)");
        }
        /* The cap that closes a boot is the one of the seal's bank. */
        if ((a->purpose == ATTEST_PURPOSE_UNLOCK || a->purpose == ATTEST_PURPOSE_REATTEST) &&
            a->node.keys.bank != bank)
                return refuse(&a->refusal, REFUSAL_PCR_SELECTION,
                              "the quote is not of the bank %s was enrolled with", a->node.name);
        return refuse_evidence(&a->refusal, attest_quote_check_selection(&a->quote, (HashAlg)bank, ATTEST_PCRS));
}

static int check_counters(Appraisal *a, bool cap_expected, bool fresh)
{
        if (fresh) return 0;
        if (!cap_expected && node_was_capped(&a->node, a->boot))
                return refuse(&a->refusal, REFUSAL_CAP_SEEN,
                              "the cap of this boot (counters %u/%u) was seen already: reboot through firmware",
                              a->boot.reset, a->boot.restart);
        if (node_counters_check(&a->node, a->boot) != 0)
                return refuse(&a->refusal, REFUSAL_COUNTERS_WENT_BACK,
                              "%.200s: was the TPM cleared, cloned or restored? halfkey cluster node reinstall %s",
                              error_detail(NODE_E_BACKWARDS), a->node.name);
        return 0;
}

static int parse_log(Appraisal *a)
{
        int r;

        error_clear();
        r = eventlog_parse(a->log, &a->events);
        if (r == EVENTLOG_E_MALFORMED)
                return refuse(&a->refusal, REFUSAL_LOG_MALFORMED, "the event log is malformed at byte %zu: %.250s",
                              a->events->fault_offset, a->events->fault);
        if (r == -EBADMSG || r == -EFBIG)
                return refuse(&a->refusal, REFUSAL_LOG_MALFORMED, "the event log cannot be read: %.250s",
                              error_detail(r));
        if (r < 0) return r;
        if (a->events->format == EVENTLOG_FORMAT_CCEL)
                return refuse(&a->refusal, REFUSAL_LOG_MALFORMED,
                              "the event log is of a confidential VM's registers, not of a TPM's PCRs");
        return hash_sha256(a->log, a->log_hash);
}

static int replay_words(Appraisal *a)
{
        for (size_t i = 0; i < a->evidence->phase_words_count; i++) {
                const halfkey_v1_PhaseWord *w = &a->evidence->phase_words[i];
                const int r = eventlog_replay_extend_word(&a->pcrs, w->pcr, BYTES(w->word, strlen(w->word)));

                if (r > 0)
                        return refuse(&a->refusal, REFUSAL_LOG_MALFORMED,
                                      "the node states an extend of PCR %u with '%s', which is not on the list",
                                      w->pcr, w->word);
                if (r < 0) return r;
        }
        return 0;
}

static int replay(Appraisal *a)
{
        int r;

        r = eventlog_replay(a->events, (HashAlg)a->evidence->bank, &a->pcrs);
        if (r > 0)
                return refuse(&a->refusal, REFUSAL_LOG_MALFORMED, "the event log has no digests of the %s bank",
                              hash_name((uint16_t)a->evidence->bank));
        if (r < 0) return r;
        if (a->pcrs.incomplete & ATTEST_PCRS)
                return refuse(
                        &a->refusal, REFUSAL_LOG_MALFORMED, "an event of PCR %d has no digest of the %s bank",
                        __builtin_ctz(a->pcrs.incomplete & ATTEST_PCRS), hash_name((uint16_t)a->evidence->bank));
        return replay_words(a);
}

int appraise_try(const Appraisal *a, const PcrValues *values)
{
        AttestPcrs pcrs = { .bank = values->bank };
        int r = 0;

        for (unsigned i = 0; i < EVENTLOG_PCRS && r == 0; i++)
                if (ATTEST_PCRS & ATTEST_PCR_BIT(i)) r = attest_pcrs_set(&pcrs, i, pcr_value(values, i));
        return r < 0 ? r : attest_quote_check_pcrs(&a->quote, &pcrs);
}

int appraise_boot(Appraisal *a, const Digest *cap, bool fresh)
{
        int r;

        r = check_counters(a, cap != NULL, fresh);
        if (r == 0) r = parse_log(a);
        if (r == 0) r = replay(a);
        if (r != 0) return r;
        /* What the log says of the cap PCR does not matter: it has the value expected, or the quote differs. */
        memset(a->pcrs.value[ATTEST_CAP_PCR], 0, sizeof(a->pcrs.value[ATTEST_CAP_PCR]));
        if (cap) memcpy(a->pcrs.value[ATTEST_CAP_PCR], cap->bytes, cap->size);
        r = appraise_try(a, &a->pcrs);
        if (r == ATTEST_E_PCR_DIGEST) return appraise_explain(a, cap != NULL);
        return refuse_evidence(&a->refusal, r);
}

static int load_baseline(Appraisal *a, uint8_t **ret, size_t *ret_size, EventLog **ret_log)
{
        int r;

        r = store_log_get(a->service->store, a->node.baseline.log_hash, ret, ret_size);
        if (r == 0) r = eventlog_parse(BYTES(*ret, *ret_size), ret_log);
        return r > 0 ? error_set(-EBADMSG, "the log of the adopted boot of %s is gone", a->node.name) : r;
}

int appraise_policy(Appraisal *a)
{
        PolicyInput in = {
                .log = a->events,
                .bank = (HashAlg)a->evidence->bank,
                .command_line = a->evidence->command_line,
                .secure_boot_required = a->service->settings->secure_boot_required,
                .node = a->node.name,
                .policies = &a->service->policies,
                .labels = &a->node.labels,
                .floors = a->node.floors,
        };
        cleanup_eventlog EventLog *baseline = NULL;
        cleanup_free uint8_t *bytes = NULL;
        size_t size = 0;
        int r;

        if (node_has_baseline_for(&a->node, a->boot)) {
                r = load_baseline(a, &bytes, &size, &baseline);
                if (r < 0) return r;
                in.baseline = baseline;
                in.baseline_bank = (HashAlg)a->node.baseline.bank;
        }
        return policy_judge(&in, &a->refusal, &a->floors, a->facts);
}

NodeBoot appraise_node_boot(const Appraisal *a)
{
        NodeBoot b = { .present = true, .bank = (uint16_t)a->evidence->bank, .at = a->service->now() };

        memcpy(b.log_hash, a->log_hash, sizeof(b.log_hash));
        return b;
}
