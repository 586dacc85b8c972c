/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Policies as they are written: what is read of them, and what is refused where. */

#include "verifier/policy-document.h"

#include "check.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD "{\"version\": 1, \"name\": \"web\", \"nodes\": {}"

static int parse(const char *text, PolicyDocument **ret)
{
        return policy_document_parse(BYTES(text, strlen(text)), ret);
}

static void everything_is_read(void)
{
        static const char text[] =
                "{\"version\": 1, \"name\": \"web-1\", \"description\": \"x\", \"nodes\": {\"role\": \"web\", "
                "\"a\": \"\"},"
                "\"pcrs\": [4, 7, 9, 11, 12, 0], \"secure_boot\": {\"enabled\": true, \"PK\": {\"lists\": "
                "[\"" HEX64 "\"]},"
                "\"db\": {\"certificates\": [\"" HEX64 "\"]}}, \"authorities\": [\"" HEX64 "\"],"
                "\"images\": {\"digests\": [\"" HEX64 "\", \"" HEX64 HEX64 "\"]},"
                "\"command_line\": {\"exact\": [\"a b\"], \"require\": [\"ro\"], \"forbid\": [\"debug\", "
                "\"x=1\"]},"
                "\"files\": [], \"uki\": {\".linux\": [\"" HEX64 "\"], \".osrel\": \"any\"},"
                "\"dbx\": {\"include\": [\"" HEX64 "\"], \"count\": 200, \"monotonic\": true},"
                "\"sbat\": {\"level\": 2023012900, \"components\": {\"shim\": 2}, \"monotonic\": true},"
                "\"firmware\": {\"versions\": [\"1.2\"], \"minimum\": \"1.1\", \"monotonic\": true},"
                "\"golden\": {\"0\": [\"" HEX64 "\"]}}";
        cleanup_policy_document PolicyDocument *p = NULL;
        char shorter[sizeof(text)];
        const char *cut;

        /* 128 digits are no digest of any bank. */
        CHECK_RESULT(parse(text, &p), -EBADMSG);
        CHECK(strstr(error_detail(-1), "$.images.digests[1]"));
        cut = strstr(text, ", \"" HEX64 HEX64);
        (void)snprintf(shorter, sizeof(shorter), "%.*s%s", (int)(cut - text), text, cut + 4 + 128);
        CHECK_OK(parse(shorter, &p));
        CHECK_TEXT(p->name, "web-1");
        CHECK(p->pcrs == (1U << 0 | 1U << 4 | 1U << 7 | 1U << 9 | 1U << 11 | 1U << 12));
        CHECK(p->nodes.n == 2);
        CHECK_TEXT(p->nodes.label[1].value, "web");
        CHECK(p->secure_boot.enabled && p->secure_boot.pk.lists.n == 1 && !p->secure_boot.kek.present);
        CHECK(p->secure_boot.db.certificates.n == 1 && p->authorities.digests.n == 1 && p->images.digests.n == 1);
        CHECK(p->command_line.forbid.n == 2 && p->files.present && p->files.digests.n == 0);
        CHECK(p->uki.n == 2 && !p->uki.section[0].any && p->uki.section[1].any);
        CHECK(p->dbx.count == 200 && p->dbx.monotonic && p->sbat.level == 2023012900 && p->sbat.n == 1);
        CHECK(p->firmware.versions.n == 1 && p->golden_pcrs == 1 && p->golden[0].n == 1);
        CHECK(p->golden[0].digest[0].alg == HASH_SHA256 && p->golden[0].digest[0].bytes[1] == 0x11);
}

static void mistakes_are_named_by_their_path(void)
{
        static const struct {
                const char *text, *names;
        } bad[] = {
                { "", "" },
                { "[]", "$: not an object" },
                { "{}", "$.version" },
                { "{\"version\": 2}", "$.version" },
                { "{\"version\": 1}", "$.name" },
                { "{\"version\": 1, \"name\": \"W\", \"nodes\": {}}", "$.name" },
                { "{\"version\": 1, \"name\": \"w\"}", "$.nodes" },
                { "{\"version\": 1, \"name\": \"w\", \"nodes\": []}", "$.nodes" },
                { "{\"version\": 1, \"name\": \"w\", \"nodes\": {\"a b\": \"c\"}}", "$.nodes.a b" },
                { "{\"version\": 1, \"name\": \"w\", \"nodes\": {\"a\": 1}}", "$.nodes.a" },
                { HEAD ", \"comment\": \"\"}", "$: unknown member 'comment'" },
                { HEAD ", \"pcrs\": [15]}", "$.pcrs[0]" },
                { HEAD ", \"pcrs\": [10]}", "$.pcrs[0]" },
                { HEAD ", \"pcrs\": [16]}", "$.pcrs[0]" },
                { HEAD ", \"pcrs\": 4}", "$.pcrs" },
                { HEAD ", \"pcrs\": [4.0]}", "$.pcrs[0]" },
                { HEAD ", \"pcrs\": [4]}", "PCR 4 is covered" },
                { HEAD ", \"secure_boot\": {}}", "$.secure_boot.enabled: missing" },
                { HEAD ", \"pcrs\": [7], \"secure_boot\": {}, \"authorities\": []}",
                  "$.secure_boot.enabled: missing" },
                { HEAD ", \"pcrs\": [7], \"secure_boot\": {\"enabled\": true}}", "PCR 7 is covered" },
                { HEAD ", \"pcrs\": [7], \"secure_boot\": {\"enabled\": false}, \"authorities\": []}",
                  "PCR 7 is covered" },
                { HEAD ", \"pcrs\": [7], \"secure_boot\": {\"enabled\": true}, \"authorities\": []}", NULL },
                { HEAD ", \"pcrs\": [5]}", "PCR 5 is covered" },
                { HEAD ", \"secure_boot\": null}", "$.secure_boot: null" },
                { HEAD ", \"secure_boot\": {\"Enabled\": true}}", "$.secure_boot: unknown member 'Enabled'" },
                { HEAD ", \"secure_boot\": {\"enabled\": 1}}", "$.secure_boot.enabled" },
                { HEAD ", \"secure_boot\": {\"enabled\": true, \"PK\": {}}}", "$.secure_boot.PK" },
                { HEAD ", \"secure_boot\": {\"enabled\": true, \"PK\": {\"lists\": [\"00\"]}}}",
                  "$.secure_boot.PK.lists[0]" },
                { HEAD ", \"authorities\": [\"" HEX64 "00112233445566778899aabbccddeeff\"]}", "$.authorities[0]" },
                { HEAD ", \"authorities\": {}}", "$.authorities" },
                { HEAD ", \"images\": {\"by_authority\": true}}", "$.images" },
                { HEAD ", \"images\": {\"digests\": [\"" HEX64 "\", 5]}}", "$.images.digests[1]" },
                { HEAD ", \"command_line\": {\"require\": [\"\"]}}", "$.command_line.require[0]" },
                { HEAD ", \"command_line\": {\"forbid\": \"x\"}}", "$.command_line.forbid" },
                { HEAD ", \"command_line\": {\"forbid\": [\"a\\u202eb\"]}}", "$.command_line.forbid[0]" },
                { HEAD ", \"firmware\": {\"minimum\": \"1\\u001b[2J\"}}", "$.firmware.minimum" },
                { HEAD ", \"uki\": {\"linux\": \"any\"}}", "$.uki.linux" },
                { HEAD ", \"uki\": {\".linux\": \"all\"}}", "$.uki..linux" },
                { HEAD ", \"uki\": [\".linux\"]}", "$.uki" },
                { HEAD ", \"dbx\": {\"count\": -1}}", "$.dbx.count" },
                { HEAD ", \"sbat\": {\"components\": {\"shim\": \"2\"}}}", "$.sbat.components.shim" },
#define VOUCHED ", \"secure_boot\": {\"enabled\": true}, \"authorities\": [], \"images\": {\"by_authority\": true}"
                { HEAD ", \"pcrs\": [4, 7]" VOUCHED ", \"sbat\": {}}", "$.sbat: needs images.digests" },
                { HEAD ", \"pcrs\": [7]" VOUCHED ", \"sbat\": {}}", NULL },
                { HEAD ", \"pcrs\": [4, 7]" VOUCHED "}", NULL },
                { HEAD ", \"pcrs\": [4, 7]" VOUCHED ", \"sbat\": {}, \"golden\": {\"4\": [\"" HEX64 "\"]}}",
                  NULL },
                { HEAD ", \"pcrs\": [4], \"images\": {\"digests\": []}, \"sbat\": {}}", NULL },
                { HEAD ", \"firmware\": {\"minimum\": 1}}", "$.firmware.minimum" },
                { HEAD ", \"golden\": {\"15\": [\"" HEX64 "\"]}}", "$.golden.15" },
                { HEAD ", \"golden\": {\"04\": [\"" HEX64 "\"]}}", "$.golden.04" },
                { HEAD ", \"golden\": {\"0\": []}}", "$.golden.0" },
                { HEAD "} ", NULL },
                { HEAD "} x", "" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                cleanup_policy_document PolicyDocument *p = NULL;
                const int r = parse(bad[i].text, &p);

                if (!bad[i].names) {
                        CHECK_OK(r);
                        continue;
                }
                if (r != -EBADMSG || !strstr(error_detail(r), bad[i].names)) {
                        fprintf(stderr, "%s: %d %s\n", bad[i].text, r, error_detail(r));
                        exit(1);
                }
                CHECK(!p);
        }
}

static void labels_choose_nodes(void)
{
        Labels l = { 0 }, wanted = { 0 };

        CHECK(labels_match(&l, &wanted)); /* {}: every node */
        CHECK_OK(labels_change(&l, "role=web"));
        CHECK_OK(labels_change(&l, "a="));
        CHECK_OK(labels_change(&l, "zone=b/1"));
        CHECK(l.n == 3);
        CHECK_TEXT(l.label[0].key, "a");
        CHECK_OK(labels_set(&wanted, "role", "web"));
        CHECK(labels_match(&l, &wanted));
        CHECK_OK(labels_set(&wanted, "zone", "c"));
        CHECK(!labels_match(&l, &wanted));
        CHECK_OK(labels_change(&l, "zone=c"));
        CHECK(labels_match(&l, &wanted) && l.n == 3);
        CHECK_OK(labels_change(&l, "role-"));
        CHECK(!labels_match(&l, &wanted) && l.n == 2);
        CHECK_RESULT(labels_change(&l, "role-"), -EINVAL);
        CHECK_RESULT(labels_change(&l, "role"), -EINVAL);
        CHECK_RESULT(labels_change(&l, "=x"), -EINVAL);
        CHECK_RESULT(labels_change(&l, "a=b c"), -EINVAL);
        CHECK_RESULT(labels_change(&l, ""), -EINVAL);
        CHECK_RESULT(labels_change(&l, "-"), -EINVAL);
        for (int i = 2; i < LABELS_MAX; i++) {
                const char text[] = { (char)('k' + i), '=', '1', 0 };

                CHECK_OK(labels_change(&l, text));
        }
        CHECK_RESULT(labels_change(&l, "one-more=1"), -ENOSPC);
}

/* Every file in docs/policies. */
static void worked_examples_parse(const char *folder)
{
        DIR *d = opendir(folder);
        unsigned n = 0;

        CHECK(d);
        for (const struct dirent *e; (e = readdir(d));) {
                cleanup_policy_document PolicyDocument *p = NULL;
                cleanup_free uint8_t *text = NULL;
                char path[512];
                size_t size;

                if (!strstr(e->d_name, ".json")) continue;
                (void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
                CHECK_OK(file_read(path, POLICY_SIZE_MAX, &text, &size));
                CHECK_OK(policy_document_parse(BYTES(text, size), &p));
                n++;
        }
        CHECK(n >= 2 && closedir(d) == 0);
}

int main(int argc, char **argv)
{
        RUN(everything_is_read);
        RUN(mistakes_are_named_by_their_path);
        RUN(labels_choose_nodes);
        CHECK(argc == 2);
        worked_examples_parse(argv[1]);
        return 0;
}
