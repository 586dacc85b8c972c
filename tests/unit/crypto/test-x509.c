/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/fd.h"
#include "crypto/cms.h"
#include "crypto/x509.h"
#include "vector.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static PrivateKey *new_key(unsigned bits)
{
        PrivateKey *k = NULL;

        CHECK_OK(private_key_generate(bits, &k));
        return k;
}

static void a_leaf_is_verified_by_its_ca_alone(void)
{
        static const char *const sans[] = { "verifier.example", "192.0.2.7", "2001:db8::7" };
        cleanup_private_key PrivateKey *ca_key = new_key(256), *leaf_key = new_key(256);
        cleanup_public_key PublicKey *ca_public = NULL, *leaf_public = NULL, *found = NULL;
        cleanup_free uint8_t *ca = NULL, *leaf = NULL;
        cleanup_certificate Certificate *parsed_ca = NULL, *parsed = NULL;
        uint8_t pin[SHA256_SIZE], id[SHA256_SIZE];
        char subject[X509_SUBJECT_MAX];
        size_t n_ca, n;

        CHECK_OK(private_key_public(ca_key, &ca_public));
        CHECK_OK(private_key_public(leaf_key, &leaf_public));
        CHECK_OK(x509_make_ca(ca_key, "halfkey CA", &ca, &n_ca));
        CHECK_OK(x509_make_leaf(
                ca_key, BYTES(ca, n_ca),
                &(X509Leaf){
                        .name = "v1", .key = leaf_public, .sans = sans, .n_sans = 3, .uses = X509_USE_SERVER },
                &leaf, &n));
        CHECK_OK(certificate_new(BYTES(ca, n_ca), &parsed_ca));
        CHECK_OK(certificate_new(BYTES(leaf, n), &parsed));
        CHECK_OK(certificate_verify(parsed, ca_public));
        CHECK_OK(certificate_verify(parsed_ca, ca_public));
        CHECK_RESULT(certificate_verify(parsed, leaf_public), -EBADMSG);
        CHECK_OK(certificate_check_leaf(parsed, X509_USE_SERVER));
        CHECK_RESULT(certificate_check_leaf(parsed, X509_USE_CLIENT), -EBADMSG);
        CHECK_RESULT(certificate_check_leaf(parsed, 0), -EBADMSG);
        CHECK_RESULT(certificate_check_leaf(parsed_ca, X509_USE_SERVER), -EBADMSG);
        CHECK_OK(certificate_pin(parsed, pin));
        CHECK_OK(public_key_id(leaf_public, id));
        CHECK_BYTES(BYTES_ARRAY(pin), BYTES_ARRAY(id));
        CHECK_OK(certificate_key(parsed, &found));
        CHECK(public_key_type(found) == KEY_P256);
        CHECK_OK(certificate_subject(parsed, subject));
        CHECK_TEXT(subject, "CN=v1");
}

static void a_changed_certificate_is_refused(void)
{
        cleanup_private_key PrivateKey *key = new_key(256);
        cleanup_public_key PublicKey *public = NULL;
        cleanup_free uint8_t *ca = NULL;
        size_t n, accepted = 0;

        CHECK_OK(private_key_public(key, &public));
        CHECK_OK(x509_make_ca(key, "halfkey CA", &ca, &n));
        for (size_t i = 0; i < n; i++) {
                cleanup_certificate Certificate *c = NULL;

                ca[i] ^= 1;
                if (certificate_new(BYTES(ca, n), &c) == 0 && certificate_verify(c, public) == 0) accepted++;
                ca[i] ^= 1;
        }
        CHECK(accepted == 0);
        for (size_t size = 0; size < n; size++) {
                Certificate *c = NULL;

                CHECK_RESULT(certificate_new(BYTES(ca, size), &c), -EBADMSG);
        }
}

static void bytes_behind_a_certificate_are_refused(void)
{
        cleanup_private_key PrivateKey *key = new_key(256);
        cleanup_free uint8_t *ca = NULL;
        uint8_t longer[2048] = { 0 };
        Certificate *c = NULL;
        size_t n;

        CHECK_OK(x509_make_ca(key, "halfkey CA", &ca, &n));
        memcpy(longer, ca, n);
        CHECK_RESULT(certificate_new(BYTES(longer, n + 1), &c), -EBADMSG);
        CHECK(c == NULL);
}

static void requests_that_make_no_sense_are_refused(void)
{
        static const char *const bad_sans[] = { "a,DNS:evil", "", ".x", "-x", "x y", "1.2.3.4/8", "*.example" };
        cleanup_private_key PrivateKey *key = new_key(256), *other = new_key(256);
        cleanup_public_key PublicKey *public = NULL;
        cleanup_free uint8_t *ca = NULL;
        uint8_t *none = NULL;
        size_t n, m = 0;

        CHECK_OK(private_key_public(key, &public));
        CHECK_OK(x509_make_ca(key, "halfkey CA", &ca, &n));
        for (size_t i = 0; i < ARRAY_SIZE(bad_sans); i++) {
                const X509Leaf leaf = {
                        .name = "v", .key = public, .sans = &bad_sans[i], .n_sans = 1, .uses = X509_USE_SERVER
                };

                CHECK_RESULT(x509_make_leaf(key, BYTES(ca, n), &leaf, &none, &m), -EINVAL);
        }
        CHECK_RESULT(x509_make_leaf(other, BYTES(ca, n),
                                    &(X509Leaf){ .name = "v", .key = public, .uses = X509_USE_CLIENT }, &none, &m),
                     -EINVAL);
        CHECK_RESULT(x509_make_leaf(key, BYTES(ca, n), &(X509Leaf){ .name = "v", .key = public }, &none, &m),
                     -EINVAL);
        CHECK_RESULT(x509_make_ca(key, "", &none, &m), -EINVAL);
        CHECK_RESULT(x509_make_ca(key, "line\nbreak", &none, &m), -EINVAL);
        CHECK_RESULT(x509_make_recovery(key, "recovery", &none, &m), -EINVAL);
        CHECK(none == NULL && m == 0);
}

/* A subject with an escape sequence: what a hostile EK certificate may carry to an administrator's terminal. */
static void hostile_subjects_are_defused(void)
{
        cleanup_private_key PrivateKey *key = new_key(256);
        cleanup_certificate Certificate *c = NULL;
        cleanup_free uint8_t *ca = NULL;
        char subject[X509_SUBJECT_MAX], shown[X509_SUBJECT_MAX];
        size_t n;

        CHECK_OK(x509_make_ca(key, "abcdefgh", &ca, &n));
        for (size_t i = 0; i + 8 <= n; i++)
                if (memcmp(ca + i, "abcdefgh", 8) == 0) memcpy(ca + i, "\033[2J\n\0\303\251", 8);
        CHECK_OK(certificate_new(BYTES(ca, n), &c));
        CHECK_OK(certificate_subject(c, subject));
        for (const char *p = subject; *p; p++) CHECK(*p >= 0x20 && *p < 0x7f);
        CHECK_OK(x509_subject(BYTES(ca, n), shown));
        CHECK_TEXT(shown, subject);
}

/* What a person is shown needs no key, and is refused wherever the bytes end before it. */
static void a_subject_is_read_without_the_key(void)
{
        cleanup_private_key PrivateKey *key = new_key(256);
        cleanup_free uint8_t *ca = NULL, *longer = NULL;
        char subject[X509_SUBJECT_MAX];
        size_t n;

        CHECK_OK(x509_make_ca(key, "example", &ca, &n));
        CHECK_OK(x509_subject(BYTES(ca, n), subject));
        CHECK_TEXT(subject, "CN=example");
        for (size_t size = 0; size < n; size++) CHECK_RESULT(x509_subject(BYTES(ca, size), subject), -EBADMSG);
        longer = calloc(1, n + 1);
        CHECK(longer != NULL);
        memcpy(longer, ca, n);
        CHECK_RESULT(x509_subject(BYTES(longer, n + 1), subject), -EBADMSG);
        /* The serial number's tag, behind the version that ends in its only digit. */
        for (size_t i = 0; i + 6 <= n; i++)
                if (memcmp(ca + i, "\xa0\3\2\1\2\2", 6) == 0) ca[i + 5] = 4;
        CHECK_RESULT(x509_subject(BYTES(ca, n), subject), -EBADMSG);
}

static const char recovery_key[] = "cbde-fghi-not-a-real-one";

static void any_recipient_opens_a_message(void)
{
        cleanup_private_key PrivateKey *rsa = new_key(3072), *ec = new_key(256), *stranger = new_key(3072);
        cleanup_free uint8_t *rsa_certificate = NULL, *ec_certificate = NULL, *message = NULL;
        cleanup_secret Secret *by_rsa = NULL, *by_ec = NULL;
        Secret *none = NULL;
        Bytes to[2];
        size_t n_rsa, n_ec, n;

        CHECK_OK(x509_make_recovery(rsa, "recovery 1", &rsa_certificate, &n_rsa));
        CHECK_OK(x509_make_ca(ec, "recovery 2", &ec_certificate, &n_ec));
        to[0] = BYTES(rsa_certificate, n_rsa);
        to[1] = BYTES(ec_certificate, n_ec);
        CHECK_OK(cms_encrypt(to, 2, BYTES_LITERAL(recovery_key), &message, &n));
        CHECK_OK(cms_decrypt(BYTES(message, n), to[0], rsa, &by_rsa));
        CHECK_OK(cms_decrypt(BYTES(message, n), to[1], ec, &by_ec));
        CHECK_BYTES(secret_bytes(by_rsa), BYTES_LITERAL(recovery_key));
        CHECK_BYTES(secret_bytes(by_ec), BYTES_LITERAL(recovery_key));
        CHECK_RESULT(cms_decrypt(BYTES(message, n), to[0], stranger, &none), -EBADMSG);
        CHECK(none == NULL);
}

/* One changed byte anywhere: never another text. (Not every byte matters: the order of a SET, a version.) */
static void a_changed_message_opens_to_nothing_else(void)
{
        cleanup_private_key PrivateKey *key = new_key(256);
        cleanup_free uint8_t *certificate = NULL, *message = NULL;
        size_t n_certificate, n;
        Bytes to;

        CHECK_OK(x509_make_ca(key, "recovery", &certificate, &n_certificate));
        to = BYTES(certificate, n_certificate);
        CHECK_OK(cms_encrypt(&to, 1, BYTES_LITERAL(recovery_key), &message, &n));
        for (size_t i = 0; i < n; i++) {
                cleanup_secret Secret *opened = NULL;

                message[i] ^= 1;
                if (cms_decrypt(BYTES(message, n), to, key, &opened) == 0)
                        CHECK_BYTES(secret_bytes(opened), BYTES_LITERAL(recovery_key));
                message[i] ^= 1;
        }
        for (size_t size = 0; size < n; size++) {
                Secret *opened = NULL;

                CHECK_RESULT(cms_decrypt(BYTES(message, size), to, key, &opened), -EBADMSG);
        }
}

static void a_message_needs_recipients_and_content(void)
{
        const Bytes rubbish = BYTES_LITERAL("no certificate");
        uint8_t *message = NULL;
        size_t n = 0;

        CHECK_RESULT(cms_encrypt(NULL, 0, BYTES_LITERAL("x"), &message, &n), -EINVAL);
        CHECK_RESULT(cms_encrypt(&rubbish, 1, BYTES("", 0), &message, &n), -EINVAL);
        CHECK_RESULT(cms_encrypt(&rubbish, 1, BYTES_LITERAL("x"), &message, &n), -EBADMSG);
        CHECK(message == NULL);
}

static void put(const char *folder, const char *name, Bytes content)
{
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        CHECK_OK(file_write_atomic(path, content, 0600));
}

static int run(const char *folder, const char *command)
{
        char line[512];

        (void)snprintf(line, sizeof(line), "cd %s && exec >/dev/null 2>&1 && %s", folder, command);
        return system(line);
}

/* Another reader of the same standards: the day our verifier is lost, openssl and the offline key remain. */
static void openssl_reads_what_is_made_here(void)
{
        static const char *const sans[] = { "verifier.example", "192.0.2.7" };
        cleanup_private_key PrivateKey *ca_key = new_key(256), *leaf_key = new_key(256), *recovery = new_key(3072);
        cleanup_public_key PublicKey *leaf_public = NULL;
        cleanup_free uint8_t *ca = NULL, *leaf = NULL, *recipient = NULL, *message = NULL;
        cleanup_secret Secret *key = NULL;
        char folder[] = "/tmp/halfkey-x509-XXXXXX";
        size_t n_ca, n_leaf, n_recipient, n_message;

        CHECK(mkdtemp(folder));
        CHECK_OK(private_key_public(leaf_key, &leaf_public));
        CHECK_OK(x509_make_ca(ca_key, "halfkey CA", &ca, &n_ca));
        CHECK_OK(x509_make_leaf(
                ca_key, BYTES(ca, n_ca),
                &(X509Leaf){
                        .name = "v1", .key = leaf_public, .sans = sans, .n_sans = 2, .uses = X509_USE_SERVER },
                &leaf, &n_leaf));
        CHECK_OK(x509_make_recovery(recovery, "recovery", &recipient, &n_recipient));
        CHECK_OK(
                cms_encrypt(&BYTES(recipient, n_recipient), 1, BYTES_LITERAL(recovery_key), &message, &n_message));
        CHECK_OK(private_key_export(recovery, &key));
        put(folder, "ca", BYTES(ca, n_ca));
        put(folder, "leaf", BYTES(leaf, n_leaf));
        put(folder, "recipient", BYTES(recipient, n_recipient));
        put(folder, "message", BYTES(message, n_message));
        put(folder, "key", secret_bytes(key));
        put(folder, "expected", BYTES_LITERAL(recovery_key));
        CHECK(run(folder, "openssl x509 -inform DER -in ca -out ca.pem && "
                          "openssl x509 -inform DER -in leaf -out leaf.pem") == 0);
        CHECK(run(folder, "openssl verify -x509_strict -purpose sslserver -verify_hostname verifier.example "
                          "-CAfile ca.pem leaf.pem") == 0);
        CHECK(run(folder, "openssl verify -x509_strict -purpose sslserver -verify_ip 192.0.2.7 -CAfile ca.pem "
                          "leaf.pem") == 0);
        CHECK(run(folder, "openssl verify -purpose sslclient -CAfile ca.pem leaf.pem") != 0);
        CHECK(run(folder,
                  "openssl cms -decrypt -inform DER -in message -inkey key -keyform DER -binary -out opened "
                  "&& cmp opened expected") == 0);
        CHECK(run(folder, "rm -f ca* leaf* recipient message key expected opened") == 0 && rmdir(folder) == 0);
}

int main(void)
{
        RUN(a_leaf_is_verified_by_its_ca_alone);
        RUN(a_changed_certificate_is_refused);
        RUN(bytes_behind_a_certificate_are_refused);
        RUN(requests_that_make_no_sense_are_refused);
        RUN(hostile_subjects_are_defused);
        RUN(a_subject_is_read_without_the_key);
        RUN(any_recipient_opens_a_message);
        RUN(a_changed_message_opens_to_nothing_else);
        RUN(a_message_needs_recipients_and_content);
        RUN(openssl_reads_what_is_made_here);
        return 0;
}
