/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A node that boots UKIs whose maker signed for PCR 11: systemd-measure's own file opens its seal, until the cap.
 */

#include "attest/cap.h"
#include "check.h"
#include "node/pcrsig.h"
#include "node/stage.h"

#include <errno.h>

#define MEASURE "/lib/systemd/systemd-measure"

static void measure(Synth *log, const char *name, const char *content)
{
        synth_event(log, 11, EV_IPL, BYTES(name, strlen(name) + 1), BYTES(name, strlen(name)));
        synth_event(log, 11, EV_IPL, BYTES(content, strlen(content)), BYTES(name, strlen(name)));
}

/* Firmware and stub with this kernel, from power on. */
static void boot_uki(Stage *s, const char *kernel)
{
        cleanup_synth Synth log = { 0 };
        char path[128];

        synth_init(&log, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot_at_zero(&log, false, "root=UUID=1 ro");
        measure(&log, ".linux", kernel);
        measure(&log, ".cmdline", "quiet");
        rig_write(s->rig, "log", synth_bytes(&log));
        (void)snprintf(path, sizeof(path), "%s/log", rig_dir(s->rig));
        node_boot_free(TAKE_PTR(s->boot));
        CHECK_OK(node_boot_read(path, &s->boot));
        stage_boot(s);
}

static void phase(Stage *s, const char *word)
{
        uint8_t digest[SHA256_SIZE];

        CHECK_OK(hash_sha256(BYTES(word, strlen(word)), digest));
        rig_extend_by(s->rig, 11, digest);
}

/* What the stub would leave in /.extra: the signatures for all phases, by the key of that name. */
static void sign(Stage *s, const char *key, const char *kernel)
{
        Bytes json;

        rig_run(s->rig,
                "printf '%s' >linux && printf quiet >cmdline && { [ -e %s.pem ] || { "
                "openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out %s.pem && "
                "openssl pkey -in %s.pem -pubout -out %s.pub; }; } && " MEASURE
                " sign --linux=linux --cmdline=cmdline --bank=sha256 --private-key=%s.pem --public-key=%s.pub "
                "--tpm2-device=%s >pcrsig",
                kernel, key, key, key, key, key, key, rig_tcti(s->rig));
        json = rig_read(s->rig, "pcrsig");
        free(s->boot->pcrsig);
        s->boot->pcrsig = (uint8_t *)json.data;
        s->boot->pcrsig_size = json.size;
}

static void seal(Stage *s)
{
        const Bytes pem = rig_read(s->rig, "maker.pub");
        cleanup_free uint8_t *spki = NULL;
        size_t size;

        CHECK_OK(pcrsig_key(pem, &spki, &size));
        free((void *)pem.data);
        CHECK_OK(token_blob_set(&s->token->policy_key, BYTES(NULL, 0)));
        CHECK_OK(token_blob_set(&s->token->pcrsig_key, BYTES(spki, size)));
        CHECK_OK(token_blob_set(&s->token->approvals[0].signature, BYTES(NULL, 0)));
        s->token->n_approvals = 0;
        CHECK_OK(seal_make(s->tpm, &s->keys.srk, s->half, s->token));
        CHECK_RESULT(seal_make_literal(s->tpm, &s->keys.srk, s->half, s->boot, s->token), -EINVAL);
}

static void uki_init(Stage *s)
{
        stage_init(s);
        stage_enrol(s);
        boot_uki(s, "a kernel");
        sign(s, "maker", "a kernel");
        phase(s, "enter-initrd");
        seal(s);
}

static void opens(Stage *s)
{
        cleanup_secret Secret *half = NULL;
        cleanup_free char *list = NULL;
        const size_t mark = tpm_commands_count(s->tpm);

        CHECK_OK(seal_open(s->tpm, s->token, s->boot, &half));
        CHECK_BYTES(secret_bytes(half), secret_bytes(s->half));
        CHECK_OK(tpm_commands_list(s->tpm, mark, &list));
        /* with GetRandom, Quote and PCR_Extend 13 */
        CHECK_TEXT(
                list,
                "StartAuthSession PolicyPCR LoadExternal VerifySignature PolicyAuthorize FlushContext PolicyPCR "
                "Load Unseal FlushContext");
        CHECK(rig_loaded(s->rig) == 0 && !rig_saw_piece(s->rig, secret_bytes(s->half)));
}

static void refused(Stage *s, int outcome, const char *words)
{
        Secret *none = NULL;

        CHECK_RESULT(seal_open(s->tpm, s->token, s->boot, &none), outcome);
        if (!strstr(error_detail(outcome), words)) fprintf(stderr, "%s\n", error_detail(outcome));
        CHECK(strstr(error_detail(outcome), words));
        CHECK(!none && rig_loaded(s->rig) == 0);
}

static void what_the_maker_signed_opens_until_the_cap(void)
{
        cleanup_seal_opening SealOpening *o = NULL;
        cleanup_stage Stage s;

        uki_init(&s);
        opens(&s);
        CHECK_OK(seal_prepare(s.tpm, s.token, s.boot, &o));
        CHECK(seal_ticket(o).size == 0); /* the next UKI has another signature */
        seal_opening_free(TAKE_PTR(o));
        /* another kernel of the same maker, without anybody's approval */
        boot_uki(&s, "the next kernel");
        sign(&s, "maker", "the next kernel");
        phase(&s, "enter-initrd");
        opens(&s);
        stage_cap(&s, ATTEST_CAP_FALLBACK);
        refused(&s, TPM_E_CAPPED, "capped already");
}

/* The maker signs for the phases of the booted host too. What keeps the seal closed there is the cap alone. */
static void the_host_opens_nothing(void)
{
        cleanup_stage Stage s;

        uki_init(&s);
        stage_cap(&s, ATTEST_CAP_FALLBACK);
        phase(&s, "leave-initrd");
        phase(&s, "sysinit");
        phase(&s, "ready");
        refused(&s, TPM_E_CAPPED, "capped already");
}

static void another_kernel_is_not_tried(void)
{
        cleanup_stage Stage s;
        size_t mark;

        uki_init(&s);
        boot_uki(&s, "an evil kernel");
        sign(&s, "maker", "a kernel");
        phase(&s, "enter-initrd");
        mark = tpm_commands_count(s.tpm);
        refused(&s, TPM_E_POLICY, "signed for nothing that this boot is");
        sign(&s, "stranger", "an evil kernel");
        refused(&s, TPM_E_POLICY, "signed for nothing that this boot is");
        CHECK(tpm_commands_count(s.tpm) == mark);
        free(TAKE_PTR(s.boot->pcrsig));
        refused(&s, TPM_E_POLICY, "brought no signatures");
}

/* Somebody who signs for his kernel with a key of his own, and says that it was ours. */
static void a_false_fingerprint(void)
{
        cleanup_stage Stage s;
        Bytes json;

        uki_init(&s);
        boot_uki(&s, "an evil kernel");
        sign(&s, "stranger", "an evil kernel");
        phase(&s, "enter-initrd");
        rig_run(s.rig, "theirs=$(openssl rsa -pubin -in stranger.pub -RSAPublicKey_out -outform der 2>/dev/null | "
                       "sha256sum | cut -d' ' -f1) && "
                       "ours=$(openssl rsa -pubin -in maker.pub -RSAPublicKey_out -outform der 2>/dev/null | "
                       "sha256sum | cut -d' ' -f1) && "
                       "sed \"s/$theirs/$ours/g\" pcrsig >forged && ! cmp -s pcrsig forged");
        json = rig_read(s.rig, "forged");
        free(s.boot->pcrsig);
        s.boot->pcrsig = (uint8_t *)json.data;
        s.boot->pcrsig_size = json.size;
        refused(&s, TPM_E_SIGNATURE, "");
}

/* A log that says what was signed, and a TPM that measured something else. */
static void a_log_that_lies(void)
{
        cleanup_stage Stage s;

        uki_init(&s);
        rig_extend(s.rig, 11);
        refused(&s, TPM_E_POLICY, "PCR 11 is not what the UKI's maker signed for");
}

/* ---- the text ---- */

static void the_token_pins_the_key(void)
{
        cleanup_token Token *again = NULL;
        cleanup_free char *json = NULL;
        uint8_t before[SHA256_SIZE], after[SHA256_SIZE];
        cleanup_stage Stage s;

        uki_init(&s);
        CHECK_OK(token_hash(s.token, before));
        CHECK_OK(token_print(s.token, &json));
        CHECK_OK(token_parse(BYTES(json, strlen(json)), &again));
        CHECK_BYTES(token_blob_bytes(&again->pcrsig_key), token_blob_bytes(&s.token->pcrsig_key));
        CHECK_OK(token_hash(again, after));
        CHECK_BYTES(BYTES_ARRAY(before), BYTES_ARRAY(after));
        again->pcrsig_key.data[40] ^= 1;
        CHECK_OK(token_hash(again, after));
        CHECK(!bytes_equal(BYTES_ARRAY(before), BYTES_ARRAY(after)));
        CHECK_OK(token_blob_set(&again->policy_key, BYTES_LITERAL("both")));
        CHECK_RESULT(token_validate(again), -EINVAL);
}

/* The key of the texts below is "key". */
static const uint8_t spki_of_key[] = { 0x30, 8, 0x30, 0, 0x03, 4, 0, 'k', 'e', 'y' };

static void what_cannot_be_read_is_named(void)
{
        static const uint8_t policy[SHA256_SIZE];
#define FP "\"pkfp\": \"2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683\""
#define POL "\"pol\": \"0000000000000000000000000000000000000000000000000000000000000000\""
        static const struct {
                const char *json;
                int result;
                const char *words;
        } cases[] = {
                { "{\"sha256\": [{\"pcrs\": [11], " FP ", " POL ", \"sig\": \"AAEC\", \"new\": 1}]}", 0, "" },
                { "{\"sha384\": [{\"pcrs\": [11], " FP ", " POL ", \"sig\": \"AAEC\"}]}", PCRSIG_E_ABSENT, "" },
                { "{\"sha256\": [{\"pcrs\": [11, 12], " FP ", " POL ", \"sig\": \"AAEC\"}]}", PCRSIG_E_ABSENT,
                  "" },
                { "{\"sha256\": [{\"pcrs\": [12], " FP ", " POL ", \"sig\": \"AAEC\"}]}", PCRSIG_E_ABSENT, "" },
                { "{\"sha256\": [{\"pcrs\": [11], " FP ", " POL "}]}", -EBADMSG, "\"sig\" is missing" },
                { "{\"sha256\": [{\"pcrs\": [11], " FP ", " POL ", \"sig\": \"A\"}]}", -EBADMSG, "\"sig\"" },
                { "{\"sha256\": [{\"pcrs\": [11], " FP ", " POL ", \"sig\": \"\"}]}", -EBADMSG, "\"sig\"" },
                { "{\"sha256\": [{\"pcrs\": [99], " FP ", " POL ", \"sig\": \"AAEC\"}]}", -EBADMSG, "sha256[0]" },
                { "{\"sha256\": [{\"pcrs\": 11, " FP ", " POL ", \"sig\": \"AAEC\"}]}", -EBADMSG, "no list" },
                { "{\"sha256\": [{\"pcrs\": [11], \"pkfp\": \"00\", " POL ", \"sig\": \"AAEC\"}]}", -EBADMSG,
                  "\"pkfp\"" },
                { "{\"sha256\": [1]}", -EBADMSG, "sha256[0]" },
                { "{\"sha256\": {}}", -EBADMSG, "not a list" },
                { "[]", -EBADMSG, "" },
                { "{\"sha256\": []} x", -EBADMSG, "" },
        };
        PcrsigSignature s = { 0 };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CHECK_RESULT(pcrsig_find(BYTES(cases[i].json, strlen(cases[i].json)), HASH_SHA256,
                                         BYTES_ARRAY(spki_of_key), policy, &s),
                             cases[i].result);
                if (cases[i].result < 0) CHECK(strstr(error_detail(-EBADMSG), cases[i].words));
                CHECK(s.size == 3); /* of the first, and untouched */
        }
        CHECK_BYTES(BYTES(s.bytes, s.size), BYTES("\0\1\2", 3));
}

static void too_much_of_it_is_refused(void)
{
        static const uint8_t policy[SHA256_SIZE];
        cleanup_writer Writer w = WRITER_INIT(1 << 20);
        PcrsigSignature s = { 0 };
        Bytes b;

        writer_text(&w, "{\"sha256\": [");
        for (int i = 0; i <= PCRSIG_ENTRIES_MAX; i++) writer_text(&w, i > 0 ? ", 1" : "1");
        writer_text(&w, "]}");
        CHECK_OK(writer_finish(&w, &b));
        CHECK_RESULT(pcrsig_find(b, HASH_SHA256, BYTES_ARRAY(spki_of_key), policy, &s), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "at most 64"));
        for (int i = 0; i <= PCRSIG_MAX; i++) writer_u8(&w, ' ');
        CHECK_OK(writer_finish(&w, &b));
        CHECK(pcrsig_find(b, HASH_SHA256, BYTES_ARRAY(spki_of_key), policy, &s) < 0);
}

int main(void)
{
        RUN(what_the_maker_signed_opens_until_the_cap);
        RUN(the_host_opens_nothing);
        RUN(another_kernel_is_not_tried);
        RUN(a_false_fingerprint);
        RUN(a_log_that_lies);
        RUN(the_token_pins_the_key);
        RUN(what_cannot_be_read_is_named);
        RUN(too_much_of_it_is_refused);
        return 0;
}
