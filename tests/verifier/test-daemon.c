/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One story from enrolment to quarantine, with two nodes, told to the real daemon. */

#include "world.h"

#include "attest/cap.h"
#include "base/fd.h"
#include "base/hex.h"
#include "crypto/cms.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

static World world;
static Peer a, b;
static uint8_t first_secret[32], cluster_half[32];

static bool says(const char *text)
{
        if (strstr(world_output(), text)) return true;
        fprintf(stderr, "not in it: '%s'\n%s\n", text, world_output());
        return false;
}

static void wrong_secrets_enrol_nobody(void)
{
        uint8_t wrong[32] = { 1 };

        CHECK_TEXT(peer_register(&a, &world, wrong).reason, "enrolment-secret-unknown");
        CHECK(world_cluster(&world, "node list") == 0 && !strstr(world_output(), "node-"));
}

static void a_node_enrols(void)
{
        const Bytes text = BYTES_LITERAL("cbdefghi-cbdefghi");
        cleanup_free uint8_t *cms = NULL;
        Answer first, again;
        Bytes certificate;
        size_t size;

        world_secret(&world, "--uses 2", first_secret);
        first = peer_register(&a, &world, first_secret);
        CHECK_TEXT(first.reason, "");
        again = peer_register(&a, &world, first_secret);
        CHECK_TEXT(again.reason, "");
        CHECK_BYTES(BYTES_ARRAY(first.half), BYTES_ARRAY(again.half));
        memcpy(cluster_half, first.half, sizeof(cluster_half));

        peer_seal(&a);
        CHECK_OK(peer_unseal(&a)); /* the approval is good for the TPM */
        certificate = PROTO_BYTES(a.registered.recovery_certificate[0]);
        CHECK_OK(cms_encrypt(&certificate, 1, text, &cms, &size));
        CHECK_TEXT(peer_commit(&a, &world, BYTES(cms, size)).reason, "");
        peer_cap(&a, ATTEST_CAP_ENROLLED);
        CHECK(peer_unseal(&a) == TPM_E_CAPPED);
        CHECK_TEXT(peer_unlock(&a, &world).reason, "node-pending");
        CHECK(world_cluster(&world, "node list --state pending") == 0 && says("SN-1") && says("node-"));
}

static void an_operator_adopts_it(void)
{
        char name[16];
        Answer answer;

        (void)snprintf(name, sizeof(name), "node-%02x%02x%02x%02x", a.id[0], a.id[1], a.id[2], a.id[3]);
        peer_boot(&a, "root=UUID=1 ro");
        CHECK(world_cluster(&world, "node approve %s --reason 'it is mine'", name) == 0);
        answer = peer_unlock(&a, &world);
        CHECK_TEXT(answer.reason, "");
        CHECK_BYTES(BYTES_ARRAY(answer.half), BYTES_ARRAY(cluster_half));
        CHECK_OK(peer_unseal(&a));
        CHECK(world_cluster(&world, "node show %s", name) == 0 && says("active") && says("none yet"));
}

static void the_cap_ends_the_releases(void)
{
        Answer answer;

        peer_cap(&a, ATTEST_CAP_ATTESTED);
        CHECK_TEXT(peer_unlock(&a, &world).reason, "cap-not-zero");
        for (unsigned i = 0; i < 3; i++) peer_phase(&a);
        answer = peer_reattest(&a, &world, ATTEST_CAP_ATTESTED);
        CHECK_TEXT(answer.reason, "");
        CHECK(answer.baseline && answer.clean_up);
        CHECK(world_stop(&world, SIGKILL) == -1); /* what was answered was durable */
        world_start(&world);
        CHECK_TEXT(peer_unlock(&a, &world).reason, "cap-seen");
        CHECK_TEXT(peer_register(&a, &world, first_secret).reason, "node-exists");
        CHECK(world_cluster(&world, "events") == 0 && says("unlock-released") && says("boot-adopted") &&
              says("it is mine") && says("cap-not-zero"));
}

static void recovery_keys_open_offline(void)
{
        CHECK(world_cluster(&world, "recovery get %02x%02x%02x%02x --out cms.pem", a.id[0], a.id[1], a.id[2],
                            a.id[3]) == 0);
        CHECK(world_cluster(&world, "recovery open --key recovery.pem --cms cms.pem") == 0);
        CHECK_TEXT(world_output(), "cbdefghi-cbdefghi");
        CHECK(world_cluster(&world, "events") == 0 && says("recovery-key-fetched"));
        CHECK(world_cluster(&world, "recovery open --key enrolment.json --cms cms.pem") == 2);
}

static void evidence_is_good_once(void)
{
        halfkey_v1_Evidence recorded;

        peer_boot(&a, "root=UUID=1 ro");
        CHECK_TEXT(peer_unlock(&a, &world).reason, "");
        recorded = a.last;
        a.replay = &recorded;
        CHECK_TEXT(peer_unlock(&a, &world).reason, "evidence-quote-extra-data");
        a.replay = NULL;
        CHECK(world_log_has(&world, "evidence-quote-extra-data"));
}

static void a_changed_command_line_is_named(void)
{
        peer_boot(&a, "root=UUID=1 ro rd.break");
        CHECK_TEXT(peer_unlock(&a, &world).reason, "policy-command-line");
        peer_boot(&a, "root=UUID=2 ro");
        CHECK_TEXT(peer_unlock(&a, &world).reason, "policy-changed-boot");
        peer_boot(&a, "root=UUID=1 ro");
        CHECK_TEXT(peer_unlock(&a, &world).reason, "");
}

static void another_node_gets_its_own_half_only(void)
{
        Answer answer;

        peer_init(&b);
        CHECK_TEXT(peer_register(&b, &world, first_secret).reason, "");
        CHECK_TEXT(peer_commit(&b, &world, BYTES_LITERAL("cms")).reason, "");
        CHECK(world_cluster(&world, "node approve %02x%02x%02x%02x", b.id[0], b.id[1], b.id[2], b.id[3]) == 0);
        b.claim_id = a.id;
        CHECK_TEXT(peer_unlock(&b, &world).reason, "evidence-quote-signature");
        b.claim_id = NULL;
        answer = peer_unlock(&b, &world);
        CHECK_TEXT(answer.reason, "");
        CHECK(!bytes_equal(BYTES_ARRAY(answer.half), BYTES_ARRAY(cluster_half)));
        CHECK_BYTES(BYTES_ARRAY(answer.half), PROTO_BYTES(b.registered.cluster_half));
}

static void quarantine_holds(void)
{
        CHECK(world_cluster(&world, "node quarantine %02x%02x%02x%02x", a.id[0], a.id[1], a.id[2], a.id[3]) == 0);
        CHECK_TEXT(peer_unlock(&a, &world).reason, "node-quarantined");
        CHECK(world_cluster(&world, "node approve %02x%02x%02x%02x", a.id[0], a.id[1], a.id[2], a.id[3]) == 1);
        CHECK(says("cluster node activate"));
        CHECK(world_cluster(&world, "node activate %02x%02x%02x%02x", a.id[0], a.id[1], a.id[2], a.id[3]) == 0);
        CHECK_TEXT(peer_unlock(&a, &world).reason, "");
}

static void used_secrets_are_refused(void)
{
        Peer c;

        peer_init(&c);
        CHECK_TEXT(peer_register(&c, &world, first_secret).reason, "enrolment-secret-used");
        peer_deinit(&c);
        CHECK(world_cluster(&world, "enrolment list") == 0);
        CHECK(world_cluster(&world, "node remove %02x%02x%02x%02x", b.id[0], b.id[1], b.id[2], b.id[3]) == 0);
        CHECK_TEXT(peer_unlock(&b, &world).reason, "node-unknown");
}

static bool file_has(const char *name, Bytes needle)
{
        cleanup_free uint8_t *content = NULL;
        char path[128];
        size_t size;

        (void)snprintf(path, sizeof(path), "%s/%s", world.dir, name);
        if (access(path, F_OK) < 0) return false;
        CHECK_OK(file_read(path, 1 << 26, &content, &size));
        return memmem(content, size, needle.data, needle.size) != NULL;
}

/* Neither database nor log holds a half or a secret in the clear; that the search finds is shown by the AK. */
static void secrets_are_nowhere_in_the_clear(void)
{
        static const char *const files[] = { "cluster/verifier.db", "cluster/verifier.db-wal", "log" };
        const struct {
                Bytes bytes;
        } secrets[] = { { BYTES_ARRAY(cluster_half) }, { BYTES_ARRAY(first_secret) } };
        cleanup_free char *ak = hex_new(BYTES_ARRAY(a.id));

        CHECK(ak);
        CHECK(file_has("cluster/verifier.db", BYTES_ARRAY(a.id)) ||
              file_has("cluster/verifier.db-wal", BYTES_ARRAY(a.id)));
        CHECK(file_has("log", BYTES(ak, 8)));
        for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
                cleanup_free char *hex = hex_new(secrets[i].bytes);

                CHECK(hex);
                for (size_t f = 0; f < ARRAY_SIZE(files); f++) {
                        CHECK(!file_has(files[f], secrets[i].bytes));
                        CHECK(!file_has(files[f], BYTES(hex, 64)));
                }
        }
        CHECK(world_stop(&world, SIGTERM) == 0);
        CHECK(!file_has("cluster/verifier.db", BYTES_ARRAY(cluster_half)));
}

int main(int argc, char **argv)
{
        char verifier[PATH_MAX], halfkey[PATH_MAX];

        if (argc != 3 || !realpath(argv[1], verifier) || !realpath(argv[2], halfkey)) return 2;
        world_init(&world, verifier, halfkey);
        peer_init(&a);
        RUN(wrong_secrets_enrol_nobody);
        RUN(a_node_enrols);
        RUN(an_operator_adopts_it);
        RUN(the_cap_ends_the_releases);
        RUN(recovery_keys_open_offline);
        RUN(evidence_is_good_once);
        RUN(a_changed_command_line_is_named);
        RUN(another_node_gets_its_own_half_only);
        RUN(quarantine_holds);
        RUN(used_secrets_are_refused);
        RUN(secrets_are_nowhere_in_the_clear);
        peer_deinit(&a);
        peer_deinit(&b);
        world_deinit(&world);
        return 0;
}
