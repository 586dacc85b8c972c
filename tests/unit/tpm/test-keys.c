/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* EK, AK, SRK; what the AK signs; credential activation; random bytes. */

#include "tpm/keys.h"
#include "base/reader.h"
#include "base/writer.h"
#include "check.h"
#include "tpm/internal.h"
#include "tpm/pcr.h"
#include "tpm/quote.h"
#include "tpm/swtpm.h"

#include <errno.h>

static TpmExtra extra(uint8_t fill)
{
        TpmExtra e;

        memset(e.bytes, fill, sizeof(e.bytes));
        return e;
}

static void write_2b(Rig *rig, const char *name, Bytes content)
{
        cleanup_writer Writer w = WRITER_INIT(8192);
        Bytes b;

        writer_tpm2b(&w, content);
        CHECK_OK(writer_finish(&w, &b));
        rig_write(rig, name, b);
}

/* ---- AK ---- */

static void test_ak_is_the_same_each_time(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmObject first, again, there;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_ak_ensure(tpm, &first));
        CHECK(first.handle == TPM_HANDLE_AK);
        CHECK_OK(tpm_ak_ensure(tpm, &again));
        CHECK_BYTES(tpm_name_bytes(&first.name), tpm_name_bytes(&again.name));
        CHECK_OK(tpm_object_read(tpm, TPM_HANDLE_AK, &there));
        CHECK_BYTES(tpm_public_bytes(&there.public_area), tpm_public_bytes(&first.public_area));
        CHECK(rig_loaded(rig) == 0);
        rig_run(rig, "tpm2_evictcontrol -C o -c 0x8101484b");
        CHECK_RESULT(tpm_object_read(tpm, TPM_HANDLE_AK, &there), TPM_E_ABSENT);
        rig_run(rig, "tpm2_clear");
        CHECK_OK(tpm_ak_ensure(tpm, &again));
        CHECK_BYTES(tpm_name_bytes(&first.name), tpm_name_bytes(&again.name));
        CHECK(rig_loaded(rig) == 0);
}

static void test_ak_handle_taken(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmObject ak = { .handle = 0x5a5a };

        rig_run(rig, "tpm2_createprimary -Q -C e -c other && tpm2_evictcontrol -Q -C o -c other 0x8101484b && "
                     "tpm2_flushcontext -t");
        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_RESULT(tpm_ak_ensure(tpm, &ak), TPM_E_OCCUPIED);
        CHECK(strstr(error_detail(TPM_E_OCCUPIED), "`tpm2_evictcontrol -C o -c 0x8101484b`"));
        CHECK(ak.handle == 0x5a5a);
        CHECK(rig_loaded(rig) == 0);
}

static void test_hierarchy_with_a_password(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        cleanup_ek TpmEk ek = { 0 };
        TpmObject o;

        rig_run(rig, "tpm2_changeauth -c o secret && tpm2_changeauth -c e secret");
        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_RESULT(tpm_srk_ensure(tpm, &o), TPM_E_AUTH);
        CHECK_RESULT(tpm_ak_ensure(tpm, &o), TPM_E_AUTH);
        CHECK_RESULT(tpm_ek_read(tpm, &ek), TPM_E_AUTH);
        CHECK(strstr(error_detail(TPM_E_AUTH), "endorsement key: TPM CreatePrimary: a password"));
        CHECK(rig_loaded(rig) == 0);
}

/* ---- SRK ---- */

static void test_srk_made_and_used(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmObject first, again;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_srk_ensure(tpm, &first));
        const size_t mark = tpm_commands_count(tpm);
        CHECK_OK(tpm_srk_ensure(tpm, &again));
        CHECK(tpm_commands_count(tpm) == mark + 1);
        CHECK_BYTES(tpm_name_bytes(&first.name), tpm_name_bytes(&again.name));
        CHECK_OK(tpm_object_verify(tpm, &first));
        CHECK(rig_loaded(rig) == 0);
        /* the very key that others make from the standard template */
        rig_run(rig, "tpm2_evictcontrol -Q -C o -c 0x81000001 && "

                     "tpm2_createprimary -Q -C o -g sha256 -G ecc256:aes128cfb -c srk "
                     "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt' && "
                     "tpm2_evictcontrol -Q -C o -c srk 0x81000001 && tpm2_flushcontext -t");
        CHECK_OK(tpm_srk_ensure(tpm, &again));
}

static void test_srk_that_does_not_fit(void)
{
        static const char *const kinds[] = {
                "-G rsa2048:aes128cfb -a "
                "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'",
                "-G ecc256:aes128cfb -a "
                "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt'",
                "-G ecc384:aes128cfb -a "
                "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'",
        };
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmObject o;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                rig_run(rig,
                        "tpm2_createprimary -Q -C o %s -c other && "
                        "tpm2_evictcontrol -Q -C o -c other 0x81000001 && tpm2_flushcontext -t",
                        kinds[i]);
                CHECK_RESULT(tpm_srk_ensure(tpm, &o), TPM_E_OCCUPIED);
                CHECK(strstr(error_detail(TPM_E_OCCUPIED), "`tpm2_evictcontrol -C o -c 0x81000001`"));
                rig_run(rig, "tpm2_evictcontrol -Q -C o -c 0x81000001");
        }
}

/* ---- what the AK signs ---- */

/* The fields before the part that depends on the type: TPM 2.0 Part 2, 10.12.12. */
static Reader attest_reader(const TpmSigned *s, uint16_t type, const TpmExtra *e)
{
        Reader r = READER_INIT(tpm_signed_attest(s));
        uint32_t magic;
        uint16_t tag;
        Bytes signer, data;

        CHECK_OK(reader_be32(&r, &magic));
        CHECK_OK(reader_be16(&r, &tag));
        CHECK_OK(reader_tpm2b(&r, &signer));
        CHECK_OK(reader_tpm2b(&r, &data));
        CHECK(magic == 0xff544347 && tag == type);
        CHECK_BYTES(data, BYTES_ARRAY(e->bytes));
        CHECK_OK(reader_skip(&r, 17 + 8));
        return r;
}

static void test_quote_verifies(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmSigned quote;
        TpmObject ak;
        const TpmExtra e = extra(0xab);

        rig_extend(rig, 7);
        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_ak_ensure(tpm, &ak));
        const size_t mark = tpm_commands_count(tpm);
        CHECK_OK(tpm_quote(tpm, &ak, &e, HASH_SHA256, 0x00fbff, &quote));
        CHECK(tpm_commands_count(tpm) == mark + 1);
        attest_reader(&quote, 0x8018, &e);
        rig_write(rig, "quote", tpm_signed_attest(&quote));
        rig_write(rig, "signature", tpm_signed_signature(&quote));
        rig_run(rig, "tpm2_readpublic -Q -c 0x8101484b -f pem -o ak.pem && "
                     "tpm2_pcrread -Q -F serialized -o pcrs sha256:0,1,2,3,4,5,6,7,8,9,11,12,13,14,15 && "
                     "tpm2_checkquote -u ak.pem -m quote -s signature -f pcrs -g sha256 "
                     "-q abababababababababababababababababababababababababababababababab");
        CHECK(rig_try(rig, "tpm2_checkquote -u ak.pem -m quote -s signature -g sha256 -q abab") != 0);
        CHECK(rig_loaded(rig) == 0);
}

static void test_quote_without_ak(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmSigned quote;
        TpmObject ak;
        const TpmExtra e = extra(1);

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_ak_ensure(tpm, &ak));
        CHECK_RESULT(tpm_quote(tpm, &ak, &e, HASH_SHA256, 0, &quote), -EINVAL);
        rig_run(rig, "tpm2_evictcontrol -Q -C o -c 0x8101484b");
        CHECK_RESULT(tpm_quote(tpm, &ak, &e, HASH_SHA256, 1, &quote), TPM_E_ABSENT);
        CHECK_OK(tpm_ak_ensure(tpm, &ak));
        CHECK_OK(tpm_quote(tpm, &ak, &e, HASH_SHA256, 1, &quote));
}

static void test_certify_names_the_srk(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmSigned certified;
        TpmObject ak, srk;
        const TpmExtra e = extra(7);
        Bytes name;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_ak_ensure(tpm, &ak));
        CHECK_OK(tpm_srk_ensure(tpm, &srk));
        CHECK_OK(tpm_certify(tpm, &ak, &srk, &e, &certified));
        Reader r = attest_reader(&certified, 0x8017, &e);
        CHECK_OK(reader_tpm2b(&r, &name));
        CHECK_BYTES(name, tpm_name_bytes(&srk.name));
        rig_write(rig, "attest", tpm_signed_attest(&certified));
        rig_write(rig, "signature", tpm_signed_signature(&certified));
        rig_run(rig, "tpm2_verifysignature -c 0x8101484b -g sha256 -m attest -s signature");
        CHECK(rig_loaded(rig) == 0);
}

/* ---- EK ---- */

/* What a manufacturer would have put there. */
static void certificate_define(Rig *rig, const char *index, Bytes content)
{
        rig_write(rig, "nv", content);
        rig_run(rig,
                "tpm2_nvdefine -Q -C p -s %zu -a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' %s && "
                "tpm2_nvwrite -Q -C p -i nv %s",
                content.size, index, index);
}

static void test_ek_follows_the_certificate(void)
{
        uint8_t der[1300] = { 0x30, 0x82, 0x05, 0x10 }, odd[1305] = { 0x10, 0x01, 0x00, 0x05, 0x14 };
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;

        for (size_t i = 4; i < sizeof(der); i++) der[i] = (uint8_t)i;
        memcpy(odd + 5, der, sizeof(der));
        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        for (int step = 0; step < 3; step++) {
                cleanup_ek TpmEk ek = { 0 };

                if (step == 1) certificate_define(rig, "0x1c00002", BYTES_ARRAY(odd));
                if (step == 2) certificate_define(rig, "0x1c0000a", BYTES_ARRAY(der));
                CHECK_OK(tpm_ek_read(tpm, &ek));
                CHECK(ek.kind == (step == 1 ? TPM_EK_RSA_2048 : TPM_EK_ECC_P256));
                CHECK(ek.certificate_size == (step == 0 ? 0 : sizeof(der)));
                CHECK(ek.certificate_odd == (step == 1));
                if (step > 0) CHECK_BYTES(BYTES(ek.certificate, ek.certificate_size), BYTES_ARRAY(der));
                CHECK(rig_loaded(rig) == 0);
        }
}

static void test_ek_is_the_standard_one(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        cleanup_ek TpmEk ek = { 0 };

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_ek_read(tpm, &ek));
        write_2b(rig, "ours", tpm_public_bytes(&ek.object.public_area));
        rig_run(rig, "tpm2_createek -Q -G ecc -c ek -u theirs && cmp ours theirs && tpm2_flushcontext -t");
}

/* ---- credential activation ---- */

static const char challenge_text[] = "a secret of thirty-two bytes....";

/* A challenge by tpm2_makecredential: magic and version (8 bytes), then both blobs with their sizes. */
static Bytes challenge_make(Rig *rig, const TpmEk *ek, const TpmObject *ak, Bytes *ret_credential,
                            Bytes *ret_secret)
{
        char name[2 * TPM_NAME_MAX + 1] = { 0 };

        for (size_t i = 0; i < ak->name.size; i++) snprintf(name + 2 * i, 3, "%02x", ak->name.bytes[i]);
        write_2b(rig, "ek.pub", tpm_public_bytes(&ek->object.public_area));
        rig_write(rig, "text", BYTES_LITERAL(challenge_text));
        rig_run(rig, "tpm2_makecredential -Q -T none -u ek.pub -s text -n %s -o challenge", name);
        const Bytes all = rig_read(rig, "challenge");
        Reader r = READER_INIT(all);
        CHECK_OK(reader_skip(&r, 8));
        CHECK_OK(reader_tpm2b(&r, ret_credential));
        CHECK_OK(reader_tpm2b(&r, ret_secret));
        return all;
}

static void activation(Rig *rig, Tpm *tpm, const TpmObject *ak)
{
        cleanup_ek TpmEk ek = { 0 };
        cleanup_secret Secret *s = NULL, *none = NULL;
        uint8_t bent[512];
        Bytes credential, secret;
        TpmObject other = *ak;

        CHECK_OK(tpm_ek_read(tpm, &ek));
        const Bytes all = challenge_make(rig, &ek, ak, &credential, &secret);
        rig_forget(rig);
        CHECK_OK(tpm_activate_credential(tpm, ak, &ek, credential, secret, &s));
        CHECK_BYTES(secret_bytes(s), BYTES_LITERAL(challenge_text));
        CHECK(!rig_saw(rig, BYTES_LITERAL(challenge_text)));
        CHECK(rig_loaded(rig) == 0);

        memcpy(bent, credential.data, credential.size);
        bent[credential.size - 1] ^= 1;
        CHECK_RESULT(tpm_activate_credential(tpm, ak, &ek, BYTES(bent, credential.size), secret, &none),
                     TPM_E_BLOB);
        CHECK_RESULT(tpm_activate_credential(tpm, ak, &ek, credential, BYTES(secret.data, 10), &none), TPM_E_BLOB);
        CHECK_RESULT(tpm_activate_credential(tpm, ak, &ek, BYTES(bent, 0), BYTES(bent, 0), &none), TPM_E_BLOB);
        CHECK_OK(tpm_srk_ensure(tpm, &other)); /* for the AK, not for another key */
        CHECK(tpm_activate_credential(tpm, &other, &ek, credential, secret, &none) != 0);
        ek.object.name.bytes[5] ^= 1;
        CHECK_RESULT(tpm_activate_credential(tpm, ak, &ek, credential, secret, &none), TPM_E_NAME);
        CHECK(!none);
        CHECK(rig_loaded(rig) == 0);
        free((void *)all.data);
}

static void test_activation(void)
{
        static const uint8_t der[] = { 0x30, 0x01, 0x00 };
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmObject ak;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_ak_ensure(tpm, &ak));
        activation(rig, tpm, &ak);
        certificate_define(rig, "0x1c00002", BYTES_ARRAY(der));
        activation(rig, tpm, &ak);
}

/* ---- random ---- */

static void test_random(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        cleanup_secret Secret *clear = NULL, *hidden = NULL, *none = NULL;
        TpmObject srk;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_srk_ensure(tpm, &srk));
        rig_forget(rig);
        CHECK_OK(tpm_random(tpm, &srk, 80, &hidden));
        CHECK(hidden->size == 80 && !rig_saw(rig, BYTES(hidden->data, 16)));
        CHECK(!rig_saw(rig, BYTES(hidden->data + 64, 16)));
        CHECK(rig_loaded(rig) == 0);
        CHECK_OK(tpm_random(tpm, NULL, 80, &clear));
        CHECK(rig_saw(rig, BYTES(clear->data, 16)) && rig_saw(rig, BYTES(clear->data + 64, 16)));
        CHECK_RESULT(tpm_random(tpm, NULL, 0, &none), -EINVAL);
        CHECK_RESULT(tpm_random(tpm, NULL, TPM_RANDOM_MAX + 1, &none), -EINVAL);
        CHECK(!none);
}

int main(void)
{
        RUN(test_ak_is_the_same_each_time);
        RUN(test_ak_handle_taken);
        RUN(test_hierarchy_with_a_password);
        RUN(test_srk_made_and_used);
        RUN(test_srk_that_does_not_fit);
        RUN(test_quote_verifies);
        RUN(test_quote_without_ak);
        RUN(test_certify_names_the_srk);
        RUN(test_ek_follows_the_certificate);
        RUN(test_ek_is_the_standard_one);
        RUN(test_activation);
        RUN(test_random);
        return 0;
}
