/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rules at their edges; whole boots are held against logs of the next boot by the command's test. */

#include "check.h"
#include "eventlog/predict.h"
#include "synth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const HashAlg banks[] = { HASH_SHA1, HASH_SHA256 };

typedef struct Scene {
        Synth synth;
        EventLog *log;
        Prediction *p;
} Scene;

static void scene_end(Scene *s)
{
        prediction_free(s->p);
        eventlog_free(s->log);
        synth_deinit(&s->synth);
}
#define cleanup_scene _cleanup_(scene_end)

static void begin(Scene *s, bool grub, const char *command_line)
{
        synth_init(&s->synth, banks, ARRAY_SIZE(banks));
        synth_boot(&s->synth, grub, command_line);
        CHECK_OK(eventlog_parse(synth_bytes(&s->synth), &s->log));
        CHECK_OK(prediction_new(s->log, &s->p));
}

static PredictedPcrs finish(Scene *s, HashAlg bank)
{
        PredictedPcrs pcrs;

        CHECK_OK(prediction_finish(s->p));
        CHECK_OK(prediction_pcrs(s->p, bank, &pcrs));
        return pcrs;
}

/* What a log of this boot gives, in a bank. */
static PcrValues values_of(bool grub, const char *command_line, HashAlg bank)
{
        cleanup_scene Scene s = { 0 };
        PcrValues values;

        begin(&s, grub, command_line);
        CHECK_OK(eventlog_replay(s.log, bank, &values));
        return values;
}

static void without_a_change_all_is_as_today(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(banks); i++) {
                cleanup_scene Scene s = { 0 };
                PredictedPcrs pcrs;
                PcrValues today;

                begin(&s, true, "/vmlinuz ro");
                pcrs = finish(&s, banks[i]);
                CHECK_OK(eventlog_replay(s.log, banks[i], &today));
                CHECK(pcrs.changed == 0 && pcrs.unknown == 0 && pcrs.known == today.extended);
                for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
                        if (pcrs.known >> pcr & 1)
                                CHECK_BYTES(pcr_value(&pcrs.values, pcr), pcr_value(&today, pcr));
        }
}

static void a_command_line_is_computed_where_todays_is_known(void)
{
        cleanup_scene Scene s = { 0 };
        PredictedPcrs pcrs;
        PcrValues next;

        begin(&s, false, "root=/dev/sda ro");
        CHECK_OK(prediction_command_line(s.p, "root=/dev/sdb", "root=/dev/sda ro"));
        pcrs = finish(&s, HASH_SHA1);
        CHECK(pcrs.unknown == 0 && pcrs.changed == 1U << 9);
        next = values_of(false, "root=/dev/sdb", HASH_SHA1);
        CHECK_BYTES(pcr_value(&pcrs.values, 9), pcr_value(&next, 9));
}

static void a_command_line_is_unknown_where_todays_does_not_fit(void)
{
        static const char *const claims[] = { NULL, "another", "root=/dev/sda" };

        for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
                cleanup_scene Scene s = { 0 };
                PredictedPcrs pcrs;

                begin(&s, false, "root=/dev/sda ro");
                CHECK_OK(prediction_command_line(s.p, "root=/dev/sdb", claims[i]));
                pcrs = finish(&s, HASH_SHA256);
                CHECK(pcrs.unknown == 1U << 9 && !(pcrs.known >> 9 & 1));
        }
}

static void grubs_texts_change_together(void)
{
        cleanup_scene Scene s = { 0 };
        PredictedPcrs pcrs;
        PcrValues next;

        begin(&s, true, "/vmlinuz-1 ro");
        CHECK_OK(prediction_text(s.p, "vmlinuz-1", "vmlinuz-22"));
        pcrs = finish(&s, HASH_SHA256);
        next = values_of(true, "/vmlinuz-22 ro", HASH_SHA256);
        CHECK(pcrs.changed == 1U << 8);
        CHECK_BYTES(pcr_value(&pcrs.values, 8), pcr_value(&next, 8));
        CHECK_RESULT(prediction_text(s.p, "no such text", "x"), EVENTLOG_E_NOT_MEASURED);
}

static const char configuration[] = "(hd0,gpt1)/EFI/debian/grub.cfg";

/* GRUB's commands with the line that it starts the kernel with, and the files that it read. */
static void begin_grub(Scene *s, const char *const *commands, size_t n, const char *kernel_path)
{
        synth_init(&s->synth, banks, ARRAY_SIZE(banks));
        for (size_t i = 0; i < n; i++)
                synth_grub(&s->synth, i + 1 < n ? "grub_cmd" : "kernel_cmdline", commands[i]);
        synth_event(&s->synth, 9, EV_IPL, BYTES_LITERAL("menu"), BYTES(configuration, sizeof(configuration)));
        synth_event(&s->synth, 9, EV_IPL, BYTES_LITERAL("kernel"), BYTES(kernel_path, strlen(kernel_path)));
        CHECK_OK(eventlog_parse(synth_bytes(&s->synth), &s->log));
        CHECK_OK(prediction_new(s->log, &s->p));
}

/* Only behind the kernel's path and up to the end of the line, whatever else looks like the arguments. */
static void arguments_are_replaced_behind_the_kernels_path_alone(void)
{
        static const struct {
                const char *command, *next; /* NULL: unknown */
                const char *arguments;
        } cases[] = {
                { "set root=hd0,gpt2", "set root=hd0,gpt2", "ro" },
                { "linux /vmlinuz ro", "linux /vmlinuz X", "ro" },
                { "menuentry A {\n linux\t(hd0,gpt2)/vmlinuz ro\n initrd /ro\n}",
                  "menuentry A {\n linux\t(hd0,gpt2)/vmlinuz X\n initrd /ro\n}", "ro" },
                { "menuentry A { linux /vmlinuz ro }", "menuentry A { linux /vmlinuz X }", "ro" },
                { "linux /vmlinuz root=A ro single", "linux /vmlinuz root=A ro single", "root=A ro" },
                { "linux /boot/vmlinuz ro single", "linux /boot/vmlinuz ro single", "ro" },
                { "linux /vmlinuz root=A  ro", NULL, "root=A ro" },
                { "linux /vmlinuz $line", NULL, "ro" },
                { "linux /vmlinuz 'ro'", NULL, "ro" },
                { "linux /vmlinuz  root=A ro", NULL, "root=A ro" },
                { "linux $kernel root=A ro", NULL, "root=A ro" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_scene Scene s = { 0 }, next = { 0 };
                char line[64];
                PredictedPcrs pcrs;
                PcrValues values;

                (void)snprintf(line, sizeof(line), "/vmlinuz %s", cases[i].arguments);
                begin_grub(&s, (const char *[]){ cases[i].command, line }, 2, "(hd0,gpt2)/vmlinuz");
                CHECK_OK(prediction_command_line(s.p, "X", NULL));
                pcrs = finish(&s, HASH_SHA256);
                CHECK((pcrs.unknown >> 8 & 1) == !cases[i].next);
                if (!cases[i].next) continue;
                begin_grub(&next, (const char *[]){ cases[i].next, "/vmlinuz X" }, 2, "(hd0,gpt2)/vmlinuz");
                CHECK_OK(eventlog_replay(next.log, HASH_SHA256, &values));
                CHECK_BYTES(pcr_value(&pcrs.values, 8), pcr_value(&values, 8));
        }
}

/* Text and arguments both change, in either order: the same values. */
static void the_order_of_text_and_arguments_does_not_matter(void)
{
        static const char *const today[] = { "linux /vmlinuz-1 ro", "/vmlinuz-1 ro" };
        cleanup_scene Scene next = { 0 };
        PcrValues values;

        begin_grub(&next, (const char *[]){ "linux /vmlinuz-2 rw", "/vmlinuz-2 rw" }, 2, "(hd0,gpt2)/vmlinuz");
        CHECK_OK(eventlog_replay(next.log, HASH_SHA256, &values));
        for (unsigned first = 0; first < 2; first++) {
                cleanup_scene Scene s = { 0 };
                PredictedPcrs pcrs;

                begin_grub(&s, today, 2, "(hd0,gpt2)/vmlinuz");
                if (first) CHECK_OK(prediction_text(s.p, "vmlinuz-1", "vmlinuz-2"));
                CHECK_OK(prediction_command_line(s.p, "rw", NULL));
                if (!first) CHECK_OK(prediction_text(s.p, "vmlinuz-1", "vmlinuz-2"));
                pcrs = finish(&s, HASH_SHA256);
                CHECK((pcrs.known >> 8 & 1) && (pcrs.unknown >> 9 & 1));
                CHECK_BYTES(pcr_value(&pcrs.values, 8), pcr_value(&values, 8));
        }
}

/* What GRUB hashed is shown as one printable line, and cut between characters. */
static void a_text_of_grub_is_shown_safely(void)
{
        static const char *const commands[] = { "linux /vmlinuz-1 \x1b[31m\nrm", "/vmlinuz-1" };
        cleanup_scene Scene s = { 0 };
        char letters[PREDICTION_TEXT_SIZE] = "";
        PredictedEvent e = { 0 };
        size_t i = 0;

        for (size_t k = 0; k + 2 < sizeof(letters); k += 2) memcpy(letters + k, "\xc3\xa4", 3);
        begin_grub(&s, commands, 2, "(hd0,gpt2)/vmlinuz");
        CHECK_OK(prediction_text(s.p, "vmlinuz-1", "vmlinuz-2"));
        while (prediction_event(s.p, i, &e) && e.kind == PREDICTED_SAME) i++;
        CHECK(strcmp(e.text, "GRUB: linux /vmlinuz-2 \\x1b[31m\\x0arm") == 0);
        CHECK_OK(prediction_text(s.p, "vmlinuz-2", letters));
        CHECK(prediction_event(s.p, i, &e));
        CHECK(strlen(e.text) > 300 && strcmp(e.text + strlen(e.text) - 5, "\xc3\xa4...") == 0);
}

/* GRUB's configuration holds the commands of PCR 8, whichever is named first. */
static void a_configuration_without_its_texts_leaves_their_pcr_unknown(void)
{
        for (unsigned way = 0; way < 4; way++) {
                cleanup_scene Scene s = { 0 };
                PredictedPcrs pcrs;

                begin_grub(&s, (const char *[]){ "linux /vmlinuz-1", "/vmlinuz-1" }, 2, "(hd0,gpt2)/vmlinuz");
                if (way == 1) CHECK_OK(prediction_text(s.p, "vmlinuz-1", "vmlinuz-2"));
                CHECK_OK(prediction_file(s.p, "grub.cfg",
                                         way == 3 ? BYTES_LITERAL("menu") : BYTES_LITERAL("other")));
                if (way == 2) CHECK_OK(prediction_text(s.p, "vmlinuz-1", "vmlinuz-2"));
                pcrs = finish(&s, HASH_SHA256);
                CHECK(pcrs.unknown == (way == 0 ? 1U << 8 : 0));
                CHECK(pcrs.changed == (way == 0 ? 1U << 9 : way == 3 ? 0 : 1U << 8 | 1U << 9));
        }
}

static void a_file_of_grub_is_found_by_its_whole_name(void)
{
        cleanup_scene Scene s = { 0 };

        begin(&s, true, "/vmlinuz ro");
        CHECK_RESULT(prediction_file(s.p, "mlinuz", BYTES_LITERAL("x")), EVENTLOG_E_NOT_MEASURED);
        CHECK_OK(prediction_file(s.p, "vmlinuz", BYTES_LITERAL("x")));
        CHECK_OK(prediction_file(s.p, "/vmlinuz", BYTES_LITERAL("x")));
        CHECK(finish(&s, HASH_SHA256).changed == 1U << 9);
}

static void an_initrd_that_was_not_todays_is_noticed(void)
{
        cleanup_scene Scene s = { 0 };

        begin(&s, false, "ro");
        CHECK_RESULT(prediction_initrd(s.p, BYTES_LITERAL("new"), BYTES_LITERAL("no")), EVENTLOG_E_CONTRADICTED);
        CHECK_OK(prediction_initrd(s.p, BYTES_LITERAL("new"), BYTES_LITERAL("initrd")));
        CHECK(finish(&s, HASH_SHA256).changed == 1U << 9);
}

/* GRUB's files "early" and `file`, and the kernel's event of both as one. */
static void begin_two_initrds(Scene *s, const char *file)
{
        cleanup_writer Writer both = WRITER_INIT(64), tag = WRITER_INIT(64);

        synth_init(&s->synth, banks, ARRAY_SIZE(banks));
        if (file) {
                synth_event(&s->synth, 9, EV_IPL, BYTES_LITERAL("early"), BYTES_LITERAL("(hd0,gpt2)/ucode.img"));
                synth_event(&s->synth, 9, EV_IPL, BYTES(file, strlen(file)),
                            BYTES_LITERAL("(hd0,gpt2)/initrd.img"));
                writer_text(&both, "early");
        }
        writer_text(&both, file ? file : "initrd");
        writer_le32(&tag, 0x8f3b22ec);
        writer_le32(&tag, 0);
        synth_event(&s->synth, 9, EV_EVENT_TAG, BYTES(both.data, both.size), BYTES(tag.data, tag.size));
        CHECK_OK(eventlog_parse(synth_bytes(&s->synth), &s->log));
        CHECK_OK(prediction_new(s->log, &s->p));
}

/* Never today's digest for what is another: neither GRUB's file nor what the kernel was given of several. */
static void an_initrd_under_grub_is_exact_only_where_all_of_it_is_known(void)
{
        static const struct {
                const char *file, *now, *was;
                bool unknown;
        } cases[] = {
                { "initrd", "new", NULL, true },         { "initrd", "new", "initrd", true },
                { "initrd", "initrd", "initrd", false }, { NULL, "new", NULL, false },
                { NULL, "new", "initrd", false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_scene Scene s = { 0 };
                const char *was = cases[i].was ? cases[i].was : "";
                PredictedPcrs pcrs;

                begin_two_initrds(&s, cases[i].file);
                CHECK_OK(prediction_initrd(s.p, BYTES(cases[i].now, strlen(cases[i].now)),
                                           BYTES(was, strlen(was))));
                pcrs = finish(&s, HASH_SHA256);
                CHECK(pcrs.unknown == (cases[i].unknown ? 1U << 9 : 0));
                CHECK(pcrs.known == (cases[i].unknown ? 0 : 1U << 9));
        }
}

static void a_word_extends_the_pcr_of_phases(void)
{
        cleanup_scene Scene s = { 0 };
        PredictedPcrs pcrs;
        PcrValues values;

        begin(&s, false, "ro");
        CHECK_RESULT(prediction_word(s.p, "anything"), -EINVAL);
        CHECK_OK(prediction_word(s.p, "enter-initrd"));
        pcrs = finish(&s, HASH_SHA256);
        CHECK_OK(eventlog_replay(s.log, HASH_SHA256, &values));
        CHECK_OK(eventlog_replay_extend_word(&values, 11, BYTES_LITERAL("enter-initrd")));
        CHECK_BYTES(pcr_value(&pcrs.values, 11), pcr_value(&values, 11));
}

static void a_malformed_log_predicts_nothing(void)
{
        cleanup_synth Synth synth = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        Prediction *p = NULL;
        Bytes bytes;

        synth_init(&synth, banks, ARRAY_SIZE(banks));
        synth_boot(&synth, false, "ro");
        bytes = synth_bytes(&synth);
        CHECK_RESULT(eventlog_parse(BYTES(bytes.data, bytes.size - 1), &log), EVENTLOG_E_MALFORMED);
        CHECK_RESULT(prediction_new(log, &p), -EINVAL);
        CHECK(!p);
}

/* The bytes of which the Authenticode hash of a synth_pe() without signatures is made. */
static void put_hashed(Writer *w, Bytes pe)
{
        writer_bytes(w, BYTES(pe.data, 152));
        writer_bytes(w, BYTES(pe.data + 156, 232 - 156));
        writer_bytes(w, BYTES(pe.data + 240, pe.size - 240));
}

static void put_uki_event(Synth *s, Bytes uki, Bytes initrd)
{
        static const uint8_t no_path[32];
        cleanup_writer Writer hashed = WRITER_INIT(1 << 16), tag = WRITER_INIT(64);

        put_hashed(&hashed, uki);
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", BYTES("\0", 1));
        synth_event(s, 4, EV_EFI_BOOT_SERVICES_APPLICATION, BYTES(hashed.data, hashed.size), BYTES_ARRAY(no_path));
        writer_le32(&tag, 0x8f3b22ec);
        writer_le32(&tag, 0);
        synth_event(s, 9, EV_EVENT_TAG, initrd, BYTES(tag.data, tag.size));
}

/* The initrd that the kernel measured is today's UKI's, or nothing is said of tomorrow's. */
static void an_initrd_that_is_not_the_ukis_makes_its_pcr_unknown(void)
{
        static const SynthSection sections[] = { { ".sdmagic",
                                                   { (const uint8_t *)"LoaderInfo: systemd-stub 252", 28 } },
                                                 { ".initrd", { (const uint8_t *)"initrd", 6 } } };
        static const char *const measured[] = { "initrd", "another" };

        for (size_t i = 0; i < ARRAY_SIZE(measured); i++) {
                cleanup_scene Scene s = { 0 };
                cleanup_writer Writer uki = WRITER_INIT(1 << 16);
                ImageChange change = { .kind = PREDICT_UKI };
                PredictedPcrs pcrs;

                synth_pe(&uki, sections, 2, (Bytes){ 0 });
                synth_init(&s.synth, banks, ARRAY_SIZE(banks));
                put_uki_event(&s.synth, BYTES(uki.data, uki.size), BYTES(measured[i], strlen(measured[i])));
                CHECK_OK(eventlog_parse(synth_bytes(&s.synth), &s.log));
                CHECK_OK(prediction_new(s.log, &s.p));
                change.now = change.was = BYTES(uki.data, uki.size);
                CHECK_OK(prediction_image(s.p, &change));
                pcrs = finish(&s, HASH_SHA256);
                CHECK((pcrs.known >> 4 & 1) && !(pcrs.changed >> 4 & 1));
                CHECK((pcrs.unknown >> 9 & 1) == (i == 1));
        }
}

/* A kernel that GRUB read under a name that does not say so, or with another content than today's. */
static void a_kernel_that_is_none_of_grubs_files_makes_their_pcr_unknown(void)
{
        static const char *const names[] = { "(hd0,gpt2)/kernels/linux-6.6-bzImage", "(hd0,gpt2)/vmlinuz" };

        for (unsigned way = 0; way < 4; way++) {
                cleanup_scene Scene s = { 0 };
                cleanup_writer Writer hashed = WRITER_INIT(1 << 16), image = WRITER_INIT(1 << 16);
                ImageChange change = { .kind = PREDICT_KERNEL };
                const char *name = names[way & 1];
                PredictedPcrs pcrs;

                synth_pe(&image, NULL, 0, (Bytes){ 0 });
                put_hashed(&hashed, BYTES(image.data, image.size));
                synth_init(&s.synth, banks, ARRAY_SIZE(banks));
                synth_image(&s.synth, 4, "\\EFI\\debian\\grubx64.efi");
                synth_event(&s.synth, 9, EV_IPL, BYTES_LITERAL("kernel"), BYTES(name, strlen(name)));
                synth_event(&s.synth, 4, EV_EFI_BOOT_SERVICES_APPLICATION, BYTES(hashed.data, hashed.size),
                            BYTES_ARRAY(((const uint8_t[32]){ 0 })));
                CHECK_OK(eventlog_parse(synth_bytes(&s.synth), &s.log));
                CHECK_OK(prediction_new(s.log, &s.p));
                change.now = BYTES(image.data, image.size);
                if (way & 2) change.was = change.now;
                CHECK_OK(prediction_image(s.p, &change));
                pcrs = finish(&s, HASH_SHA256);
                CHECK((pcrs.unknown >> 9 & 1) == (way != 1));
                CHECK((pcrs.changed >> 9 & 1) == (way == 1));
        }
}

/* Each would start from today's value, and the first be lost. */
static void a_database_changes_once(void)
{
        cleanup_writer Writer list = WRITER_INIT(256);
        cleanup_scene Scene s = { 0 };

        synth_signature_list(&list, synth_guid_sha256, BYTES_ARRAY(((const uint8_t[32]){ 1 })), 1);
        synth_init(&s.synth, banks, ARRAY_SIZE(banks));
        synth_variable(&s.synth, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "db", (Bytes){ 0 });
        CHECK_OK(eventlog_parse(synth_bytes(&s.synth), &s.log));
        CHECK_OK(prediction_new(s.log, &s.p));
        CHECK_OK(prediction_database(s.p, "db", BYTES(list.data, list.size), true));
        CHECK_RESULT(prediction_database(s.p, "db", BYTES(list.data, list.size), true), -EINVAL);
        CHECK_RESULT(prediction_database(s.p, "db", BYTES(list.data, list.size), false), -EINVAL);
}

static void names_that_the_stub_passes_over_are_refused(void)
{
        static const char *const names[] = { "", ".hidden.cred", "a.raw", "\xc3\xa4.cred", "a/b.cred" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                cleanup_scene Scene s = { 0 };
                const ExtraFile file = { .name = names[i], .content = BYTES_LITERAL("x") };

                begin(&s, false, "ro");
                CHECK_RESULT(prediction_extras(s.p, PREDICT_CREDENTIALS, &file, 1), -EINVAL);
        }
}

static void changes_are_bounded(void)
{
        cleanup_scene Scene s = { 0 };
        int r = 0;

        begin(&s, false, "ro");
        for (size_t i = 0; i <= PREDICTION_CHANGES_MAX && r == 0; i++) r = prediction_word(s.p, "sysinit");
        CHECK_RESULT(r, -E2BIG);
}

int main(void)
{
        RUN(without_a_change_all_is_as_today);
        RUN(a_command_line_is_computed_where_todays_is_known);
        RUN(a_command_line_is_unknown_where_todays_does_not_fit);
        RUN(grubs_texts_change_together);
        RUN(arguments_are_replaced_behind_the_kernels_path_alone);
        RUN(the_order_of_text_and_arguments_does_not_matter);
        RUN(a_text_of_grub_is_shown_safely);
        RUN(a_configuration_without_its_texts_leaves_their_pcr_unknown);
        RUN(a_file_of_grub_is_found_by_its_whole_name);
        RUN(an_initrd_that_was_not_todays_is_noticed);
        RUN(an_initrd_under_grub_is_exact_only_where_all_of_it_is_known);
        RUN(a_word_extends_the_pcr_of_phases);
        RUN(a_malformed_log_predicts_nothing);
        RUN(an_initrd_that_is_not_the_ukis_makes_its_pcr_unknown);
        RUN(a_kernel_that_is_none_of_grubs_files_makes_their_pcr_unknown);
        RUN(a_database_changes_once);
        RUN(names_that_the_stub_passes_over_are_refused);
        RUN(changes_are_bounded);
        return 0;
}
