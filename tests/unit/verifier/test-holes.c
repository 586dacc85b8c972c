/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Holes that other attestation systems have or had, each tried on this verifier and refused for its own reason.
 *
 * Some are closed elsewhere, and tested there: handles left in the TPM in tpm-faults; the pin that any certificate
 * of the presented list satisfies in rpc-tls; a dead verifier in rpc-race; a half in another's row in
 * verifier-session; chains that nobody checks and platform certificates of another TPM in verifier-trust and
 * crypto-endorsement; a device certificate beside another key in attest-devid; certified keys that were loaded
 * from outside in tpm-workload; keys that others may use, files named by a caller: there is no such call. */

#include "softnode.h"

#include "attest/cap.h"
#include "attest/credential.h"
#include "crypto/x509.h"
#include "synth.h"
#include "verifier/node.h"

static const char good_line[] = "root=UUID=1 ro quiet";

typedef struct Stage {
        SoftVerifier v;
        SoftNode n;
        Synth log;
} Stage;

static void stage_init(Stage *s)
{
        synth_init(&s->log, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot(&s->log, false, good_line);
        soft_verifier_init(&s->v);
        soft_node_init(&s->n, synth_bytes(&s->log), good_line);
}

/* Enrolled and adopted, at the start of a boot that would be released to. */
static void stage_released(Stage *s)
{
        stage_init(s);
        soft_enrol(&s->v, &s->n);
        soft_adopt_boot(&s->v, &s->n);
        soft_boot(&s->n);
}

static void stage_deinit(Stage *s)
{
        soft_node_deinit(&s->n);
        soft_verifier_deinit(&s->v);
        synth_deinit(&s->log);
}
#define cleanup_stage _cleanup_(stage_deinit)

static void refuses_register(Stage *s, const char *reason)
{
        const SoftReply r = soft_register(&s->v, &s->n, s->v.secret);

        CHECK_TEXT(r.reason, reason);
        CHECK(bytes_equal(BYTES_ARRAY(r.half), BYTES_ARRAY((const uint8_t[32]){ 0 })));
}

static void refuses_unlock(Stage *s, const char *reason)
{
        const SoftReply r = soft_unlock(&s->v, &s->n);

        CHECK_TEXT(r.reason, reason);
        CHECK(bytes_equal(BYTES_ARRAY(r.half), BYTES_ARRAY((const uint8_t[32]){ 0 })));
}

/* ---- the quote ---- */

static void no_quote(halfkey_v1_Evidence *e)
{
        e->quote.size = e->signature.size = 0;
}

static void no_signature(halfkey_v1_Evidence *e)
{
        e->signature.size = 0;
}

/* Evidence without a quote was counted as verified: a loop over none of them finds nothing wrong. */
static void evidence_without_a_quote(void)
{
        cleanup_stage Stage s = { 0 };

        stage_released(&s);
        s.n.bend_evidence = no_quote;
        refuses_unlock(&s, "evidence-quote-form");
        s.n.bend_evidence = no_signature;
        refuses_unlock(&s, "evidence-quote-signature-form");
        s.n.bend_evidence = NULL;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
}

/* A PCR that the node leaves out was skipped. */
static void a_pcr_left_out(void)
{
        cleanup_stage Stage s = { 0 };

        stage_released(&s);
        for (unsigned pcr = 0; pcr < ATTEST_PCR_COUNT; pcr++) {
                if (!(ATTEST_PCRS & ATTEST_PCR_BIT(pcr))) continue;
                s.n.mask = ATTEST_PCRS & ~ATTEST_PCR_BIT(pcr);
                refuses_unlock(&s, "pcr-selection");
        }
        s.n.mask = ATTEST_PCRS | ATTEST_PCR_BIT(16);
        refuses_unlock(&s, "pcr-selection");
}

/* A PCR without an event in the log was counted as verified whatever it holds. The node has extended PCR 12 and 14
 * here, and sends the log as if it had not. */
static void a_pcr_without_events(void)
{
        static const uint32_t pcrs[] = { 8, 12, 13, 14 };

        for (size_t i = 0; i < ARRAY_SIZE(pcrs); i++) {
                cleanup_stage Stage s = { 0 };
                cleanup_synth Synth more = { 0 };

                stage_released(&s);
                synth_init(&more, (const HashAlg[]){ HASH_SHA256 }, 1);
                synth_boot(&more, false, good_line);
                synth_text(&more, pcrs[i], EV_IPL, "not in the log that is sent");
                s.n.sent = s.n.log;
                s.n.log = synth_bytes(&more);
                refuses_unlock(&s, "log-does-not-replay");
        }
}

/* One bank that fits was enough, SHA-1's among them. */
static void a_weak_bank(void)
{
        static const uint16_t banks[] = { HASH_SHA1, HASH_SHA384, 0, 0xffff };
        cleanup_stage Stage s = { 0 };

        stage_released(&s);
        for (size_t i = 0; i < ARRAY_SIZE(banks); i++) {
                s.n.bank = banks[i];
                refuses_unlock(&s, "pcr-selection");
        }
}

/* ---- nonces ---- */

/* Here they are the connection's exporter: what was signed for another connection is good for none, and one that
 * is all zeros, as from a generator that failed, is not signed at all. */
static void evidence_of_another_connection(void)
{
        static const uint8_t other[ATTEST_EXPORTER_SIZE] = { 7 };
        cleanup_stage Stage s = { 0 };
        AttestContext unset = { .purpose = ATTEST_PURPOSE_UNLOCK, .role = "node" };
        AttestExtra extra;

        stage_released(&s);
        s.n.other_exporter = other;
        refuses_unlock(&s, "evidence-quote-extra-data");
        CHECK(attest_extra_data(&unset, &extra) < 0);
}

/* ---- the keys ---- */

static void change_attributes(AttestPublic *p, uint32_t turned)
{
        uint8_t encoded[ATTEST_PUBLIC_MAX];

        memcpy(encoded, p->encoded, p->encoded_size);
        for (unsigned i = 0; i < 4; i++) encoded[4 + i] ^= (uint8_t)(turned >> (24 - 8 * i));
        CHECK_OK(attest_public_parse(BYTES(encoded, p->encoded_size), p));
}

/* An AK that is not restricted signs whatever it is given, a quote made up by hand too. */
static void an_ak_that_signs_anything(void)
{
        static const struct {
                uint32_t turned;
                const char *reason;
        } defects[] = {
                { ATTEST_RESTRICTED, "evidence-ak-not-restricted" },
                { ATTEST_SIGN, "evidence-ak-not-signing" },
                { ATTEST_DECRYPT, "evidence-ak-decrypts" },
                { ATTEST_FIXED_TPM, "evidence-ak-not-fixed-tpm" },
                { ATTEST_FIXED_PARENT, "evidence-ak-not-fixed-parent" },
                { ATTEST_SENSITIVE_DATA_ORIGIN, "evidence-ak-imported" },
                { ATTEST_USER_WITH_AUTH, "evidence-ak-no-auth" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(defects); i++) {
                cleanup_stage Stage s = { 0 };

                stage_init(&s);
                change_attributes(&s.n.ak, defects[i].turned);
                refuses_register(&s, defects[i].reason);
        }
}

static Bytes foreign_certificate;

static void with_certificate(halfkey_v1_RegisterHello *h)
{
        CHECK_OK(PROTO_SET(h->ek_certificate, foreign_certificate));
}

/* The certificate of a good TPM, shown with the EK of another. */
static void the_certificate_of_another_ek(void)
{
        cleanup_stage Stage s = { 0 };
        cleanup_private_key PrivateKey *key = NULL;
        cleanup_free uint8_t *certificate = NULL;
        size_t size;

        stage_init(&s);
        CHECK_OK(private_key_generate(256, &key));
        CHECK_OK(x509_make_ca(key, "a good TPM", &certificate, &size));
        foreign_certificate = BYTES(certificate, size);
        s.n.bend_hello = with_certificate;
        refuses_register(&s, "evidence-ek-certificate");
}

static void an_ek_of_no_template(void)
{
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        change_attributes(&s.n.ek, ATTEST_FIXED_TPM);
        refuses_register(&s, "evidence-ek-attributes");
}

/* ---- the challenge ---- */

static void no_answer(halfkey_v1_RegisterProof *p)
{
        p->challenge_answer.size = 0;
}

static void answer_of_an_empty_secret(halfkey_v1_RegisterProof *p)
{
        memset(p->challenge_answer.bytes, 0, sizeof(p->challenge_answer.bytes));
}

/* The step skipped, and an empty answer equal to a secret that was never set. */
static void the_challenge_skipped(void)
{
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        s.n.bend_proof = no_answer;
        refuses_register(&s, "evidence-challenge");
        s.n.bend_proof = answer_of_an_empty_secret;
        refuses_register(&s, "evidence-challenge");
}

static void no_certification(halfkey_v1_RegisterProof *p)
{
        p->srk_certify.size = p->srk_certify_signature.size = 0;
}

static void the_quote_for_a_certification(halfkey_v1_RegisterProof *p)
{
        CHECK_OK(PROTO_SET(p->srk_certify, PROTO_BYTES(p->evidence.quote)));
        CHECK_OK(PROTO_SET(p->srk_certify_signature, PROTO_BYTES(p->evidence.signature)));
}

static void a_certification_for_the_quote(halfkey_v1_RegisterProof *p)
{
        CHECK_OK(PROTO_SET(p->evidence.quote, PROTO_BYTES(p->srk_certify)));
        CHECK_OK(PROTO_SET(p->evidence.signature, PROTO_BYTES(p->srk_certify_signature)));
}

static void a_storage_key_that_nobody_certified(void)
{
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        s.n.bend_proof = no_certification;
        refuses_register(&s, "evidence-quote-form");
        s.n.bend_proof = the_quote_for_a_certification;
        refuses_register(&s, "evidence-quote-type");
        s.n.bend_proof = a_certification_for_the_quote;
        refuses_register(&s, "evidence-quote-type");
        s.n.bend_proof = NULL;
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
}

/* ---- enrolment ---- */

/* A secret that is never used up enrols whoever copies it. */
static void a_secret_used_again(void)
{
        static const uint8_t once[32] = { 5 };
        cleanup_stage Stage s = { 0 };
        cleanup_soft_node SoftNode other = { 0 };

        stage_init(&s);
        soft_enrolment(&s.v, "once", once, 1, soft_now + 60, NULL);
        CHECK_TEXT(soft_register(&s.v, &s.n, once).reason, "");
        soft_node_init(&other, s.n.log, good_line);
        CHECK_TEXT(soft_register(&s.v, &other, once).reason, "enrolment-secret-used");
}

/* An enrolled TPM that registers once more was given a key whatever it had booted. */
static void registering_once_more(void)
{
        cleanup_stage Stage s = { 0 };

        stage_released(&s);
        refuses_register(&s, "node-exists");
}

int main(void)
{
        RUN(evidence_without_a_quote);
        RUN(a_pcr_left_out);
        RUN(a_pcr_without_events);
        RUN(a_weak_bank);
        RUN(evidence_of_another_connection);
        RUN(an_ak_that_signs_anything);
        RUN(the_certificate_of_another_ek);
        RUN(an_ek_of_no_template);
        RUN(the_challenge_skipped);
        RUN(a_storage_key_that_nobody_certified);
        RUN(a_secret_used_again);
        RUN(registering_once_more);
        return 0;
}
