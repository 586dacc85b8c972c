/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lib/attest against a TPM that knows nothing of halfkey, spoken to by tpm2-tools: what they make is read here,
 * what is computed here is what the TPM computes. */

#include "attest/cap.h"
#include "attest/credential.h"
#include "attest/quote.h"
#include "attest/seal.h"
#include "base/writer.h"
#include "tpm/swtpm.h"
#include "vector.h"

#define PCR_LIST "0,1,2,3,4,5,6,7,8,9,11,12,13,14,15"
#define AK_FLAGS "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'"
#define SRK_FLAGS "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'"

/* A file that holds a TPM2B_PUBLIC */
static AttestPublic public_in(Rig *rig, const char *name)
{
        const Bytes b = rig_read(rig, name);
        AttestPublic p;

        CHECK(b.size > 2 && ((size_t)b.data[0] << 8 | b.data[1]) == b.size - 2);
        CHECK_OK(attest_public_parse(BYTES(b.data + 2, b.size - 2), &p));
        free((void *)b.data);
        return p;
}

static void check_file(Rig *rig, const char *name, Bytes expected)
{
        const Bytes b = rig_read(rig, name);

        CHECK_BYTES(b, expected);
        free((void *)b.data);
}

static AttestPcrs read_pcrs(Rig *rig, HashAlg bank, uint32_t mask, const char *list)
{
        AttestPcrs p = { .bank = bank };
        Bytes b;
        size_t at = 0;

        rig_run(rig, "tpm2_pcrread -o pcrs %s:%s", hash_name(bank), list);
        b = rig_read(rig, "pcrs");
        for (unsigned i = 0; i < ATTEST_PCR_COUNT; i++) {
                if (!(mask >> i & 1)) continue;
                CHECK_OK(attest_pcrs_set(&p, i, BYTES(b.data + at, hash_size(bank))));
                at += hash_size(bank);
        }
        CHECK(at == b.size);
        free((void *)b.data);
        return p;
}

static int authenticate(Rig *rig, const AttestPublic *ak, const AttestExtra *extra, AttestQuote *ret)
{
        const Bytes quote = rig_read(rig, "quote"), signature = rig_read(rig, "signature");
        const int r = attest_quote_authenticate(quote, signature, ak, extra, ret);

        free((void *)quote.data);
        free((void *)signature.data);
        return r;
}

static void quotes_of_every_kind_of_ak_are_read(void)
{
        static const struct {
                const char *key, *scheme;
                HashAlg hash, bank;
        } kinds[] = {
                { "ecc256:ecdsa-sha256:null", "ecdsa", HASH_SHA256, HASH_SHA256 },
                { "ecc384:ecdsa-sha384:null", "ecdsa", HASH_SHA384, HASH_SHA256 },
                { "rsa2048:rsassa-sha256:null", "rsassa", HASH_SHA256, HASH_SHA384 },
                { "rsa2048:rsapss-sha256:null", "rsapss", HASH_SHA256, HASH_SHA256 },
        };
        cleanup_rig Rig *rig = rig_new();
        const AttestExtra extra = { .bytes = { 0xaa } }, other = { .bytes = { 0xab } };

        rig_extend(rig, 4);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                AttestPublic ak;
                AttestName name;
                AttestPcrs pcrs;
                AttestQuote q;

                rig_run(rig, "tpm2_createprimary -Q -C e -G %s -a " AK_FLAGS " -c ak.ctx", kinds[i].key);
                rig_run(rig, "tpm2_readpublic -Q -c ak.ctx -o ak.pub -n ak.name");
                rig_run(rig,
                        "tpm2_quote -Q -c ak.ctx -l %s:" PCR_LIST " -m quote -s signature -g %s --scheme %s "
                        "-q aa%062d",
                        hash_name(kinds[i].bank), hash_name(kinds[i].hash), kinds[i].scheme, 0);
                rig_run(rig, "tpm2_flushcontext -t");
                ak = public_in(rig, "ak.pub");
                CHECK_OK(attest_public_check_ak(&ak));
                CHECK_OK(attest_public_name(&ak, &name));
                check_file(rig, "ak.name", attest_name_bytes(&name));
                CHECK_RESULT(authenticate(rig, &ak, &other, &q), ATTEST_E_EXTRA_DATA);
                CHECK_OK(authenticate(rig, &ak, &extra, &q));
                CHECK_OK(attest_clock_check_hierarchy(&q.at, &ak));
                CHECK_OK(attest_quote_check_selection(&q, kinds[i].bank, ATTEST_PCRS));
                pcrs = read_pcrs(rig, kinds[i].bank, ATTEST_PCRS, PCR_LIST);
                CHECK_OK(attest_quote_check_pcrs(&q, &pcrs));
                rig_extend(rig, 15);
                pcrs = read_pcrs(rig, HASH_SHA256, ATTEST_PCRS, PCR_LIST);
                CHECK(attest_quote_check_pcrs(&q, &pcrs) > 0);
        }
}

/* Keys that must not pass: an AK under another hierarchy or parent, one that signs anything, one without scheme.
 */
static void keys_that_are_no_ak_are_told(void)
{
        static const struct {
                const char *command;
                int outcome;
        } keys[] = {
                { "tpm2_createprimary -Q -C e -G ecc256:ecdsa-sha256:null -c k "
                  "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'",
                  ATTEST_E_AK_NOT_RESTRICTED },
                { "tpm2_createprimary -Q -C e -G ecc256:ecdsa-sha1:null -a " AK_FLAGS " -c k", ATTEST_E_AK_HASH },
                { "tpm2_createprimary -Q -C e -G ecc -a " SRK_FLAGS " -c k", ATTEST_E_AK_DECRYPTS },
                { "tpm2_createprimary -Q -C e -G ecc256:ecschnorr-sha256:null -a " AK_FLAGS " -c k",
                  ATTEST_E_AK_SCHEME },
                { "tpm2_createprimary -Q -C e -g sha1 -G ecc256:ecdsa-sha256:null -a " AK_FLAGS " -c k",
                  ATTEST_E_AK_NAME_ALG },
        };
        cleanup_rig Rig *rig = rig_new();
        AttestPublic p;
        AttestQuote q;
        const AttestExtra extra = { .bytes = { 0xaa } };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                rig_run(rig, "%s && tpm2_readpublic -Q -c k -o k.pub && tpm2_flushcontext -t", keys[i].command);
                p = public_in(rig, "k.pub");
                CHECK_RESULT(attest_public_check_ak(&p), keys[i].outcome);
        }
        rig_run(rig, "tpm2_createprimary -Q -C o -G ecc256:ecdsa-sha256:null -a " AK_FLAGS " -c k");
        rig_run(rig, "tpm2_readpublic -Q -c k -o k.pub");
        rig_run(rig, "tpm2_quote -Q -c k -l sha256:7 -m quote -s signature -g sha256 -q aa%062d", 0);
        p = public_in(rig, "k.pub");
        CHECK_OK(authenticate(rig, &p, &extra, &q));
        CHECK_RESULT(attest_clock_check_hierarchy(&q.at, &p), ATTEST_E_HIERARCHY);
}

/* tpm2_certify chooses its own qualifyingData: refused for exactly that, after signature, magic and type held. */
static void a_certify_with_foreign_data_is_refused(void)
{
        cleanup_rig Rig *rig = rig_new();
        const AttestExtra extra = { .bytes = { 0xaa } };
        AttestPublic ak, srk;
        Bytes attest, signature;

        rig_run(rig, "tpm2_createprimary -Q -C e -G ecc256:ecdsa-sha256:null -a " AK_FLAGS " -c ak.ctx");
        rig_run(rig, "tpm2_createprimary -Q -C o -G ecc -a " SRK_FLAGS " -c srk.ctx");
        rig_run(rig, "tpm2_flushcontext -t && tpm2_readpublic -Q -c ak.ctx -o ak.pub && "
                     "tpm2_readpublic -Q -c srk.ctx -o srk.pub && tpm2_flushcontext -t");
        rig_run(rig,
                "tpm2_certify -Q -c srk.ctx -C ak.ctx -g sha256 -o attest -s signature && tpm2_flushcontext -t");
        ak = public_in(rig, "ak.pub");
        srk = public_in(rig, "srk.pub");
        CHECK_OK(attest_public_check_srk(&srk));
        CHECK_RESULT(attest_public_check_srk(&ak), ATTEST_E_SRK_ATTRIBUTES);
        attest = rig_read(rig, "attest");
        signature = rig_read(rig, "signature");
        CHECK_RESULT(attest_certify_verify(attest, signature, &ak, &extra, &srk, NULL), ATTEST_E_EXTRA_DATA);
        CHECK_RESULT(attest_certify_verify(attest, signature, &srk, &extra, &srk, NULL), ATTEST_E_AK_DECRYPTS);
        free((void *)attest.data);
        free((void *)signature.data);
}

/* The file tpm2_activatecredential reads: magic, version, then both parts with their sizes. */
static void write_credential(Rig *rig, const AttestCredential *c)
{
        cleanup_writer Writer w = WRITER_INIT(2048);
        Bytes b;

        writer_be32(&w, 0xbadcc0de);
        writer_be32(&w, 1);
        writer_tpm2b(&w, BYTES(c->blob, c->blob_size));
        writer_tpm2b(&w, BYTES(c->secret, c->secret_size));
        CHECK_OK(writer_finish(&w, &b));
        rig_write(rig, "credential", b);
}

#define ACTIVATE                                                                                \
        "tpm2_startauthsession --policy-session %s -S s && tpm2_policysecret -Q -S s -c e && "  \
        "tpm2_activatecredential -Q -c ak.ctx -C ek.ctx -i credential -o solved -P session:s; " \
        "r=$?; tpm2_flushcontext s; tpm2_flushcontext -t; exit $r"

static void challenges_are_solved_by_the_tpm(void)
{
        /* The high range has user authorisation too, and a policy that is not PolicySecret alone. */
        static const struct {
                const char *make, *activate;
        } eks[] = {
                { "tpm2_createek -Q -G ecc -c ek.ctx -u ek.pub", "-g sha256" },
                { "tpm2_createek -Q -G rsa -c ek.ctx -u ek.pub", "-g sha256" },
                { "printf "
                  "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e1"
                  "2"
                  " | xxd -r -p > policy && tpm2_createprimary -Q -C e -g sha384 -G ecc384:null:aes256cfb -L "
                  "policy "
                  "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|restricted|decrypt' "
                  "-c ek.ctx && tpm2_flushcontext -t && tpm2_readpublic -Q -c ek.ctx -o ek.pub && "
                  "tpm2_flushcontext -t",
                  NULL },
        };
        cleanup_rig Rig *rig = rig_new();
        uint8_t secret[ATTEST_SECRET_SIZE];

        memset(secret, 0x5e, sizeof(secret));
        rig_run(rig, "tpm2_createprimary -Q -C e -G ecc256:ecdsa-sha256:null -a " AK_FLAGS " -c ak.ctx");
        rig_run(rig, "tpm2_readpublic -Q -c ak.ctx -o ak.pub && tpm2_flushcontext -t");
        for (size_t i = 0; i < ARRAY_SIZE(eks); i++) {
                const AttestPublic ak = public_in(rig, "ak.pub");
                AttestPublic ek;
                AttestCredential c;
                AttestName name;

                rig_run(rig, "%s", eks[i].make);
                ek = public_in(rig, "ek.pub");
                CHECK_OK(attest_public_check_ek(&ek));
                CHECK_OK(attest_public_name(&ak, &name));
                CHECK_OK(attest_credential_make(&ek, &name, secret, &c));
                write_credential(rig, &c);
                if (eks[i].activate) rig_run(rig, ACTIVATE, eks[i].activate);
                else
                        rig_run(rig,
                                "tpm2_activatecredential -Q -c ak.ctx -C ek.ctx -i credential -o solved; r=$?; "
                                "tpm2_flushcontext -t; exit $r");
                check_file(rig, "solved", BYTES_ARRAY(secret));
                /* a key that is not in this TPM, or another one: the TPM refuses the credential */
                name.bytes[10] ^= 1;
                CHECK_OK(attest_credential_make(&ek, &name, secret, &c));
                write_credential(rig, &c);
                if (eks[i].activate) CHECK(rig_try(rig, ACTIVATE, eks[i].activate) != 0);
        }
}

static void policies_are_what_the_tpm_computes(void)
{
        cleanup_rig Rig *rig = rig_new();
        static const HashAlg banks[] = { HASH_SHA256, HASH_SHA384 };

        rig_extend(rig, 7);
        for (size_t i = 0; i < ARRAY_SIZE(banks); i++) {
                AttestPcrs pcrs = read_pcrs(rig, banks[i], 1 << 7 | 1 << 15, "7,15"), approved;
                uint8_t policy[SHA256_SIZE], id[SHA256_SIZE] = { 1 };
                AttestApproval a;

                rig_run(rig,
                        "tpm2_startauthsession -S s && tpm2_policypcr -Q -S s -l %s:7,15 -L policy; "
                        "tpm2_flushcontext s",
                        hash_name(banks[i]));
                CHECK_OK(attest_policy_pcr(NULL, &pcrs, policy));
                check_file(rig, "policy", BYTES_ARRAY(policy));
                CHECK_OK(attest_approval_pcrs(banks[i], attest_pcrs_get(&pcrs, 7), &approved));
                CHECK_OK(attest_approval_make(&approved, id, 1, &a));
                CHECK_BYTES(BYTES_ARRAY(a.policy), BYTES_ARRAY(policy));
        }
}

/* Writes what tpm2-tools need to use the approval: "approved", "ref", "digest", "approval". */
static void write_approval(Rig *rig, const AttestApproval *a, const PrivateKey *key)
{
        uint8_t signature[KEY_RSA_SIZE_MAX];
        size_t n;

        CHECK_OK(attest_approval_sign(a, key, signature, &n));
        rig_write(rig, "approved", BYTES_ARRAY(a->policy));
        rig_write(rig, "ref", BYTES_ARRAY(a->policy_ref));
        rig_write(rig, "digest", BYTES_ARRAY(a->digest));
        rig_write(rig, "approval", BYTES(signature, n));
}

#define UNSEAL                                                                                                \
        "tpm2_verifysignature -Q -c key.ctx -d digest -f rsassa -s approval -t ticket && "                    \
        "tpm2_flushcontext -t && "                                                                            \
        "tpm2_startauthsession --policy-session -S s && { tpm2_policypcr -Q -S s -l sha256:7,15 && "          \
        "tpm2_policyauthorize -Q -S s -i approved -q ref -n key.name -t ticket && "                           \
        "tpm2_unseal -c sealed.ctx -p session:s -o opened; r=$?; tpm2_flushcontext s; tpm2_flushcontext -t; " \
        "exit $r; }"

/* Loads the policy key from its one public area and seals "half" under the policy that is computed here. */
static void seal_half(Rig *rig, const PrivateKey *key, const uint8_t *node_id, uint64_t generation)
{
        cleanup_public_key PublicKey *public = NULL;
        cleanup_free uint8_t *spki = NULL;
        cleanup_writer Writer w = WRITER_INIT(1024);
        uint8_t ref[SHA256_SIZE], policy[SHA256_SIZE];
        AttestPublic p;
        AttestName name;
        size_t n;
        Bytes b;

        CHECK_OK(private_key_public(key, &public));
        CHECK_OK(public_key_spki(public, &spki, &n));
        CHECK_OK(attest_public_policy_key(BYTES(spki, n), &p));
        writer_tpm2b(&w, BYTES(p.encoded, p.encoded_size));
        CHECK_OK(writer_finish(&w, &b));
        rig_write(rig, "key.pub", b);
        rig_run(rig, "tpm2_loadexternal -Q -C o -u key.pub -c key.ctx -n key.name && tpm2_flushcontext -t");
        CHECK_OK(attest_public_name(&p, &name));
        check_file(rig, "key.name", attest_name_bytes(&name));
        CHECK_OK(attest_policy_ref(node_id, generation, ref));
        CHECK_OK(attest_policy_authorize(&name, ref, policy));
        rig_write(rig, "policy", BYTES_ARRAY(policy));
        rig_run(rig, "tpm2_createprimary -Q -C o -G ecc -c srk.ctx && tpm2_flushcontext -t && printf half > half "
                     "&& tpm2_create -Q -C srk.ctx "
                     "-L policy -i half -a 'fixedtpm|fixedparent|noda' -u sealed.pub -r sealed.priv");
        rig_run(rig,
                "tpm2_flushcontext -t && tpm2_load -Q -C srk.ctx -u sealed.pub -r sealed.priv -c sealed.ctx && "
                "tpm2_flushcontext -t");
}

static void only_this_nodes_approval_opens_before_the_cap(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_private_key PrivateKey *key = NULL, *stranger = NULL;
        const uint8_t node_a[SHA256_SIZE] = { 0xa }, node_b[SHA256_SIZE] = { 0xb };
        AttestPcrs pcrs;
        AttestApproval good, elsewhere, older, event_in_7;
        Bytes opened;

        CHECK_OK(private_key_generate(2048, &key));
        CHECK_OK(private_key_generate(2048, &stranger));
        rig_extend(rig, 7);
        pcrs = read_pcrs(rig, HASH_SHA256, 1 << 7 | 1 << 15, "7,15");
        CHECK_OK(attest_approval_make(&pcrs, node_b, 2, &good));
        CHECK_OK(attest_approval_make(&pcrs, node_a, 2, &elsewhere));
        CHECK_OK(attest_approval_make(&pcrs, node_b, 1, &older));
        pcrs.values[7][0] ^= 1;
        CHECK_OK(attest_approval_make(&pcrs, node_b, 2, &event_in_7));
        seal_half(rig, key, node_b, 2);

        write_approval(rig, &good, key);
        rig_run(rig, UNSEAL);
        opened = rig_read(rig, "opened");
        CHECK_BYTES(opened, BYTES_LITERAL("half"));
        free((void *)opened.data);

        write_approval(rig, &good, stranger);
        CHECK(rig_try(rig, UNSEAL) != 0);
        write_approval(rig, &elsewhere, key);
        CHECK(rig_try(rig, UNSEAL) != 0);
        write_approval(rig, &older, key);
        CHECK(rig_try(rig, UNSEAL) != 0);
        write_approval(rig, &event_in_7, key);
        CHECK(rig_try(rig, UNSEAL) != 0);

        write_approval(rig, &good, key);
        rig_run(rig, UNSEAL);
        rig_extend(rig, 15);
        CHECK(rig_try(rig, UNSEAL) != 0);
}

static void the_cap_is_what_the_pcr_holds(void)
{
        cleanup_rig Rig *rig = rig_new();
        static const HashAlg banks[] = { HASH_SHA256, HASH_SHA384 };
        AttestVolume root = { .id = { 7 }, .role = "root" };

        CHECK_OK(attest_volume_tag(repeated(1, 64), root.id, root.role, root.tag));
        for (size_t i = 0; i < ARRAY_SIZE(banks); i++) {
                Digest event, pcr;
                AttestPcrs after;
                char hex[2 * HASH_SIZE_MAX + 1];

                CHECK_OK(attest_cap_event(banks[i], ATTEST_CAP_ATTESTED, &root, 1, &event));
                CHECK_OK(attest_cap_pcr(&event, &pcr));
                hex_encode(digest_bytes(&event), hex);
                rig_run(rig, "tpm2_pcrextend 15:%s=%s", hash_name(banks[i]), hex);
                after = read_pcrs(rig, banks[i], 1 << 15, "15");
                CHECK_BYTES(attest_pcrs_get(&after, 15), digest_bytes(&pcr));
        }
}

int main(void)
{
        RUN(quotes_of_every_kind_of_ak_are_read);
        RUN(keys_that_are_no_ak_are_told);
        RUN(a_certify_with_foreign_data_is_refused);
        RUN(challenges_are_solved_by_the_tpm);
        RUN(policies_are_what_the_tpm_computes);
        RUN(only_this_nodes_approval_opens_before_the_cap);
        RUN(the_cap_is_what_the_pcr_holds);
        return 0;
}
