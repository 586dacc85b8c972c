/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which TPMs may enrol: by list, by maker, by platform. The nodes are software, the certificates made for their
 * EKs.
 */

#include "softnode.h"

#include "base/fd.h"
#include "base/hex.h"
#include "maker.h"
#include "synth.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static const char good_line[] = "root=UUID=1 ro quiet";

typedef struct Stage {
        SoftVerifier v;
        SoftNode n;
        Synth log;
        Maker root, middle, platforms; /* of TPMs, with one CA between; of platforms */
} Stage;

/* What the node shows. */
static Bytes certificate, issuer, platform;

static void show(halfkey_v1_RegisterHello *h)
{
        CHECK_OK(PROTO_SET(h->ek_certificate, certificate));
        CHECK_OK(PROTO_SET(h->platform_certificate, platform));
        if (issuer.size == 0) return;
        CHECK_OK(PROTO_SET(h->ek_issuer[0], issuer));
        h->ek_issuer_count = 1;
}

static void set(Bytes *b, Bytes now)
{
        free((void *)b->data);
        *b = now;
}

static Bytes spki_of(const SoftNode *n)
{
        cleanup_public_key PublicKey *key = NULL;
        uint8_t *spki;
        size_t size;

        CHECK_OK(attest_public_key(&n->ek, &key));
        CHECK_OK(public_key_spki(key, &spki, &size));
        return BYTES(spki, size);
}

/* An EK certificate for this node, by the CA between. */
static Maker ek_of(const Stage *s, const SoftNode *n, uint64_t serial)
{
        const Bytes spki = spki_of(n);
        const Maker m = maker_ek(&s->middle, serial, spki);

        free((void *)spki.data);
        return m;
}

static void stage_init(Stage *s)
{
        synth_init(&s->log, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot(&s->log, false, good_line);
        soft_verifier_init(&s->v);
        soft_node_init(&s->n, synth_bytes(&s->log), good_line);
        s->n.bend_hello = show;
        s->root = maker_root("TPM root");
        s->platforms = maker_root("Platform root");
        s->middle = maker_new(&(MakerSpec){ .name = "TPM CA",
                                            .issuer = &s->root,
                                            .ca = true,
                                            .path_length = 0,
                                            .bits = KU_KEY_CERT_SIGN,
                                            .to_days = 10 });
}

static void stage_deinit(Stage *s)
{
        set(&certificate, BYTES(NULL, 0));
        set(&issuer, BYTES(NULL, 0));
        set(&platform, BYTES(NULL, 0));
        maker_deinit(&s->root);
        maker_deinit(&s->middle);
        maker_deinit(&s->platforms);
        soft_node_deinit(&s->n);
        soft_verifier_deinit(&s->v);
        synth_deinit(&s->log);
}
#define cleanup_stage _cleanup_(stage_deinit)

static void write_bundle(const Stage *s, const char *name, const Maker *m)
{
        const Bytes pem = maker_pem(&m, 1);
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", s->v.dir, name);
        CHECK_OK(file_write_atomic(path, pem, 0644));
        free((void *)pem.data);
}

static void path_of(const Stage *s, const uint8_t *id, char ret[static 192])
{
        char digits[2 * NODE_ID_SIZE + 1];

        hex_encode(BYTES(id, NODE_ID_SIZE), digits);
        (void)snprintf(ret, 192, "%s/ek-list", s->v.dir);
        (void)mkdir(ret, 0700);
        (void)snprintf(ret, 192, "%s/ek-list/%.2s", s->v.dir, digits);
        (void)mkdir(ret, 0700);
        (void)snprintf(ret, 192, "%s/ek-list/%.2s/%s", s->v.dir, digits, digits);
}

static void list(const Stage *s, const uint8_t *id)
{
        char path[192];

        path_of(s, id, path);
        CHECK_OK(file_write_atomic(path, BYTES(NULL, 0), 0600));
}

static void unlist(const Stage *s, const uint8_t *id)
{
        char path[192];

        path_of(s, id, path);
        CHECK(unlink(path) == 0);
}

/* As at a start of the daemon. */
static int ask(Stage *s, EkTrust mode, bool with_platform)
{
        s->v.settings.ek_trust = mode;
        s->v.settings.platform_required = with_platform;
        trust_deinit(&s->v.trust);
        return trust_read(s->v.dir, &s->v.settings, &s->v.trust);
}

/* One of the secret's uses at most is used: the node is the same. */
static void registers(Stage *s, const char *reason, const char *trusted)
{
        const SoftReply r = soft_register(&s->v, &s->n, s->v.secret);

        if (strcmp(r.reason, reason) != 0) fprintf(stderr, "%s\n", r.sentence);
        CHECK_TEXT(r.reason, reason);
        if (!reason[0]) CHECK_TEXT(soft_record(&s->v, s->n.id).trusted, trusted);
        else CHECK(bytes_equal(BYTES_ARRAY(r.half), BYTES_ARRAY((const uint8_t[32]){ 0 })));
}

/* ---- none ---- */

static void nothing_asked_is_said(void)
{
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        CHECK_OK(ask(&s, EK_TRUST_NONE, false));
        registers(&s, "", "by enrolment secret alone");
        set(&certificate, BYTES(strdup("junk"), 4));
        registers(&s, "", "by enrolment secret alone");
}

/* ---- the list ---- */

static void a_listed_ek_enrols_and_the_list_is_live(void)
{
        static const uint8_t other[NODE_ID_SIZE] = { 0xab, 1 };
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        list(&s, other);
        CHECK_OK(ask(&s, EK_TRUST_EITHER, false));
        registers(&s, "ek-not-listed", NULL);
        list(&s, s.n.id);
        registers(&s, "", "by ek-list");
        unlist(&s, s.n.id);
        registers(&s, "ek-not-listed", NULL);
}

/* ---- the maker ---- */

static void a_maker_vouches(void)
{
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        cleanup_maker Maker ek = ek_of(&s, &s.n, 7), stranger = maker_root("TPM root"), self = { 0 };
        write_bundle(&s, "ek-ca", &s.root);
        CHECK_OK(ask(&s, EK_TRUST_EITHER, false));
        registers(&s, "ek-certificate-missing", NULL);
        set(&certificate, BYTES(strdup("junk"), 4));
        registers(&s, "ek-certificate-invalid", NULL);
        set(&certificate, maker_der(&ek));
        registers(&s, "ek-certificate-issuer", NULL); /* without the CA between */
        set(&issuer, maker_der(&stranger));
        registers(&s, "ek-certificate-issuer", NULL); /* a root that came along is none */
        set(&issuer, maker_der(&s.middle));
        registers(&s, "", "by certificate of CN=TPM root");

        const Bytes spki = spki_of(&s.n);
        self = maker_ek(&stranger, 7, spki);
        free((void *)spki.data);
        set(&certificate, maker_der(&self));
        registers(&s, "ek-certificate-issuer", NULL); /* by a root of the same name */
        write_bundle(&s, "ek-ca", &stranger);
        CHECK_OK(ask(&s, EK_TRUST_EITHER, false));
        registers(&s, "", "by certificate of CN=TPM root");
}

/* A good certificate, of another TPM. */
static void the_certificate_of_another_tpm(void)
{
        cleanup_soft_node SoftNode other = { 0 };
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        soft_node_init(&other, s.n.log, good_line);
        cleanup_maker Maker ek = ek_of(&s, &other, 7);
        write_bundle(&s, "ek-ca", &s.root);
        set(&certificate, maker_der(&ek));
        set(&issuer, maker_der(&s.middle));
        for (EkTrust mode = EK_TRUST_NONE; mode <= EK_TRUST_EITHER; mode++) {
                CHECK_OK(ask(&s, mode, false));
                registers(&s, "evidence-ek-certificate", NULL);
        }
}

static void what_is_no_ek_certificate(void)
{
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        const Bytes spki = spki_of(&s.n);
        cleanup_maker Maker attestation = maker_new(&(MakerSpec){ .name = "TPM",
                                                                  .issuer = &s.root,
                                                                  .usage = "2.23.133.8.3",
                                                                  .bits = KU_KEY_AGREEMENT,
                                                                  .to_days = 10,
                                                                  .spki = spki });
        write_bundle(&s, "ek-ca", &s.root);
        set(&certificate, maker_der(&attestation));
        CHECK_OK(ask(&s, EK_TRUST_EITHER, false));
        registers(&s, "ek-certificate-invalid", NULL);
        free((void *)spki.data);
}

static void both_means_both(void)
{
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        cleanup_maker Maker ek = ek_of(&s, &s.n, 7);
        write_bundle(&s, "ek-ca", &s.root);
        list(&s, s.n.id);
        CHECK_OK(ask(&s, EK_TRUST_BOTH, false));
        registers(&s, "ek-certificate-missing", NULL);
        set(&certificate, maker_der(&ek));
        set(&issuer, maker_der(&s.middle));
        registers(&s, "", "by ek-list and certificate of CN=TPM root");
        unlist(&s, s.n.id);
        registers(&s, "ek-not-listed", NULL);
        CHECK_OK(ask(&s, EK_TRUST_EITHER, false));
        registers(&s, "", "by certificate of CN=TPM root");
        list(&s, s.n.id);
        set(&certificate, BYTES(NULL, 0));
        registers(&s, "", "by ek-list");
}

/* ---- the platform ---- */

static void a_platform_is_asked_for(void)
{
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        cleanup_maker Maker ek = ek_of(&s, &s.n, 7), other = ek_of(&s, &s.n, 8);
        write_bundle(&s, "ek-ca", &s.root);
        write_bundle(&s, "platform-ca", &s.platforms);
        set(&certificate, maker_der(&ek));
        set(&issuer, maker_der(&s.middle));
        CHECK_OK(ask(&s, EK_TRUST_EITHER, true));
        registers(&s, "platform-certificate-missing", NULL);
        set(&platform, BYTES(strdup("junk"), 4));
        registers(&s, "platform-certificate-invalid", NULL);
        set(&platform, maker_attribute(&(MakerAttribute){ .issuer = &s.platforms, .holder = &other }));
        registers(&s, "platform-certificate-other-tpm", NULL);
        set(&platform, maker_attribute(&(MakerAttribute){ .issuer = &s.root, .holder = &ek }));
        registers(&s, "platform-certificate-issuer", NULL);
        set(&platform, maker_attribute(&(MakerAttribute){
                               .issuer = &s.platforms, .holder = &ek, .not_after = "20210101000000Z" }));
        registers(&s, "platform-certificate-dates", NULL);
        set(&platform, maker_attribute(&(MakerAttribute){ .issuer = &s.platforms, .holder = &ek }));
        registers(&s, "", "by certificate of CN=TPM root, platform certificate of CN=Platform root");
}

/* A listed TPM that writes itself an EK certificate with issuer and serial number of somebody else's: that one's
 * platform certificate does not become its own. */
static void a_forged_holder(void)
{
        cleanup_soft_node SoftNode victim = { 0 };
        cleanup_stage Stage s = { 0 };

        stage_init(&s);
        soft_node_init(&victim, s.n.log, good_line);
        cleanup_maker Maker theirs = ek_of(&s, &victim, 7),
                            forger = maker_new(&(MakerSpec){ .name = "TPM CA",
                                                             .ca = true,
                                                             .path_length = -1,
                                                             .bits = KU_KEY_CERT_SIGN,
                                                             .to_days = 10 });
        const Bytes spki = spki_of(&s.n);
        cleanup_maker Maker forged = maker_ek(&forger, 7, spki);
        free((void *)spki.data);
        write_bundle(&s, "ek-ca", &s.root);
        write_bundle(&s, "platform-ca", &s.platforms);
        list(&s, s.n.id);
        set(&platform, maker_attribute(&(MakerAttribute){ .issuer = &s.platforms, .holder = &theirs }));
        set(&certificate, maker_der(&forged));
        set(&issuer, maker_der(&forger));
        CHECK_OK(ask(&s, EK_TRUST_EITHER, true));
        registers(&s, "platform-certificate-other-tpm", NULL);
        CHECK_OK(ask(&s, EK_TRUST_EITHER, false));
        registers(&s, "", "by ek-list");
}

/* ---- files ---- */

static void a_verifier_that_could_trust_nobody_does_not_start(void)
{
        cleanup_stage Stage s = { 0 };
        char path[128];

        stage_init(&s);
        CHECK_RESULT(ask(&s, EK_TRUST_EITHER, false), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "neither ek-list nor ek-ca"));
        list(&s, s.n.id);
        CHECK_OK(ask(&s, EK_TRUST_EITHER, false));
        CHECK_RESULT(ask(&s, EK_TRUST_BOTH, false), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "no ek-ca"));
        write_bundle(&s, "ek-ca", &s.middle);
        CHECK_RESULT(ask(&s, EK_TRUST_BOTH, false), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "ek-ca: no root"));
        write_bundle(&s, "ek-ca", &s.root);
        CHECK_OK(ask(&s, EK_TRUST_BOTH, false));
        CHECK_RESULT(ask(&s, EK_TRUST_BOTH, true), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "no platform-ca"));
        (void)snprintf(path, sizeof(path), "%s/ek-ca", s.v.dir);
        CHECK(chmod(path, 0666) == 0);
        CHECK_RESULT(ask(&s, EK_TRUST_BOTH, false), -EPERM);
        CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
        write_bundle(&s, "ek-ca/one.pem", &s.middle);
        write_bundle(&s, "ek-ca/two.crt", &s.root);
        (void)snprintf(path, sizeof(path), "%s/ek-ca/README", s.v.dir);
        CHECK_OK(file_write_atomic(path, BYTES_LITERAL("not a certificate"), 0600));
        CHECK_OK(ask(&s, EK_TRUST_BOTH, false));
        CHECK(certificate_set_size(s.v.trust.ek_ca) == 2 && certificate_set_roots(s.v.trust.ek_ca) == 1);
}

static void the_settings_are_read_and_written(void)
{
        static const char *const bad[] = { "\"ek_trust\": \"any\"", "\"platform_certificate\": \"maybe\"",
                                           "\"ek_trust\": 1" };
        Settings in = { .name = "x", .admin_socket = "/s", .ek_trust = EK_TRUST_BOTH, .platform_required = true },
                 out;
        cleanup_stage Stage s = { 0 };
        char path[128], text[256];

        stage_init(&s);
        CHECK_OK(address_list_add(&in.listen, "a:1"));
        CHECK_OK(address_list_add(&in.addresses, "a:1"));
        CHECK_OK(settings_write(s.v.dir, &in));
        CHECK_OK(settings_read(s.v.dir, &out));
        CHECK(out.ek_trust == EK_TRUST_BOTH && out.platform_required);
        (void)snprintf(path, sizeof(path), "%s/cluster.json", s.v.dir);
        for (size_t i = 0; i <= ARRAY_SIZE(bad); i++) {
                (void)snprintf(
                        text, sizeof(text),
                        "{\"version\": 1, \"name\": \"x\", \"listen\": [\"a:1\"], \"addresses\": [\"a:1\"], "
                        "\"admin_socket\": \"/s\"%s%s}",
                        i < ARRAY_SIZE(bad) ? ", " : "", i < ARRAY_SIZE(bad) ? bad[i] : "");
                CHECK_OK(file_write_atomic(path, BYTES(text, strlen(text)), 0600));
                if (i < ARRAY_SIZE(bad)) CHECK(settings_read(s.v.dir, &out) < 0);
        }
        CHECK_OK(settings_read(s.v.dir, &out));
        CHECK(out.ek_trust == EK_TRUST_NONE && !out.platform_required);
}

/* Written by the version before: the same without its last field. */
static void records_of_the_version_before_are_read(void)
{
        cleanup_stage Stage s = { 0 };
        cleanup_free uint8_t *encoded = NULL;
        NodeRecord was, is;
        size_t size;

        stage_init(&s);
        registers(&s, "", "by enrolment secret alone");
        was = soft_record(&s.v, s.n.id);
        CHECK_OK(node_encode(&was, &encoded, &size));
        size -= 2 + strlen(was.trusted);
        CHECK_RESULT(node_decode(BYTES(encoded, size), &is), -EBADMSG);
        encoded[0] = 1;
        CHECK_OK(node_decode(BYTES(encoded, size), &is));
        CHECK_TEXT(is.trusted, "");
        CHECK_TEXT(is.name, was.name);
        CHECK(is.registered_at == was.registered_at);
}

int main(void)
{
        RUN(nothing_asked_is_said);
        RUN(a_listed_ek_enrols_and_the_list_is_live);
        RUN(a_maker_vouches);
        RUN(the_certificate_of_another_tpm);
        RUN(what_is_no_ek_certificate);
        RUN(both_means_both);
        RUN(a_platform_is_asked_for);
        RUN(a_forged_holder);
        RUN(a_verifier_that_could_trust_nobody_does_not_start);
        RUN(the_settings_are_read_and_written);
        RUN(records_of_the_version_before_are_read);
        return 0;
}
