/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every answer the verifier gives a node, and every reason it refuses for. */

#include "softnode.h"

#include "attest/cap.h"
#include "synth.h"
#include "verifier/node.h"
#include "verifier/verdict.h"

static const char good_line[] = "root=UUID=1 ro quiet";

/* A verifier, an enrolled and adopted node at the start of a new boot, and its log. */
typedef struct Stage {
        SoftVerifier v;
        SoftNode n;
        Synth log;
} Stage;

static void boot_log(Synth *s, bool grub, const char *line)
{
        synth_init(s, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot(s, grub, line);
}

static void stage_new(Stage *s)
{
        boot_log(&s->log, false, good_line);
        soft_verifier_init(&s->v);
        soft_node_init(&s->n, synth_bytes(&s->log), good_line);
}

static void stage_enrolled(Stage *s)
{
        stage_new(s);
        soft_enrol(&s->v, &s->n);
}

static void stage_adopted(Stage *s)
{
        stage_enrolled(s);
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

static void another_boot(Stage *s, Synth *log, bool grub, const char *line)
{
        boot_log(log, grub, line);
        s->n.log = synth_bytes(log);
        s->n.command_line = line;
}

static bool names(const SoftReply *r, const char *text)
{
        return strstr(r->sentence, text) != NULL;
}

static void a_node_enrols_and_is_unlocked(void)
{
        cleanup_stage Stage s = { 0 };
        SoftReply first, again, r;

        stage_new(&s);
        first = soft_register(&s.v, &s.n, s.v.secret);
        CHECK_TEXT(first.reason, "");
        CHECK(first.generation == 1 && first.has_approval);
        again = soft_register(&s.v, &s.n, s.v.secret); /* the answer was lost */
        CHECK_TEXT(again.reason, "");
        CHECK_BYTES(BYTES_ARRAY(first.half), BYTES_ARRAY(again.half));
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "node-not-enrolled");
        CHECK_TEXT(soft_commit(&s.v, &s.n).reason, "");
        CHECK_TEXT(soft_commit(&s.v, &s.n).reason, ""); /* this one too */

        soft_boot(&s.n);
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "node-pending");
        CHECK(r.retry_after_s == 5 && names(&r, "halfkey cluster node approve node-"));
        CHECK_OK(soft_operator(&s.v, s.n.id, node_approve));
        soft_verifier_restart(&s.v);
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "");
        CHECK_BYTES(BYTES_ARRAY(first.half), BYTES_ARRAY(r.half));
        CHECK_TEXT(soft_last_kind(&s.v), "unlock-released");
        CHECK(strlen(r.release_id) == 16 && !r.has_approval);
        s.n.needs_approval = true; /* what the cluster approved at Register did not reach the token */
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "");
        CHECK(r.has_approval);
}

static void the_first_attested_boot_is_adopted(void)
{
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_enrolled(&s);
        s.n.capped = ATTEST_CAP_RECOVERY;
        s.n.without_volumes = true; /* a cap that anybody can make */
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_RECOVERY).reason, "cap-mismatch");
        s.n.without_volumes = false;
        r = soft_reattest(&s.v, &s.n, ATTEST_CAP_RECOVERY);
        CHECK_TEXT(r.reason, "");
        CHECK(!r.baseline && !r.clean_up);
        soft_boot(&s.n);
        soft_adopt_boot(&s.v, &s.n);
        CHECK_TEXT(soft_last_kind(&s.v), "boot-adopted");
        r = soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED);
        CHECK_TEXT(r.reason, "");
        CHECK(r.baseline);
        soft_boot(&s.n);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
}

static void after_the_cap_nothing_is_released(void)
{
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_enrolled(&s);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
        s.n.capped = ATTEST_CAP_ATTESTED;
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "cap-not-zero");
        CHECK(names(&r, "attested") && names(&r, "reboot through firmware"));
        s.n.capped = ATTEST_CAP_FALLBACK;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "cap-not-zero");
        s.n.capped = ATTEST_CAP_ATTESTED;
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED).reason, "");
        s.n.capped = NULL; /* a PCR reset behind the verifier's back */
        s.n.words = 1;
        soft_verifier_restart(&s.v);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "cap-seen");
        s.n.boot.reset--;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "cap-seen");
}

static void a_cap_must_be_the_stated_one(void)
{
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_enrolled(&s);
        r = soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED);
        CHECK_TEXT(r.reason, "cap-mismatch");
        CHECK(names(&r, "never capped"));
        s.n.capped = ATTEST_CAP_FALLBACK;
        r = soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED);
        CHECK_TEXT(r.reason, "cap-mismatch");
        CHECK(names(&r, "fallback"));
        CHECK_TEXT(soft_reattest(&s.v, &s.n, "sideways").reason, "cap-mismatch");
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_FALLBACK).reason, "");
}

static void a_seal_that_still_opens_is_reported(void)
{
        cleanup_stage Stage s = { 0 };

        stage_enrolled(&s);
        s.n.capped = ATTEST_CAP_ATTESTED;
        s.n.unseal_possible = 1;
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED).reason, "unseal-possible");
        s.n.unseal_possible = 0;
        s.n.command_line_changed = 1;
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED).reason, "policy-command-line");
        CHECK(soft_record(&s.v, s.n.id).capped); /* refused, and the cap is known all the same */
        CHECK(!soft_record(&s.v, s.n.id).baseline.present);
}

static void only_this_connection_and_purpose_count(void)
{
        static const uint8_t other[32] = { 9 };
        cleanup_stage Stage s = { 0 };
        const char *before;

        stage_adopted(&s);
        s.n.other_exporter = other; /* replayed, or relayed */
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "evidence-quote-extra-data");
        s.n.other_exporter = NULL;
        s.n.purpose = ATTEST_PURPOSE_REATTEST;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "evidence-quote-extra-data");
        s.n.purpose = 0;
        s.n.bad_signature = 1;
        before = soft_last_kind(&s.v);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "evidence-quote-signature");
        CHECK_TEXT(soft_last_kind(&s.v), before); /* nothing is audited for one who proved nothing */
        CHECK(soft_record(&s.v, s.n.id).seen.reset == s.n.boot.reset - 1);
        s.n.bad_signature = 0;
        s.n.version = 2;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "version");
}

static void a_node_gets_no_other_nodes_half(void)
{
        cleanup_stage Stage s = { 0 };
        cleanup_soft_node SoftNode b = { 0 };

        stage_adopted(&s);
        soft_node_init(&b, s.n.log, good_line);
        CHECK_TEXT(soft_unlock(&s.v, &b).reason, "node-unknown");
        soft_enrol(&s.v, &b);
        b.other_id = s.n.id;
        CHECK_TEXT(soft_unlock(&s.v, &b).reason, "evidence-quote-signature");
        b.other_id = NULL;
        CHECK_TEXT(soft_unlock(&s.v, &b).reason, "");
}

static void quarantine_stops_everything(void)
{
        cleanup_stage Stage s = { 0 };

        stage_adopted(&s);
        CHECK_OK(soft_operator(&s.v, s.n.id, node_quarantine));
        CHECK_RESULT(soft_operator(&s.v, s.n.id, node_quarantine), NODE_E_STATE);
        CHECK_RESULT(soft_operator(&s.v, s.n.id, node_approve), NODE_E_STATE);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "node-quarantined");
        CHECK_TEXT(soft_last_kind(&s.v), "unlock-refused");
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "node-quarantined");
        CHECK_OK(soft_operator(&s.v, s.n.id, node_activate));
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
}

static void selections_and_banks_are_exact(void)
{
        cleanup_stage Stage s = { 0 };

        stage_adopted(&s);
        s.n.mask = ATTEST_PCRS & ~ATTEST_PCR_BIT(ATTEST_CAP_PCR);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "pcr-selection");
        s.n.mask = ATTEST_PCRS;
        s.n.bank = HASH_SHA384;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "pcr-selection");
        s.n.bank = HASH_SHA1;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "pcr-selection");
}

static void counters_do_not_go_back(void)
{
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_enrolled(&s);
        s.n.boot = (BootCounters){ 3, 0 };
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "counters-went-back");
        CHECK(names(&r, "3/0") && names(&r, "cluster node reinstall"));
        s.n.boot = (BootCounters){ 20, 0 };
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, ""); /* remembered by this verifier alone */
        s.n.boot = (BootCounters){ 19, 7 };
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "counters-went-back");
}

static void releases_are_limited(void)
{
        cleanup_stage Stage s = { 0 };

        stage_adopted(&s);
        for (unsigned i = 0; i < NODE_RELEASES_MAX; i++) CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "release-limit");
        soft_boot(&s.n);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
        soft_now += NODE_RELEASES_S;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
        soft_now += 1;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "release-limit");
}

static void logs_must_parse_and_replay(void)
{
        cleanup_synth Synth longer = { 0 };
        cleanup_stage Stage s = { 0 };
        Bytes good;
        SoftReply r;

        stage_adopted(&s);
        good = s.n.log;
        s.n.log = BYTES(good.data, good.size - 3);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "log-malformed");
        s.n.log = good;
        s.n.words_stated = 3;
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "log-does-not-replay");
        CHECK(names(&r, "PCR 11"));
        s.n.words_stated = -1;

        boot_log(&longer, false, good_line);
        synth_text(&longer, 4, EV_EFI_ACTION, "Never happened");
        s.n.sent = synth_bytes(&longer);
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "log-does-not-replay");
        CHECK(names(&r, "PCR 4") && names(&r, "was never measured"));
        synth_text(&longer, 5, EV_EFI_ACTION, "This neither");
        s.n.sent = synth_bytes(&longer);
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "log-does-not-replay");
        CHECK(names(&r, "halfkey eventlog verify"));
}

static void changed_boots_are_refused_by_the_event(void)
{
        cleanup_synth Synth other = { 0 }, third = { 0 };
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_adopted(&s);
        another_boot(&s, &other, false, "root=UUID=1 ro quiet splash");
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "policy-changed-boot");
        CHECK(names(&r, "PCR 9") && names(&r, "halfkey cluster node approve"));

        CHECK_OK(soft_operator(&s.v, s.n.id, node_approve)); /* an operator's word: adopted anew */
        soft_adopt_boot(&s.v, &s.n);
        soft_boot(&s.n);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
        soft_boot(&s.n);
        another_boot(&s, &third, false, good_line);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "policy-changed-boot");
}

static void approval_waits_for_the_next_boot(void)
{
        cleanup_synth Synth other = { 0 };
        cleanup_stage Stage s = { 0 };

        stage_enrolled(&s);
        soft_adopt_boot(&s.v, &s.n);
        CHECK_OK(soft_operator(&s.v, s.n.id, node_approve)); /* while the node runs, before its update */
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED).reason, "");
        CHECK(soft_record(&s.v, s.n.id).readopt);
        soft_boot(&s.n);
        another_boot(&s, &other, false, "root=UUID=2 ro");
        soft_adopt_boot(&s.v, &s.n);
        CHECK(!soft_record(&s.v, s.n.id).readopt);
}

static void command_lines_are_judged(void)
{
        cleanup_synth Synth shell = { 0 };
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_enrolled(&s);
        s.n.command_line = "root=UUID=1 ro quiet rd.break";
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "policy-command-line"); /* not what was measured */
        another_boot(&s, &shell, false, "root=UUID=1 rdinit=/bin/sh");
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "policy-command-line");
        CHECK(names(&r, "rdinit=/bin/sh"));
        s.v.settings.secure_boot_required = true;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "policy-command-line"); /* it is on in these logs */
}

static void tokens_must_be_the_enrolled_ones(void)
{
        cleanup_stage Stage s = { 0 };

        stage_adopted(&s);
        s.n.bad_token = 1;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "token-hash");
        CHECK_TEXT(soft_unlock(&s.v, &s.n).role, "root"); /* which volume a node might do without */
        s.n.bad_token = 0;
        s.n.generation = 5;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "token-generation-unknown");
        s.n.generation = 1;
        s.n.epoch = 0;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "token-epoch");
        CHECK_TEXT(soft_last_kind(&s.v), "unlock-refused");
        s.n.epoch = 1;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
}

/* The epoch after the last one would be 0. */
static void epochs_begin_low(void)
{
        static const uint64_t bad[] = { (UINT64_C(1) << 32) + 1, UINT64_MAX };
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_new(&s);
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                s.n.epoch = bad[i];
                r = soft_commit(&s.v, &s.n);
                CHECK_TEXT(r.reason, "commit-invalid");
                CHECK(names(&r, "epoch"));
        }
        CHECK(!soft_record(&s.v, s.n.id).committed);
        s.n.epoch = UINT64_C(1) << 32;
        CHECK_TEXT(soft_commit(&s.v, &s.n).reason, "");
        CHECK(soft_record(&s.v, s.n.id).committed);
}

static void secrets_are_limited(void)
{
        static const uint8_t unknown[32] = { 1 }, single[32] = { 2 }, listed[32] = { 3 };
        cleanup_soft_node SoftNode b = { 0 }, c = { 0 };
        cleanup_stage Stage s = { 0 };

        stage_new(&s);
        soft_node_init(&b, s.n.log, good_line);
        soft_node_init(&c, s.n.log, good_line);
        CHECK_TEXT(soft_register(&s.v, &s.n, unknown).reason, "enrolment-secret-unknown");
        soft_enrolment(&s.v, "single", single, 1, soft_now + 60, NULL);
        CHECK_TEXT(soft_register(&s.v, &s.n, single).reason, "");
        CHECK_TEXT(soft_register(&s.v, &s.n, single).reason, ""); /* once an EK */
        CHECK_TEXT(soft_register(&s.v, &b, single).reason, "enrolment-secret-used");
        soft_enrolment(&s.v, "listed", listed, 5, soft_now + 60, b.id);
        CHECK_TEXT(soft_register(&s.v, &c, listed).reason, "enrolment-secret-ek");
        CHECK_TEXT(soft_register(&s.v, &b, listed).reason, "");
        soft_now += 60;
        CHECK_TEXT(soft_register(&s.v, &b, listed).reason, "enrolment-secret-expired");
}

static void register_proves_the_tpm(void)
{
        cleanup_stage Stage s = { 0 };
        SoftReply r;

        stage_new(&s);
        s.n.bad_answer = 1;
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "evidence-challenge");
        s.n.bad_answer = 0;
        s.n.capped = ATTEST_CAP_FALLBACK;
        r = soft_register(&s.v, &s.n, s.v.secret);
        CHECK_TEXT(r.reason, "cap-not-zero");
        CHECK_TEXT(soft_last_kind(&s.v), "register-refused");
        s.n.capped = NULL;
        CHECK_TEXT(soft_commit(&s.v, &s.n).reason, "node-unknown");
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
        s.n.generation = 9;
        CHECK_TEXT(soft_commit(&s.v, &s.n).reason, "token-generation-unknown");
}

static void a_node_registers_again_only_by_an_operators_word(void)
{
        cleanup_stage Stage s = { 0 };
        SoftReply first, r;

        stage_adopted(&s);
        first = soft_unlock(&s.v, &s.n);
        r = soft_register(&s.v, &s.n, s.v.secret);
        CHECK_TEXT(r.reason, "node-exists");
        CHECK(names(&r, "cluster node reinstall"));
        CHECK_OK(soft_operator(&s.v, s.n.id, node_mark_reinstall));
        r = soft_register(&s.v, &s.n, s.v.secret);
        CHECK_TEXT(r.reason, "");
        CHECK(r.generation == 2 && !bytes_equal(BYTES_ARRAY(r.half), BYTES_ARRAY(first.half)));
        s.n.generation = 1; /* until the commit the old one opens */
        r = soft_unlock(&s.v, &s.n);
        CHECK_TEXT(r.reason, "");
        CHECK_BYTES(BYTES_ARRAY(r.half), BYTES_ARRAY(first.half));
        s.n.generation = 2;
        s.n.boot = (BootCounters){ 1, 0 }; /* the TPM was cleared between */
        CHECK_TEXT(soft_commit(&s.v, &s.n).reason, "counters-went-back");
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
        CHECK_TEXT(soft_commit(&s.v, &s.n).reason, "");
        CHECK(soft_record(&s.v, s.n.id).incarnation == 2 && !soft_record(&s.v, s.n.id).baseline.present);
        soft_adopt_boot(&s.v, &s.n);
        s.n.generation = 1;
        soft_boot(&s.n);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "token-generation-unknown");
}

static void a_quote_is_taken_once_on_a_connection(void)
{
        cleanup_stage Stage s = { 0 };
        unsigned before;

        stage_adopted(&s);
        s.v.one_connection = true;
        s.v.quotes.n = 0;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
        before = soft_audit_size(&s.v);
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "evidence-taken");
        s.n.command_line = "something else"; /* a signature made anew for the same is no other one */
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "evidence-taken");
        CHECK(soft_audit_size(&s.v) == before);
        s.n.command_line = good_line;
        s.n.capped = ATTEST_CAP_ATTESTED;
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED).reason, "");
        CHECK(s.v.quotes.n == 2);
        s.v.quotes.n = TAKEN_QUOTES_MAX;
        s.v.quotes.extra[1] = s.v.quotes.extra[0];
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED).reason, "busy");
        s.v.one_connection = false;
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED).reason, "");
}

static void repeated_refusals_are_counted(void)
{
        cleanup_stage Stage s = { 0 };
        cleanup_soft_node SoftNode b = { 0 };
        SoftReply first, r;
        unsigned before;

        stage_adopted(&s);
        soft_node_init(&b, s.n.log, good_line);
        soft_enrol(&s.v, &b);
        CHECK_OK(soft_operator(&s.v, s.n.id, node_quarantine));
        before = soft_audit_size(&s.v);
        first = soft_unlock(&s.v, &s.n);
        for (unsigned i = 0; i < 40; i++) {
                r = soft_unlock(&s.v, &s.n);
                CHECK_TEXT(r.reason, "node-quarantined");
                CHECK_TEXT(r.id, first.id); /* the one that the audit has */
        }
        CHECK(soft_audit_size(&s.v) == before + 1);
        s.n.capped = ATTEST_CAP_ATTESTED;
        CHECK_TEXT(soft_reattest(&s.v, &s.n, ATTEST_CAP_ATTESTED).reason, "node-quarantined");
        CHECK(soft_audit_size(&s.v) == before + 2); /* another kind */
        b.bad_token = 1;
        CHECK_TEXT(soft_unlock(&s.v, &b).reason, "token-hash");
        CHECK(soft_audit_size(&s.v) == before + 3); /* another node */
        s.n.capped = NULL;
        soft_now += PACE_WINDOW_S;
        r = soft_unlock(&s.v, &s.n);
        CHECK(strcmp(r.id, first.id) != 0);
        CHECK(soft_audit_size(&s.v) == before + 5); /* the count, and the first of the next window */
        CHECK_TEXT(soft_last_kind(&s.v), "unlock-refused");
        verdict_audit_counts(&s.v.service, UINT64_MAX);
        CHECK(soft_audit_size(&s.v) == before + 5);
        (void)soft_unlock(&s.v, &s.n);
        verdict_audit_counts(&s.v.service, soft_now);
        CHECK(soft_audit_size(&s.v) == before + 5); /* it may still grow */
        verdict_audit_counts(&s.v.service, UINT64_MAX);
        CHECK(soft_audit_size(&s.v) == before + 6);
        CHECK_TEXT(soft_last_kind(&s.v), "refusals-repeated");
}

static void repeated_registrations_are_counted(void)
{
        cleanup_stage Stage s = { 0 };
        unsigned before;

        stage_new(&s);
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
        before = soft_audit_size(&s.v);
        for (unsigned i = 0; i < 10; i++) CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
        CHECK(soft_audit_size(&s.v) <= before + 1);
}

/* Another half, or an approval of another PCR 7, is no answer that was given before. */
static void each_new_answer_to_register_is_audited(void)
{
        static const char another_line[] = "/vmlinuz root=UUID=1 ro";
        cleanup_stage Stage s = { 0 };
        cleanup_synth Synth other = { 0 };
        unsigned before;

        stage_new(&s);
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
        before = soft_audit_size(&s.v);
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
        CHECK(soft_audit_size(&s.v) == before);
        boot_log(&other, true, another_line);
        synth_variable(&other, 7, EV_EFI_VARIABLE_AUTHORITY, "db", BYTES_LITERAL("another"));
        s.n.log = synth_bytes(&other);
        s.n.command_line = another_line;
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, "");
        CHECK(soft_audit_size(&s.v) == before + 1);
        CHECK_TEXT(soft_last_kind(&s.v), "node-registered");
        CHECK_TEXT(soft_register(&s.v, &s.n, s.v.secret).reason, ""); /* and this one again */
        CHECK(soft_audit_size(&s.v) == before + 1);

        CHECK_TEXT(soft_commit(&s.v, &s.n).reason, "");
        CHECK_OK(soft_operator(&s.v, s.n.id, node_mark_reinstall));
        before = soft_audit_size(&s.v);
        CHECK(soft_register(&s.v, &s.n, s.v.secret).generation == 2);
        CHECK(soft_audit_size(&s.v) == before + 1);
        CHECK_TEXT(soft_last_kind(&s.v), "node-registered");

        before = soft_audit_size(&s.v);
        verdict_audit_counts(&s.v.service, UINT64_MAX);
        CHECK(soft_audit_size(&s.v) == before + 1);
        CHECK(strstr(soft_last_text(&s.v),
                     "2 more within 0 s, not listed one by one; the last: registered again"));
}

static void searches_for_a_cause_are_limited(void)
{
        cleanup_stage Stage s = { 0 };
        Synth logs[PACE_SEARCHES_MAX + 1];
        SoftReply r;

        stage_adopted(&s);
        for (unsigned i = 0; i < ARRAY_SIZE(logs); i++) {
                boot_log(&logs[i], false, good_line);
                for (unsigned j = 0; j <= i; j++) synth_text(&logs[i], 4, EV_EFI_ACTION, "Never happened");
                s.n.sent = synth_bytes(&logs[i]);
                r = soft_unlock(&s.v, &s.n);
                CHECK_TEXT(r.reason, "log-does-not-replay");
                CHECK(names(&r, "never measured") == (i < PACE_SEARCHES_MAX));
        }
        s.n.sent = synth_bytes(&logs[PACE_SEARCHES_MAX - 1]); /* what was found is remembered */
        r = soft_unlock(&s.v, &s.n);
        CHECK(names(&r, "never measured"));
        s.n.sent = (Bytes){ 0 };
        s.n.capped = ATTEST_CAP_ATTESTED; /* what is cheap to find is always found */
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "cap-not-zero");
        s.n.capped = NULL;
        s.n.sent = synth_bytes(&logs[0]);
        soft_now += PACE_WINDOW_S;
        r = soft_unlock(&s.v, &s.n);
        CHECK(names(&r, "never measured"));
        for (unsigned i = 0; i < ARRAY_SIZE(logs); i++) synth_deinit(&logs[i]);
}

static void logs_beyond_the_memory_wait(void)
{
        cleanup_stage Stage s = { 0 };
        unsigned hints = 0;
        SoftReply r;

        stage_adopted(&s);
        s.v.hold_max = 100;
        for (unsigned i = 0; i < 100; i++) {
                r = soft_unlock(&s.v, &s.n);
                CHECK_TEXT(r.reason, "busy");
                CHECK(r.retry_after_s >= 2 && r.retry_after_s < 10);
                hints |= 1U << r.retry_after_s;
        }
        CHECK(__builtin_popcount(hints) > 4); /* they do not all come back at once */
        s.v.hold_max = s.n.log.size;
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
}

static void a_half_in_another_row_does_not_open(void)
{
        cleanup_stage Stage s = { 0 };
        cleanup_soft_node SoftNode b = { 0 };
        NodeRecord thief;

        stage_adopted(&s);
        soft_node_init(&b, s.n.log, good_line);
        soft_enrol(&s.v, &b);
        thief = soft_record(&s.v, b.id);
        thief.halves[0] = soft_record(&s.v, s.n.id).halves[0];
        CHECK_OK(store_commit(s.v.service.store, &(StoreChange){ .node = &thief }));
        CHECK(soft_unlock(&s.v, &b).result < 0);
        CHECK(strstr(error_detail(-1), "does not open"));
        CHECK_TEXT(soft_unlock(&s.v, &s.n).reason, "");
}

int main(void)
{
        RUN(a_node_enrols_and_is_unlocked);
        RUN(the_first_attested_boot_is_adopted);
        RUN(after_the_cap_nothing_is_released);
        RUN(a_cap_must_be_the_stated_one);
        RUN(a_seal_that_still_opens_is_reported);
        RUN(only_this_connection_and_purpose_count);
        RUN(a_node_gets_no_other_nodes_half);
        RUN(quarantine_stops_everything);
        RUN(selections_and_banks_are_exact);
        RUN(counters_do_not_go_back);
        RUN(releases_are_limited);
        RUN(logs_must_parse_and_replay);
        RUN(changed_boots_are_refused_by_the_event);
        RUN(approval_waits_for_the_next_boot);
        RUN(command_lines_are_judged);
        RUN(tokens_must_be_the_enrolled_ones);
        RUN(epochs_begin_low);
        RUN(secrets_are_limited);
        RUN(register_proves_the_tpm);
        RUN(a_node_registers_again_only_by_an_operators_word);
        RUN(a_quote_is_taken_once_on_a_connection);
        RUN(repeated_refusals_are_counted);
        RUN(repeated_registrations_are_counted);
        RUN(each_new_answer_to_register_is_audited);
        RUN(searches_for_a_cause_are_limited);
        RUN(logs_beyond_the_memory_wait);
        RUN(a_half_in_another_row_does_not_open);
        return 0;
}
