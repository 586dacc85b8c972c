/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each rule of a policy: a boot that it lets pass, and one that it refuses by the event it names. */

#include "verifier/policy-set.h"

#include "check.h"
#include "synth.h"

#include "base/hex.h"

#include <stdarg.h>

static const char line[] = "root=UUID=1 ro quiet";

/* What a boot is made of, and what a test changes of it. */
typedef struct Recipe {
        const char *firmware, *line, *options, *sbat, *late_sbat, *authority, *setting, *setting_value, *db,
                *image, *late_image, *kernel;
        const char *section, *unknown, *initrd;
        bool secure_boot_off, no_dbx, late_dbx, unknown_state, relabelled, config_twice, credential, unseparated;
        unsigned n_dbx;
} Recipe;

typedef struct Boot {
        Synth synth;
        EventLog *log;
        PolicyBoot boot;
} Boot;

static void boot_deinit(Boot *b)
{
        eventlog_free(b->log);
        synth_deinit(&b->synth);
}
#define cleanup_boot _cleanup_(boot_deinit)

static const char * or (const char *text, const char *other)
{
        return text ? text : other;
}

static void put_certificates(Synth *s, const char *name, const char *certificate)
{
        cleanup_writer Writer w = WRITER_INIT(4096);
        Bytes b;

        synth_signature_list(&w, synth_guid_x509, BYTES(certificate, strlen(certificate)), 1);
        CHECK_OK(writer_finish(&w, &b));
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, name, b);
}

static void put_dbx(Synth *s, unsigned n)
{
        cleanup_writer Writer w = WRITER_INIT(65536);
        uint8_t hash[32] = { 0 };
        Bytes b;

        for (unsigned i = 0; i < n; i++) {
                hash[0] = (uint8_t)i;
                synth_signature_list(&w, synth_guid_sha256, BYTES_ARRAY(hash), 1);
        }
        CHECK_OK(writer_finish(&w, &b));
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "dbx", b);
}

static void put_authority(Synth *s, const char *certificate)
{
        cleanup_writer Writer w = WRITER_INIT(4096);
        Bytes b;

        for (int i = 0; i < 16; i++) writer_u8(&w, 0x11);
        writer_text(&w, certificate);
        CHECK_OK(writer_finish(&w, &b));
        synth_variable(s, 7, EV_EFI_VARIABLE_AUTHORITY, "db", b);
}

static void put_section(Synth *s, const char *name, const char *content)
{
        cleanup_writer Writer w = WRITER_INIT(256);
        Bytes b;

        synth_utf16(&w, name, true);
        CHECK_OK(writer_finish(&w, &b));
        synth_event(s, 11, EV_IPL, BYTES(name, strlen(name) + 1), b);
        synth_event(s, 11, EV_IPL, BYTES(content, strlen(content)), b);
}

static void put_options(Synth *s, const char *text)
{
        cleanup_writer Writer w = WRITER_INIT(4096);
        Bytes b;

        synth_utf16(&w, text, true);
        CHECK_OK(writer_finish(&w, &b));
        synth_event(s, 12, EV_IPL, b, b);
}

static void put_version(Synth *s, const char *text)
{
        cleanup_writer Writer w = WRITER_INIT(256);
        Bytes b;

        synth_utf16(&w, text, true);
        CHECK_OK(writer_finish(&w, &b));
        synth_data(s, 0, EV_S_CRTM_VERSION, b);
}

static void boot_init(Boot *b, const Recipe *r)
{
        Synth *s = &b->synth;

        *b = (Boot){ 0 };
        synth_init(s, (const HashAlg[]){ HASH_SHA256, HASH_SHA384 }, 2);
        put_version(s, or (r->firmware, "1.10"));
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot",
                       BYTES(r->secure_boot_off ? "\0" : "\1", 1));
        put_certificates(s, "PK", "0 platform key");
        put_certificates(s, "KEK", "0 exchange key");
        put_certificates(s, "db", or (r->db, "0 signer"));
        if (!r->no_dbx) put_dbx(s, r->n_dbx ? r->n_dbx : 5);
        if (r->config_twice) put_certificates(s, "db", "0 signer");
        if (r->unknown_state)
                synth_event(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, BYTES_LITERAL("x"), BYTES_LITERAL("y"));
        synth_text(s, 4, EV_EFI_ACTION, "Calling EFI Application from Boot Option");
        if (!r->unseparated) synth_separators(s);
        if (r->late_dbx) put_dbx(s, 50);
        put_authority(s, or (r->authority, "0 signer"));
        synth_variable(s, 7, EV_EFI_VARIABLE_AUTHORITY, "SbatLevel",
                       BYTES(or (r->sbat, "sbat,1,2023012900\nshim,2\ngrub,3\n"),
                             strlen(or (r->sbat, "sbat,1,2023012900\nshim,2\ngrub,3\n"))));
        if (r->late_sbat)
                synth_variable(s, 7, EV_EFI_VARIABLE_AUTHORITY, "SbatLevel",
                               BYTES(r->late_sbat, strlen(r->late_sbat)));
        if (r->setting)
                synth_variable(s, 7, EV_EFI_VARIABLE_AUTHORITY, r->setting,
                               BYTES(r->setting_value, strlen(r->setting_value)));
        synth_image(s, 4, or (r->image, "\\EFI\\BOOT\\BOOTX64.EFI"));
        if (r->late_image) synth_image(s, 4, r->late_image);
        if (r->relabelled) synth_event(s, 4, EV_SEPARATOR, BYTES_LITERAL("image evil"), BYTES("\0\0\0\0", 4));
        put_section(s, ".linux", or (r->kernel, "the kernel"));
        put_section(s, ".osrel", "ID=debian");
        if (r->section) put_section(s, r->section, "content");
        if (r->unknown) synth_text(s, 11, EV_IPL, r->unknown);
        if (r->options) put_options(s, r->options);
        if (r->credential) synth_event(s, 12, EV_IPL, BYTES_LITERAL("a secret"), BYTES_LITERAL("credential"));
        synth_load_options(s, or (r->line, line), true);
        synth_event(s, 9, EV_EVENT_TAG, BYTES(or (r->initrd, "initrd"), strlen(or (r->initrd, "initrd"))),
                    BYTES_LITERAL("Linux initrd"));
        CHECK_OK(eventlog_parse(synth_bytes(s), &b->log));
        b->boot = (PolicyBoot){ .log = b->log, .bank = HASH_SHA256, .command_line = or (r->line, line) };
}

/* "NAME=VALUE": the SHA-256 of the variable as synth_variable() has it measured. */
static void hash_of_variable(const char *text, size_t size, uint8_t ret[static SHA256_SIZE])
{
        const size_t n = (size_t)((const char *)memchr(text, '=', size) - text);
        char name[32];
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        (void)snprintf(name, sizeof(name), "%.*s", (int)n, text);
        synth_init(&s, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_variable(&s, 7, EV_EFI_VARIABLE_AUTHORITY, name, BYTES(text + n + 1, size - n - 1));
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_OK(hash_sha256(log->events[log->n_events - 1].data, ret));
}

/* "@text@" in a policy stands for the SHA-256 of the text, "@=NAME=VALUE@" for that of a variable. */
static PolicyDocument *policy(const char *rules)
{
        cleanup_writer Writer w = WRITER_INIT(65536);
        PolicyDocument *p = NULL;
        Bytes text;

        writer_text(&w, "{\"version\": 1, \"name\": \"web\", \"nodes\": {}, ");
        while (*rules) {
                const char *end = *rules == '@' ? strchr(rules + 1, '@') : NULL;
                uint8_t hash[SHA256_SIZE];
                char digits[2 * SHA256_SIZE + 1];

                if (!end) {
                        writer_u8(&w, (uint8_t)*rules++);
                        continue;
                }
                if (rules[1] == '=') hash_of_variable(rules + 2, (size_t)(end - rules - 2), hash);
                else CHECK_OK(hash_sha256(BYTES(rules + 1, (size_t)(end - rules - 1)), hash));
                hex_encode(BYTES_ARRAY(hash), digits);
                writer_text(&w, digits);
                rules = end + 1;
        }
        writer_text(&w, "}");
        CHECK_OK(writer_finish(&w, &text));
        CHECK_OK(policy_document_parse(text, &p));
        p->version = 3;
        return p;
}

/* reason NULL: it passes. names: what the sentence has, the event above all. */
static PolicyFloors judge_held(const char *rules, const Recipe *recipe, PolicyFloors floors, const char *reason,
                               const char *names)
{
        cleanup_policy_document PolicyDocument *p = policy(rules);
        cleanup_boot Boot b = { 0 };
        halfkey_v1_Refusal refusal = { 0 };
        PolicyFloors found = floors;
        int r;

        boot_init(&b, recipe);
        b.boot.floors = floors;
        error_clear();
        r = policy_document_judge(p, &b.boot, &found, &refusal);
        if (!reason && r != 0) fprintf(stderr, "%s: %s %s\n", rules, refusal.reason, refusal.sentence);
        if (reason && r == 0) fprintf(stderr, "it passes: %s\n", rules);
        CHECK_RESULT(r, reason ? VERIFIER_E_REFUSED : 0);
        if (!reason) return found;
        if (strcmp(refusal.reason, reason) != 0) fprintf(stderr, "%s: %s\n", rules, refusal.sentence);
        CHECK_TEXT(refusal.reason, reason);
        if (!strstr(refusal.sentence, names) || !strstr(refusal.sentence, "policy web@3")) {
                fprintf(stderr, "'%s' is not in: %s\n", names, refusal.sentence);
                exit(1);
        }
        return found;
}

static void judge(const char *rules, Recipe recipe, const char *reason, const char *names)
{
        (void)judge_held(rules, &recipe, (PolicyFloors){ 0 }, reason, names);
}

#define STATE "\"secure_boot\": {\"enabled\": true}, \"authorities\": [\"@0 signer@\"], \"sbat\": {}"

#define STATE_AND(hash) \
        "\"secure_boot\": {\"enabled\": true}, \"authorities\": [\"@0 signer@\", \"" hash "\"], \"sbat\": {}"

/* the authority, and shim's text */
#define VOUCHED                                                                    \
        "\"secure_boot\": {\"enabled\": true}, \"authorities\": [\"@0 signer@\", " \
        "\"@=SbatLevel=sbat,1,2023012900\nshim,2\ngrub,3\n@\"], \"pcrs\": "        \
        "[4, 7], "                                                                 \
        "\"images\": {\"by_authority\": true}"

static void secure_boot_and_its_keys(void)
{
        judge("\"secure_boot\": {\"enabled\": true}", (Recipe){ 0 }, NULL, NULL);
        judge("\"secure_boot\": {\"enabled\": true}", (Recipe){ .secure_boot_off = true }, "policy-secure-boot",
              "it is off");
        judge("\"secure_boot\": {\"enabled\": false, \"PK\": {\"certificates\": [\"@0 platform key@\"]}}",
              (Recipe){ 0 }, NULL, NULL);
        judge("\"secure_boot\": {\"enabled\": false, \"PK\": {\"certificates\": [\"@0 another@\"]}}",
              (Recipe){ 0 }, "policy-secure-boot", "secure_boot.PK: event 3 (PCR 7");
        judge("\"secure_boot\": {\"enabled\": false, \"KEK\": {\"certificates\": [\"@0 exchange key@\"]}}",
              (Recipe){ 0 }, NULL, NULL);
        judge("\"secure_boot\": {\"enabled\": false, \"db\": {\"certificates\": [\"@0 signer@\"]}}", (Recipe){ 0 },
              NULL, NULL);
        judge("\"secure_boot\": {\"enabled\": false, \"db\": {\"certificates\": [\"@0 signer@\"]}}",
              (Recipe){ .db = "0 another" }, "policy-secure-boot", "secure_boot.db: event 5 (PCR 7");
        /* what comes later under the name of db is not firmware's db */
        judge("\"secure_boot\": {\"enabled\": false, \"db\": {\"certificates\": [\"@0 signer@\"]}}",
              (Recipe){ .config_twice = true }, NULL, NULL);
        judge("\"secure_boot\": {\"enabled\": false, \"db\": {\"lists\": [\"@something else@\"]}}", (Recipe){ 0 },
              "policy-secure-boot", "PCR 7");
        judge("\"secure_boot\": {\"enabled\": false, \"db\": {\"certificates\": [\"@0 signer@\"]}}",
              (Recipe){ .unseparated = true }, "policy-event", "it has no separator");
        judge("\"dbx\": {\"count\": 5}", (Recipe){ .unseparated = true }, "policy-event",
              "PCR 7: it has no separator");
        judge("\"secure_boot\": {\"enabled\": false}", (Recipe){ .unknown_state = true }, "policy-event",
              "event 7 (PCR 7");
}

static void authorities(void)
{
        judge(STATE ", \"pcrs\": [7]", (Recipe){ 0 }, NULL, NULL);
        judge(STATE ", \"pcrs\": [7]", (Recipe){ .authority = "0 stranger" }, "policy-authority",
              "(PCR 7, EV_EFI_VARIABLE_AUTH");
        /* A second list before the separator is no configuration: it has to be allowed like any other. */
        judge(STATE, (Recipe){ .config_twice = true }, "policy-authority", "event 7 (PCR 7");
        judge(STATE, (Recipe){ .late_dbx = true }, "policy-authority", "(PCR 7");
        judge(STATE ", \"pcrs\": [7]", (Recipe){ .unknown_state = true }, "policy-event", "event 7 (PCR 7");
        /* without a rule on SBAT its text is an authority too */
        judge("\"secure_boot\": {\"enabled\": false}, \"authorities\": [\"@0 signer@\"]", (Recipe){ 0 },
              "policy-authority", "SbatLevel");
}

static void settings_of_shim(void)
{
        static const char *const weak[] = { "MokSBState", "MokDBState", "MokPolicy" };
        const char *by_value = STATE_AND("@\1@"), *trusted = STATE_AND("@=MokListTrusted=\1@");

        judge(trusted, (Recipe){ .setting = "MokListTrusted", .setting_value = "\1" }, NULL, NULL);
        judge(trusted, (Recipe){ .setting = "MokListTrusted", .setting_value = "\2" }, "policy-authority",
              "MokListTrusted");
        judge(by_value, (Recipe){ .setting = "MokListTrusted", .setting_value = "\1" }, "policy-authority",
              "is a setting of shim that is not allowed");
        for (size_t i = 0; i < ARRAY_SIZE(weak); i++) {
                judge(trusted, (Recipe){ .setting = weak[i], .setting_value = "\1" }, "policy-authority", weak[i]);
                judge(by_value, (Recipe){ .setting = weak[i], .setting_value = "\1" }, "policy-authority",
                      weak[i]);
                judge("\"secure_boot\": {\"enabled\": true}",
                      (Recipe){ .setting = weak[i], .setting_value = "\1" }, "policy-authority", weak[i]);
                judge("\"dbx\": {}", (Recipe){ .setting = weak[i], .setting_value = "\1" }, "policy-authority",
                      weak[i]);
        }
        judge(STATE_AND("@=MokSBState=\1@"), (Recipe){ .setting = "MokSBState", .setting_value = "\1" }, NULL,
              NULL);
        judge("\"secure_boot\": {\"enabled\": true}",
              (Recipe){ .setting = "MokListTrusted", .setting_value = "\1" }, NULL, NULL);
        /* a text whose 17th byte is that of a certificate is no certificate behind its owner */
        judge("\"secure_boot\": {\"enabled\": true}, \"authorities\": [\"@0 signer@\", \"@0\nshim,2\ngrub,3\n@\"]",
              (Recipe){ 0 }, "policy-authority", "SbatLevel");
}

static void images(void)
{
        const char *listed = "\"pcrs\": [4], \"images\": {\"digests\": [\"@image \\EFI\\BOOT\\BOOTX64.EFI@\"]}";

        judge(listed, (Recipe){ 0 }, NULL, NULL);
        judge(listed, (Recipe){ .late_image = "\\EFI\\evil.efi" }, "policy-image", "\\EFI\\evil.efi");
        judge(listed, (Recipe){ .image = "\\other.efi" }, "policy-image", "\\other.efi");
        judge(listed, (Recipe){ .relabelled = true }, "policy-image", "(PCR 4, EV_SEPARATOR");
        judge(VOUCHED, (Recipe){ .image = "\\other.efi" }, NULL, NULL);
        judge(VOUCHED, (Recipe){ .image = "\\other.efi", .secure_boot_off = true }, "policy-secure-boot", "off");
        judge(VOUCHED, (Recipe){ .image = "\\other.efi", .authority = "0 stranger" }, "policy-authority", "PCR 7");
}

static void command_lines(void)
{
        judge("\"command_line\": {\"exact\": [\"x\", \"root=UUID=1 ro quiet\"]}", (Recipe){ 0 }, NULL, NULL);
        judge("\"command_line\": {\"exact\": [\"root=UUID=1 ro\"]}", (Recipe){ 0 }, "policy-command-line",
              "root=UUID=1 ro quiet");
        judge("\"command_line\": {\"require\": [\"ro\", \"root\"], \"forbid\": [\"debug\", \"root=UUID=2\"]}",
              (Recipe){ 0 }, NULL, NULL);
        judge("\"command_line\": {\"require\": [\"lockdown=integrity\"]}", (Recipe){ 0 }, "policy-command-line",
              "too, 'lockdown=integrity'");
        judge("\"command_line\": {\"require\": [\"root=UUID\"]}", (Recipe){ 0 }, "policy-command-line",
              "too, 'root=UUID'");
        judge("\"command_line\": {\"forbid\": [\"root\"]}", (Recipe){ 0 }, "policy-command-line", "has 'root'");
        judge("\"command_line\": {\"require\": [\"lockdown=integrity\"]}",
              (Recipe){ .line = "lockdown=integrity lockdown=none" }, "policy-command-line", "another value");
        judge("\"command_line\": {\"forbid\": [\"module.sig-enforce=0\"]}",
              (Recipe){ .line = "Module.sig_enforce=0" }, "policy-command-line", "has 'module");
        judge("\"command_line\": {\"forbid\": [\"debug\"]}", (Recipe){ .line = "ro x=\"a debug b\"" },
              "policy-command-line", "has 'debug'");
        /* covered: nothing else may be in PCR 12 */
        judge("\"pcrs\": [12], \"command_line\": {}", (Recipe){ .options = line }, NULL, NULL);
        judge("\"pcrs\": [12], \"command_line\": {}", (Recipe){ .credential = true }, "policy-event", "(PCR 12");
        judge("\"pcrs\": [12], \"command_line\": {}", (Recipe){ .options = "a credential" }, "policy-command-line",
              "(PCR 12");
}

static void files(void)
{
        judge("\"pcrs\": [9], \"command_line\": {}, \"files\": [\"@initrd@\"]", (Recipe){ 0 }, NULL, NULL);
        judge("\"pcrs\": [9], \"command_line\": {}, \"files\": [\"@initrd@\"]", (Recipe){ .initrd = "another" },
              "policy-file", "(PCR 9");
}

static void unified_kernel_images(void)
{
        const char *rules = "\"pcrs\": [11], \"uki\": {\".linux\": [\"@the kernel@\"], \".osrel\": \"any\"}";

        judge(rules, (Recipe){ 0 }, NULL, NULL);
        judge(rules, (Recipe){ .kernel = "another" }, "policy-uki", "(PCR 11");
        judge(rules, (Recipe){ .section = ".cmdline" }, "policy-uki", "(PCR 11");
        judge(rules, (Recipe){ .unknown = "something" }, "policy-event", "(PCR 11");
        judge("\"uki\": {\".linux\": [\"@the kernel@\"]}", (Recipe){ 0 }, "policy-uki", "(PCR 11");
}

static void revocations(void)
{
        const char *include =
                "\"dbx\": {\"include\": [\"0300000000000000000000000000000000000000000000000000000000000000\"]}";
        PolicyFloors floors;

        judge("\"dbx\": {\"count\": 5}", (Recipe){ 0 }, NULL, NULL);
        judge("\"dbx\": {\"count\": 6}", (Recipe){ 0 }, "policy-dbx", "dbx.count: event 6 (PCR 7");
        judge("\"dbx\": {\"count\": 6}", (Recipe){ .late_dbx = true }, "policy-dbx", "event 6 (PCR 7");
        judge("\"dbx\": {\"count\": 0}", (Recipe){ .no_dbx = true }, "policy-dbx", "not measured before");
        judge("\"dbx\": {\"count\": 0}", (Recipe){ .no_dbx = true, .late_dbx = true }, "policy-dbx",
              "not measured before");
        judge(include, (Recipe){ 0 }, NULL, NULL);
        judge(include, (Recipe){ .n_dbx = 3 }, "policy-dbx", "dbx.include: event 6 (PCR 7");
        floors = judge_held("\"dbx\": {\"monotonic\": true}", &(Recipe){ .n_dbx = 8 }, (PolicyFloors){ 0 }, NULL,
                            NULL);
        CHECK(floors.dbx == 8);
        (void)judge_held("\"dbx\": {\"monotonic\": true}", &(Recipe){ .n_dbx = 7 }, floors, "policy-dbx",
                         "dbx.monotonic: event 6 (PCR 7");
        (void)judge_held("\"dbx\": {}", &(Recipe){ .n_dbx = 7 }, floors, NULL, NULL);
}

static void sbat_levels(void)
{
        PolicyFloors floors;

        judge("\"sbat\": {\"level\": 2023012900, \"components\": {\"shim\": 2, \"grub\": 3}}", (Recipe){ 0 }, NULL,
              NULL);
        judge("\"sbat\": {\"level\": 2024010100}", (Recipe){ 0 }, "policy-sbat", "sbat.level: event");
        judge("\"sbat\": {\"components\": {\"grub\": 4}}", (Recipe){ 0 }, "policy-sbat", "SbatLevel");
        judge("\"sbat\": {\"components\": {\"other\": 1}}", (Recipe){ 0 }, "policy-sbat", "SbatLevel");
        /* what is measured behind the true one does not help */
        judge("\"sbat\": {\"level\": 2024010100}", (Recipe){ .late_sbat = "sbat,1,2025010100\n" }, "policy-sbat",
              "SbatLevel");
        judge("\"sbat\": {\"components\": {\"shim\": 2}}",
              (Recipe){ .sbat = "sbat,1,2\nshim,1\n", .late_sbat = "sbat,1,2\nshim,2\n" }, "policy-sbat",
              "SbatLevel");
        /* one has the lower level, the other the lower generation: both count */
        judge("\"sbat\": {\"components\": {\"shim\": 3}}",
              (Recipe){ .sbat = "sbat,1,20\nshim,2\n", .late_sbat = "sbat,1,10\nshim,9\n" }, "policy-sbat",
              "sbat.components");
        judge("\"sbat\": {\"components\": {\"shim\": 3}}",
              (Recipe){ .sbat = "sbat,1,20\nshim,9\n", .late_sbat = "sbat,1,10\nshim,2\n" }, "policy-sbat",
              "sbat.components");
        judge("\"sbat\": {\"components\": {\"shim\": 2}}", (Recipe){ .sbat = "sbat,1,2\nshim,2\nshim,1\n" },
              "policy-sbat", "sbat.components");
        judge("\"sbat\": {\"components\": {\"shim\": 2, \"sbat\": 1}}", (Recipe){ .sbat = "sbat,1,2\nshim,2,x" },
              NULL, NULL);
        judge("\"sbat\": {\"components\": {\"shim\": 1}}", (Recipe){ .sbat = "sbat,1,2\nshim,2x\n" },
              "policy-sbat", "sbat.components");
        judge("\"sbat\": {\"components\": {\"shim\": 1}}", (Recipe){ .sbat = "sbat,1,2\nshim,-1\n" },
              "policy-sbat", "sbat.components");
        judge("\"sbat\": {\"components\": {\"shim\": 1}}", (Recipe){ .sbat = "sbat,1,2\nshim, 9\n" },
              "policy-sbat", "sbat.components");
        judge("\"sbat\": {\"level\": 1}", (Recipe){ .sbat = "sbat,1,2023012900x\n" }, "policy-sbat", "sbat.level");
        judge("\"sbat\": {\"level\": 1}", (Recipe){ .sbat = "sbat,1,99999999999999999999\n" }, "policy-sbat",
              "sbat.level");
        judge("\"sbat\": {\"level\": 1}", (Recipe){ .sbat = "nonsense" }, "policy-sbat", "SbatLevel");
        floors = judge_held("\"sbat\": {\"monotonic\": true}", &(Recipe){ 0 }, (PolicyFloors){ 0 }, NULL, NULL);
        CHECK(floors.sbat == 2023012900);
        (void)judge_held("\"sbat\": {\"monotonic\": true}", &(Recipe){ .sbat = "sbat,1,2022111500\n" }, floors,
                         "policy-sbat", "sbat.monotonic: event");
}

static void firmware_versions(void)
{
        PolicyFloors floors;

        judge("\"firmware\": {\"versions\": [\"1.9\", \"1.10\"]}", (Recipe){ 0 }, NULL, NULL);
        judge("\"firmware\": {\"versions\": [\"1.9\"]}", (Recipe){ 0 }, "policy-firmware", "event 1 (PCR 0");
        judge("\"firmware\": {\"minimum\": \"1.9\"}", (Recipe){ 0 }, NULL, NULL);
        judge("\"firmware\": {\"minimum\": \"1.11\"}", (Recipe){ 0 }, "policy-firmware", "event 1 (PCR 0");
        floors = judge_held("\"firmware\": {\"monotonic\": true}", &(Recipe){ 0 }, (PolicyFloors){ 0 }, NULL,
                            NULL);
        CHECK_TEXT(floors.firmware, "1.10");
        (void)judge_held("\"firmware\": {\"monotonic\": true}", &(Recipe){ .firmware = "1.9" }, floors,
                         "policy-firmware", "event 1 (PCR 0");
        CHECK(policy_version_compare("1.9", "1.10") < 0 && policy_version_compare("01.2", "1.2") == 0);
        CHECK(policy_version_compare("", "1") < 0 && policy_version_compare("1.2b", "1.2a") > 0);
        CHECK(policy_version_compare("2", "10") < 0 && policy_version_compare("2.0", "2") > 0);
}

static void golden_values(void)
{
        cleanup_boot Boot b = { 0 };
        PcrValues values;
        char digits[2 * SHA256_SIZE + 1], rules[256];

        boot_init(&b, &(Recipe){ 0 });
        CHECK_OK(eventlog_replay(b.log, HASH_SHA256, &values));
        hex_encode(pcr_value(&values, 0), digits);
        (void)snprintf(rules, sizeof(rules), "\"pcrs\": [0], \"golden\": {\"0\": [\"@other@\", \"%s\"]}", digits);
        judge(rules, (Recipe){ 0 }, NULL, NULL);
        judge(rules, (Recipe){ .firmware = "1.11" }, "policy-pcr", "golden.0: event");
}

static void another_bank_is_another_digest(void)
{
        cleanup_policy_document PolicyDocument *p = policy(
                "\"images\": {\"digests\": [\"@image \\EFI\\BOOT\\BOOTX64.EFI@\"]}");
        halfkey_v1_Refusal refusal;
        cleanup_boot Boot b = { 0 };
        PolicyFloors found = { 0 };

        boot_init(&b, &(Recipe){ 0 });
        b.boot.bank = HASH_SHA384;
        CHECK_RESULT(policy_document_judge(p, &b.boot, &found, &refusal), VERIFIER_E_REFUSED);
        CHECK_TEXT(refusal.reason, "policy-image");
}

static void all_that_match_apply(void)
{
        cleanup_boot Boot b = { 0 };
        halfkey_v1_Refusal refusal;
        char names[POLICY_NAMES_MAX];
        PolicyFloors found = { 0 };
        PolicySet set = { 0 };
        Labels labels = { 0 };
        PolicyDocument *one = policy(
                               "\"pcrs\": [4], \"images\": {\"digests\": [\"@image \\EFI\\BOOT\\BOOTX64.EFI@\"]}"),
                       *two = policy("\"pcrs\": [11], \"uki\": {\".linux\": [\"@another@\"]}");
        uint32_t pcrs = 99;

        (void)snprintf(two->name, sizeof(two->name), "a-second");
        CHECK_OK(labels_set(&two->nodes, "role", "web"));
        CHECK_OK(policy_set_put(&set, one));
        CHECK_OK(policy_set_put(&set, two));
        CHECK_TEXT(set.policy[0]->name, "a-second");
        boot_init(&b, &(Recipe){ 0 });
        CHECK_OK(policy_set_judge(&set, &labels, &b.boot, &found, &refusal, &pcrs));
        CHECK(pcrs == 1U << 4);
        policy_set_names(&set, &labels, names);
        CHECK_TEXT(names, "web@3");
        CHECK_OK(labels_set(&labels, "role", "web"));
        CHECK_RESULT(policy_set_judge(&set, &labels, &b.boot, &found, &refusal, &pcrs), VERIFIER_E_REFUSED);
        CHECK_TEXT(refusal.reason, "policy-uki");
        policy_set_names(&set, &labels, names);
        CHECK_TEXT(names, "a-second@3, web@3");
        policy_set_remove(&set, "web");
        CHECK(set.n == 1 && !policy_set_find(&set, "web"));
        policy_set_deinit(&set);
}

int main(void)
{
        RUN(secure_boot_and_its_keys);
        RUN(authorities);
        RUN(settings_of_shim);
        RUN(images);
        RUN(command_lines);
        RUN(files);
        RUN(unified_kernel_images);
        RUN(revocations);
        RUN(sbat_levels);
        RUN(firmware_versions);
        RUN(golden_values);
        RUN(another_bank_is_another_digest);
        RUN(all_that_match_apply);
        return 0;
}
