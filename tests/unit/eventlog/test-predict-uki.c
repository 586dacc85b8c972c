/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is said of a new UKI where its stub takes one of several sections, where a command line comes or goes, and
 * where today's boot had more than the UKI. Whole boots are in the command's test. */

#include "check.h"
#include "eventlog/predict.h"
#include "synth.h"

#include <stdio.h>

static const HashAlg banks[] = { HASH_SHA256 };

enum {
        CONFIGURATION = 1 << 1,
        IMAGES = 1 << 4,
        KERNEL = 1 << 9,
        UKI = 1 << 11,
        OPTIONS = 1 << 12,
        EXTENSIONS = 1 << 13,
        OF_STUB = IMAGES | KERNEL | UKI | OPTIONS | EXTENSIONS | CONFIGURATION,
};

#define SECTION(name, text)                                       \
        {                                                         \
                name,                                             \
                {                                                 \
                        (const uint8_t *)(text), sizeof(text) - 1 \
                }                                                 \
        }
#define STUB(version) SECTION(".sdmagic", "#### LoaderInfo: systemd-stub " version " ####")

/* A boot of a UKI; the texts end with the first NULL. */
typedef struct Boot {
        const SynthSection *sections;
        size_t n;
        bool secure, payload;
        const char *options[3];  /* command lines in PCR 12 */
        const char *archives[3]; /* what the stub says it packed, in PCR 12, 13 for system extensions */
        uint32_t tag;            /* one event of an add-on or a profile in PCR 12; 0 for none */
        const char *line;        /* what the kernel got, in PCR 9 */
} Boot;

typedef struct Scene {
        Synth synth;
        EventLog *log;
        Prediction *p;
        Writer uki;
} Scene;

static void scene_end(Scene *s)
{
        prediction_free(s->p);
        eventlog_free(s->log);
        synth_deinit(&s->synth);
        writer_deinit(&s->uki);
}
#define cleanup_scene _cleanup_(scene_end)

static void put_tag(Synth *s, uint32_t pcr, uint32_t id, Bytes hashed)
{
        cleanup_writer Writer data = WRITER_INIT(64);

        writer_le32(&data, id);
        writer_le32(&data, 0);
        synth_event(s, pcr, EV_EVENT_TAG, hashed, BYTES(data.data, data.size));
}

static void put_described(Synth *s, uint32_t pcr, Bytes hashed, const char *description)
{
        cleanup_writer Writer data = WRITER_INIT(256);

        synth_utf16(&data, description, true);
        synth_event(s, pcr, EV_IPL, hashed, BYTES(data.data, data.size));
}

static void put_sections(Synth *s, const Boot *b)
{
        for (size_t i = 0; i < b->n; i++) {
                const char *name = b->sections[i].name;

                if (strcmp(name, ".sdmagic") == 0) continue;
                put_described(s, 11, BYTES(name, strlen(name) + 1), name);
                put_described(s, 11, b->sections[i].content, name);
        }
}

static void put_payload(Synth *s)
{
        cleanup_writer Writer data = WRITER_INIT(64);

        for (int i = 0; i < 24; i++) writer_u8(&data, 0);
        writer_le64(&data, 24);
        writer_bytes(&data, BYTES("\4\3\x14\0\xf8\xd1\xc5\x55\xcd\4\xb5\x46\x8a\x20\xe5\x6c\xbb\x30\x52\xd0", 20));
        writer_bytes(&data, BYTES("\x7f\xff\4\0", 4));
        synth_event(s, 4, EV_EFI_BOOT_SERVICES_APPLICATION, BYTES_LITERAL("kernel"), BYTES(data.data, data.size));
}

static void put_boot(Synth *s, const Boot *b)
{
        synth_init(s, banks, ARRAY_SIZE(banks));
        synth_variable(s, 1, EV_EFI_VARIABLE_BOOT, "BootOrder", BYTES("\0\0", 2));
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", BYTES(b->secure ? "\1" : "\0", 1));
        synth_separators(s);
        synth_image(s, 4, "\\EFI\\Linux\\a.efi");
        if (b->tag) put_tag(s, 12, b->tag, BYTES_LITERAL("what was added"));
        put_sections(s, b);
        for (size_t i = 0; i < ARRAY_SIZE(b->options) && b->options[i]; i++) {
                cleanup_writer Writer text = WRITER_INIT(4096);

                synth_utf16(&text, b->options[i], true);
                synth_data(s, 12, EV_IPL, BYTES(text.data, text.size));
        }
        for (size_t i = 0; i < ARRAY_SIZE(b->archives) && b->archives[i]; i++)
                put_described(s, strstr(b->archives[i], "ystem extension") ? 13 : 12, BYTES_LITERAL("an archive"),
                              b->archives[i]);
        if (b->payload) put_payload(s);
        if (b->line) synth_load_options(s, b->line, true);
        put_tag(s, 9, 0x8f3b22ec, BYTES_LITERAL("initrd"));
}

static void begin(Scene *s, const Boot *today)
{
        put_boot(&s->synth, today);
        CHECK_OK(eventlog_parse(synth_bytes(&s->synth), &s->log));
        CHECK_OK(prediction_new(s->log, &s->p));
}

static PredictedPcrs finish(Scene *s)
{
        PredictedPcrs pcrs;

        CHECK_OK(prediction_finish(s->p));
        CHECK_OK(prediction_pcrs(s->p, HASH_SHA256, &pcrs));
        return pcrs;
}

/* The PCRs with a UKI of these sections, found by its path. */
static PredictedPcrs predict(Scene *s, const Boot *today, const SynthSection *sections, size_t n)
{
        ImageChange change = { .kind = PREDICT_UKI, .path = "/a.efi" };

        begin(s, today);
        s->uki = (Writer)WRITER_INIT(1 << 20);
        synth_pe(&s->uki, sections, n, (Bytes){ 0 });
        change.now = BYTES(s->uki.data, s->uki.size);
        CHECK_OK(prediction_image(s->p, &change));
        return finish(s);
}

static const char *reason(const Scene *s, const PredictedPcrs *pcrs, unsigned pcr)
{
        PredictedEvent event;

        CHECK(pcrs->unknown >> pcr & 1);
        CHECK(prediction_event(s->p, pcrs->why[pcr], &event));
        return event.text;
}

static void check_value(const PredictedPcrs *pcrs, unsigned pcr, const Boot *next)
{
        cleanup_scene Scene s = { 0 };
        PcrValues values;

        CHECK((pcrs->known >> pcr & 1) && !(pcrs->unknown >> pcr & 1));
        begin(&s, next);
        CHECK_OK(eventlog_replay(s.log, HASH_SHA256, &values));
        CHECK_BYTES(pcr_value(&pcrs->values, pcr), pcr_value(&values, pcr));
}

static const SynthSection plain[] = { STUB("252.39-1"), SECTION(".osrel", "ID=one\n"), SECTION(".cmdline", "ro") };
static const Boot plain_boot = { plain, ARRAY_SIZE(plain), .line = "ro" };

/* ---- which section ---------------------------------------------------------------------------------------- */

typedef struct Choice {
        SynthSection sections[5];
        unsigned unknown;
        const char *why; /* of the first PCR of them that the stub measures sections in: 11 */
} Choice;

static const Choice choices[] = {
        { { STUB("256.1"), SECTION(".cmdline", "ro"), SECTION(".initrd", "x") }, 0, NULL },
        { { STUB("257"), SECTION(".cmdline", "ro"), SECTION(".initrd", "x"), SECTION(".profile", "ID=a") },
          0,
          NULL },
        { { STUB("257"), SECTION(".cmdline", "ro"), SECTION(".profile", "ID=a"), SECTION(".profile", "ID=b") },
          KERNEL | UKI | OPTIONS,
          "several profiles" },
        { { STUB("256"), SECTION(".cmdline", "ro"), SECTION(".profile", "ID=a"), SECTION(".profile", "ID=b") },
          KERNEL | UKI | OPTIONS,
          "several profiles" },
        { { STUB("257"), SECTION(".cmdline", "ro"), SECTION(".dtb", "a"), SECTION(".dtb", "b") },
          KERNEL | UKI | OPTIONS,
          "2 sections .dtb" },
        { { STUB("252"), SECTION(".cmdline", "ro"), SECTION(".cmdline", "rw") },
          KERNEL | UKI | OPTIONS,
          "2 sections .cmdline" },
        { { STUB("252"), SECTION(".cmdline", "ro"), SECTION(".pcrsig", "{}"), SECTION(".pcrsig", "{}") },
          KERNEL | UKI | OPTIONS,
          "2 sections .pcrsig" },
        { { STUB("257"), SECTION(".cmdline", "ro"), SECTION(".dtbauto", "a") },
          UKI,
          ".dtbauto depends on the hardware" },
        { { STUB("257"), SECTION(".cmdline", "ro"), SECTION(".hwids", "a") },
          UKI,
          ".hwids depends on the hardware" },
        { { STUB("258"), SECTION(".cmdline", "ro"), SECTION(".efifw", "a") },
          UKI,
          ".efifw depends on the hardware" },
        /* Versions that do not know the section leave it alone. */
        { { STUB("256"), SECTION(".cmdline", "ro"), SECTION(".dtbauto", "a"), SECTION(".hwids", "b") }, 0, NULL },
        { { STUB("257"), SECTION(".cmdline", "ro"), SECTION(".efifw", "a") }, 0, NULL },
        { { STUB("260"), SECTION(".cmdline", "ro") },
          CONFIGURATION | KERNEL | UKI | OPTIONS | EXTENSIONS,
          "systemd-stub 260" },
        { { STUB("251"), SECTION(".cmdline", "ro") },
          CONFIGURATION | KERNEL | UKI | OPTIONS | EXTENSIONS,
          "before 252" },
        { { SECTION(".cmdline", "ro") }, CONFIGURATION | KERNEL | UKI | OPTIONS | EXTENSIONS, ".sdmagic" },
};

static void a_stub_that_takes_one_of_several_leaves_its_pcrs_unknown(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
                cleanup_scene Scene s = { 0 };
                Boot today = plain_boot;
                PredictedPcrs pcrs;
                size_t n = 0;

                today.secure = true;
                while (n < ARRAY_SIZE(choices[i].sections) && choices[i].sections[n].name) n++;
                pcrs = predict(&s, &today, choices[i].sections, n);
                if ((pcrs.unknown & OF_STUB & ~(unsigned)IMAGES) != choices[i].unknown)
                        fprintf(stderr, "choice %zu: unknown are 0x%x\n", i, (unsigned)pcrs.unknown);
                CHECK((pcrs.unknown & OF_STUB & ~(unsigned)IMAGES) == choices[i].unknown);
                if (choices[i].unknown) CHECK(strstr(reason(&s, &pcrs, 11), choices[i].why));
        }
}

static void a_single_profile_is_a_section_like_others(void)
{
        static const SynthSection now[] = { STUB("257.1"), SECTION(".osrel", "ID=two\n"),
                                            SECTION(".cmdline", "ro"), SECTION(".profile", "ID=a\n") };
        const Boot next = { now, ARRAY_SIZE(now), .line = "ro" };
        cleanup_scene Scene s = { 0 };
        PredictedPcrs pcrs;

        pcrs = predict(&s, &plain_boot, now, ARRAY_SIZE(now));
        check_value(&pcrs, 11, &next);
}

/* ---- the command line ------------------------------------------------------------------------------------- */

/* With and without today's file, and whether Secure Boot is on or not. */
static void a_command_line_that_comes_or_goes_is_unknown(void)
{
        static const SynthSection without[] = { STUB("252"), SECTION(".osrel", "ID=two\n") };

        for (unsigned way = 0; way < 8; way++) {
                const bool gains = way & 1;
                cleanup_scene Scene s = { 0 };
                Boot today = plain_boot;
                PredictedPcrs pcrs;

                today.secure = way & 2;
                today.options[0] = way & 4 ? "typed" : NULL;
                if (gains) {
                        today.sections = without;
                        today.n = ARRAY_SIZE(without);
                }
                pcrs = gains ? predict(&s, &today, plain, ARRAY_SIZE(plain))
                             : predict(&s, &today, without, ARRAY_SIZE(without));
                CHECK((pcrs.unknown & (KERNEL | UKI | OPTIONS)) == (KERNEL | OPTIONS));
                CHECK(strstr(reason(&s, &pcrs, 12),
                             gains ? "and today's has none" : "has no command line of its own"));
        }
}

/* Neither has one: what a loader passed stays. */
static void without_a_command_line_of_its_own_the_passed_one_stays(void)
{
        static const SynthSection was[] = { STUB("252"), SECTION(".osrel", "ID=one\n") };
        static const SynthSection now[] = { STUB("252"), SECTION(".osrel", "ID=two\n") };
        const Boot today = { was, ARRAY_SIZE(was), .options = { "root=/dev/sda" }, .line = "root=/dev/sda" };
        cleanup_scene Scene s = { 0 };
        PredictedPcrs pcrs;

        pcrs = predict(&s, &today, now, ARRAY_SIZE(now));
        CHECK((pcrs.known & OPTIONS) && !(pcrs.changed & OPTIONS));
}

static void a_command_line_that_versions_read_differently_is_unknown(void)
{
        static const SynthSection empty[] = { STUB("252"), SECTION(".cmdline", "\n") };
        static const SynthSection spaced[] = { STUB("252"), SECTION(".cmdline", " ro") };
        cleanup_scene Scene a = { 0 }, b = { 0 };
        PredictedPcrs pcrs;

        pcrs = predict(&a, &plain_boot, empty, ARRAY_SIZE(empty));
        CHECK((pcrs.unknown & (KERNEL | UKI | OPTIONS)) == (KERNEL | OPTIONS));
        pcrs = predict(&b, &plain_boot, spaced, ARRAY_SIZE(spaced));
        CHECK((pcrs.unknown & (KERNEL | UKI | OPTIONS)) == (KERNEL | OPTIONS));
}

/* A line that was typed in the menu is measured by systemd-boot; whether the kernel got it is Secure Boot's to
 * say, and PCR 9 shows it. The initrd's own rule needs the UKI of today, so only the line's event is looked at. */
static void a_typed_line_stays_and_the_kernel_gets_what_secure_boot_lets_in(void)
{
        static const SynthSection now[] = { STUB("252"), SECTION(".osrel", "ID=one\n"),
                                            SECTION(".cmdline", "rw") };
        static const struct {
                const char *line;
                PredictedKind kind;
        } cases[] = { { "ro", PREDICTED_CHANGED }, { "typed", PREDICTED_SAME }, { "another", PREDICTED_UNKNOWN } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_scene Scene s = { 0 };
                Boot today = plain_boot, next = plain_boot;
                PredictedEvent event;
                PredictedPcrs pcrs;
                bool found = false;

                today.secure = next.secure = true;
                today.options[0] = "ro";
                today.options[1] = "typed";
                today.line = cases[i].line;
                next.options[0] = "rw";
                next.options[1] = "typed";
                pcrs = predict(&s, &today, now, ARRAY_SIZE(now));
                check_value(&pcrs, 12, &next);
                for (size_t k = 0; prediction_event(s.p, k, &event); k++) {
                        if (event.pcr != 9 || !event.today || event.today->type != EV_EVENT_TAG) continue;
                        if (event.today->data.data[0] != 0xed) continue;
                        CHECK(event.kind == cases[i].kind);
                        found = true;
                }
                CHECK(found);
        }
}

/* ---- what else there was ---------------------------------------------------------------------------------- */

static void archives_that_are_not_given_leave_the_initrd_unknown(void)
{
        static const char *const names[] = { "Configuration extension initrd",
                                             "Global configuration extension initrd",
                                             "Global system extension initrd", "Some later kind of initrd" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                cleanup_scene Scene s = { 0 };
                Boot today = plain_boot;
                PredictedPcrs pcrs;

                today.archives[0] = names[i];
                pcrs = predict(&s, &today, plain, ARRAY_SIZE(plain));
                CHECK((pcrs.unknown & (KERNEL | UKI | OPTIONS | EXTENSIONS)) == KERNEL);
                CHECK(strstr(reason(&s, &pcrs, 9), i == 3 ? "not known here" : names[i]));
        }
}

/* Credentials are measured before configuration extensions, which are there already. */
static void a_new_credential_comes_before_what_the_stub_measures_later(void)
{
        const ExtraFile file = { .name = "a.cred", .content = BYTES_LITERAL("secret") };
        cleanup_scene Scene s = { 0 };
        Boot today = plain_boot;
        PredictedEvent event = { 0 };
        PredictedPcrs pcrs;
        bool behind = false;

        today.options[0] = "ro";
        today.archives[0] = "Configuration extension initrd";
        begin(&s, &today);
        CHECK_OK(prediction_extras(s.p, PREDICT_CREDENTIALS, &file, 1));
        pcrs = finish(&s);
        CHECK(pcrs.changed & OPTIONS);
        for (size_t i = 0; prediction_event(s.p, i, &event); i++) {
                if (event.pcr != 12) continue;
                if (event.kind == PREDICTED_ADDED) CHECK(!behind);
                if (event.today && event.today->data.data[0] == 'C') {
                        CHECK(!behind);
                        behind = true;
                }
        }
        CHECK(behind);
}

static void where_a_configuration_extension_goes_is_unknown(void)
{
        const ExtraFile files[] = { { .name = "a.raw", .content = BYTES_LITERAL("x") },
                                    { .name = "b.ConfExt.raw", .content = BYTES_LITERAL("y") } };
        cleanup_scene Scene s = { 0 };
        PredictedPcrs pcrs;

        begin(&s, &plain_boot);
        CHECK_OK(prediction_extras(s.p, PREDICT_EXTENSIONS, files, ARRAY_SIZE(files)));
        pcrs = finish(&s);
        CHECK((pcrs.unknown & OF_STUB) == (KERNEL | OPTIONS | EXTENSIONS));
        CHECK(strstr(reason(&s, &pcrs, 13), "b.ConfExt.raw"));
}

static void addons_are_for_the_kernel_of_their_name(void)
{
        static const SynthSection same[] = { STUB("256"), SECTION(".cmdline", "ro"), SECTION(".uname", "6.1") };
        static const SynthSection other[] = { STUB("256"), SECTION(".cmdline", "ro"), SECTION(".uname", "6.2") };
        static const uint32_t tags[] = { 0x49dffe0f, 0xdac08e1a, 0x6c46f751, 0 };

        for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
                cleanup_scene Scene a = { 0 }, b = { 0 };
                const Boot today = { same, ARRAY_SIZE(same), .tag = tags[i], .options = { "ro", "by an add-on" },
                                     .line = "ro" };
                PredictedPcrs pcrs;

                pcrs = predict(&a, &today, same, ARRAY_SIZE(same));
                CHECK(!(pcrs.unknown & OPTIONS));
                pcrs = predict(&b, &today, other, ARRAY_SIZE(other));
                CHECK(pcrs.unknown & OPTIONS);
                CHECK(strstr(reason(&b, &pcrs, 12), ".uname"));
        }
}

static void a_profile_that_was_chosen_is_not_forgotten(void)
{
        cleanup_scene Scene s = { 0 };
        Boot today = plain_boot;
        PredictedPcrs pcrs;

        today.tag = 0x13aed6db;
        pcrs = predict(&s, &today, plain, ARRAY_SIZE(plain));
        CHECK((pcrs.unknown & (KERNEL | OPTIONS)) == (KERNEL | OPTIONS));
        CHECK(strstr(reason(&s, &pcrs, 12), "profile"));
}

/* ---- the kernel in PCR 4 ---------------------------------------------------------------------------------- */

/* Up to 257 firmware loads the kernel, and measures it unless Secure Boot's check is passed over. */
static void a_kernel_may_be_measured_that_was_not(void)
{
        static const SynthSection newer[] = { STUB("258"), SECTION(".osrel", "ID=one\n"),
                                              SECTION(".cmdline", "ro") };
        static const struct {
                bool secure, payload, own_loader, unknown;
        } cases[] = {
                { false, false, false, true }, /* today's stub must be a newer one */
                { true, false, false, false }, /* as Secure Boot has it */
                { false, true, false, true },  /* .linux is missing in the new one */
                { false, true, true, true },   /* the new one loads it itself */
                { false, false, true, false }, /* as today's did */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_scene Scene s = { 0 };
                Boot today = plain_boot;
                PredictedPcrs pcrs;
                PredictedEvent event;
                bool unknown = false;

                today.secure = cases[i].secure;
                today.payload = cases[i].payload;
                pcrs = predict(&s, &today, cases[i].own_loader ? newer : plain, 3);
                /* Who vouches for the image is another matter, at the image's own event. */
                for (size_t k = 0; prediction_event(s.p, k, &event); k++)
                        unknown = unknown ||
                                  (event.pcr == 4 && event.kind == PREDICTED_UNKNOWN &&
                                   (strstr(event.text, "the kernel") || strstr(event.text, "systemd-stub")));
                CHECK(unknown == cases[i].unknown);
                CHECK(!(pcrs.unknown & UKI));
        }
}

int main(void)
{
        RUN(a_stub_that_takes_one_of_several_leaves_its_pcrs_unknown);
        RUN(a_single_profile_is_a_section_like_others);
        RUN(a_command_line_that_comes_or_goes_is_unknown);
        RUN(without_a_command_line_of_its_own_the_passed_one_stays);
        RUN(a_command_line_that_versions_read_differently_is_unknown);
        RUN(a_typed_line_stays_and_the_kernel_gets_what_secure_boot_lets_in);
        RUN(archives_that_are_not_given_leave_the_initrd_unknown);
        RUN(a_new_credential_comes_before_what_the_stub_measures_later);
        RUN(where_a_configuration_extension_goes_is_unknown);
        RUN(addons_are_for_the_kernel_of_their_name);
        RUN(a_profile_that_was_chosen_is_not_forgotten);
        RUN(a_kernel_may_be_measured_that_was_not);
        return 0;
}
