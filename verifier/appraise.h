/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Judging one piece of evidence, in the order of DESIGN ("The verifier decides from events"):
 *
 *   appraise_identify      version; which node is it, by which keys is it verified
 *   appraise_authenticate  AK, signature, magic, type, extraData; taken for the first time on this connection
 *   --- from here on the peer is that node, and a refusal is audited ---
 *   (the caller)           node state
 *   appraise_selection     exact PCR selection
 *   appraise_boot          cap seen, boot counters, log replays to the quote's digest with the cap PCR as expected
 *   appraise_policy        events against policy
 *
 * Nothing looks at the log, writes to the store or touches a counter before appraise_authenticate() returned 0.
 * Every function returns 0, VERIFIER_E_REFUSED with a->refusal set, or a negative errno. */

#include "attest/quote.h"
#include "eventlog/replay.h"
#include "verifier/policy.h"
#include "verifier/service.h"

/* Quotes that were taken on one connection. The exporter makes a quote good for one connection; this makes it good
 * once there. A node needs two at most. */
enum { TAKEN_QUOTES_MAX = 64 };
typedef struct TakenQuotes {
        size_t n;
        AttestExtra extra[TAKEN_QUOTES_MAX];
} TakenQuotes;

typedef struct Appraisal {
        Service *service;
        AttestPurpose purpose;
        const halfkey_v1_Evidence *evidence;
        Bytes log;
        const uint8_t *exporter; /* of the connection the evidence came over */
        TakenQuotes *quotes;     /* on it so far */

        NodeRecord node;
        NodeLocal local;
        bool verified; /* the peer is a->node (or, at Register, the TPM it claims to be) */
        AttestPublic ak;
        AttestQuote quote;
        BootCounters boot;
        EventLog *events;
        PcrValues pcrs; /* replayed, those of a verified quote once appraise_boot() returned 0 */
        uint8_t log_hash[SHA256_SIZE];
        char facts[POLICY_FACTS_MAX];
        PolicyFloors floors; /* what policies hold the node to after this boot; set with facts */
        halfkey_v1_Refusal refusal;
} Appraisal;

void appraisal_deinit(Appraisal *a);

_must_check_ int appraise_identify(Appraisal *a);
_must_check_ int appraise_authenticate(Appraisal *a, Bytes ak_public);
/* The extraData of this evidence, for another purpose (the certification of the SRK). */
_must_check_ int appraise_extra(const Appraisal *a, AttestPurpose purpose, AttestExtra *ret);
_must_check_ int appraise_selection(Appraisal *a);
/* cap: the expected value of the cap PCR, NULL for zero. fresh: counters start again with this evidence (the
 * Register and EnrolCommit of a reinstalled node). */
_must_check_ int appraise_boot(Appraisal *a, const Digest *cap, bool fresh);
_must_check_ int appraise_policy(Appraisal *a);
/* The boot as the node record keeps it. */
NodeBoot appraise_node_boot(const Appraisal *a);

/* appraise-explain.c: finds why the log does not give the quoted values, and refuses with that; where pace.h
 * allows no search, with what was found before, or without a cause. */
_must_check_ int appraise_explain(Appraisal *a, bool cap_expected);
/* The digest that these values would have been quoted with: 0 if it is the quote's. */
_must_check_ int appraise_try(const Appraisal *a, const PcrValues *values);
