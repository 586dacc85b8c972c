/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Command lines, GRUB's texts and files, and an initrd that stands alone. */

#include "eventlog/predict-internal.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
        UTF16_MAX = 4 * 16384,
        LINE_MAX_ = 16384, /* kernels take 4096; firmware settings and menus may hold more */
        /* A menu entry of GRUB is one command, with all that it holds. */
        STRING_MAX = 256 * 1024,
};

/* ---- GRUB's commands, PCR 8 --------------------------------------------------------------------------------- */

/* The string that GRUB will hash in this slot: a changed one, or today's, proven. */
static bool grub_string(Prediction *p, const Slot *slot, Bytes *ret)
{
        if (slot->change && slot->change->string) {
                *ret = BYTES(slot->change->string, strlen(slot->change->string));
                return true;
        }
        for (size_t b = 0; b < p->log->n_banks; b++)
                if (p->prover[b].hasher) return prover_string(&p->prover[b], slot->today, ret);
        return false;
}

/* All of `was` in the text by `now`; NULL where it is not in it. */
static int replace_all(Bytes text, const char *was, const char *now, char **ret)
{
        Writer w = WRITER_INIT(STRING_MAX);
        const size_t n = strlen(was);
        const uint8_t *at = text.data, *end = text.data + text.size, *found;
        bool any = false;
        int r;

        while ((found = memmem(at, (size_t)(end - at), was, n))) {
                writer_bytes(&w, BYTES(at, (size_t)(found - at)));
                writer_text(&w, now);
                at = found + n;
                any = true;
        }
        writer_bytes(&w, BYTES(at, (size_t)(end - at)));
        r = any ? writer_steal_text(&w, ret) : 0;
        writer_deinit(&w);
        if (!any) *ret = NULL;
        return r;
}

static int put_string(Prediction *p, size_t i, char *string)
{
        const Bytes b = BYTES(string, strlen(string));
        char text[PREDICTION_TEXT_SIZE];
        Text t;
        int r;

        text_init(&t, text, sizeof(text));
        text_put(&t, "GRUB: ");
        text_utf8(&t, b);
        r = slot_put_parts(p, i, &b, 1, text);
        if (r < 0 || !p->slots[i].change) {
                free(string);
                return r;
        }
        free(p->slots[i].change->string);
        p->slots[i].change->string = string;
        p->grub_text_changed = true;
        return 0;
}

/* Puts one text for another in all of GRUB's strings; *ret_n says in how many. */
static int substitute(Prediction *p, const char *was, const char *now, size_t *ret_n)
{
        *ret_n = 0;
        if (!was[0] || strcmp(was, now) == 0) return 0;
        for (size_t i = 0; i < p->n; i++) {
                Bytes string = { 0 };
                char *replaced = NULL;
                int r;

                if (!slot_is(&p->slots[i], PCR_GRUB_TEXT, EV_IPL)) continue;
                if (p->slots[i].kind == PREDICTED_UNKNOWN) continue;
                if (!grub_string(p, &p->slots[i], &string)) continue;
                r = replace_all(string, was, now, &replaced);
                if (r == 0 && replaced) r = put_string(p, i, replaced);
                if (r < 0) return r;
                if (replaced) ++*ret_n;
        }
        return 0;
}

int prediction_text(Prediction *p, const char *was, const char *now)
{
        size_t n;
        int r;

        r = substitute(p, was, now, &n);
        if (r < 0) return r;
        if (n == 0) return error_set(EVENTLOG_E_NOT_MEASURED, "none of GRUB's commands contains '%s'", was);
        return 0;
}

/* The line that GRUB starts its kernel with ("/vmlinuz root=..."), today's or the next. */
static bool grub_line(Prediction *p, bool next, char ret[static LINE_MAX_])
{
        bool found = false;

        for (size_t i = 0; i < p->n; i++) {
                Slot today = p->slots[i];
                Bytes s = { 0 };

                if (!slot_is(&today, PCR_GRUB_TEXT, EV_IPL)) continue;
                if (!next) today.change = NULL;
                if (!grub_string(p, &today, &s) || s.size == 0 || s.size >= LINE_MAX_) continue;
                if (s.data[0] != '/' && s.data[0] != '(') continue;
                memcpy(ret, s.data, s.size);
                ret[s.size] = '\0';
                found = true;
        }
        return found;
}

/* ---- the kernel's load options, PCR 9 ------------------------------------------------------------------------
 */

/* Tries what loaders make of a line - with a prefix, a suffix, with the NUL or without - until it is what the slot
 * measured today, then does the same with the new line. 0 where nothing fits: *ret_done is false then. */
static int put_load_options(Prediction *p, size_t i, const char *was, const char *now, bool *ret_done)
{
        static const char *const forms[][2] = {
                { "", "" }, { "BOOT_IMAGE=", "" }, { "", " " }, { "", " initrd=initrd" }, { "", "\n" }
        };

        for (size_t k = 0; k < 2 * ARRAY_SIZE(forms); k++) {
                cleanup_writer Writer old = WRITER_INIT(UTF16_MAX), new = WRITER_INIT(UTF16_MAX);
                const char *const *form = forms[k / 2];
                char line[2 * LINE_MAX_];
                int r;

                (void)snprintf(line, sizeof(line), "%s%s%s", form[0], was, form[1]);
                r = text_to_utf16(BYTES(line, strlen(line)), &old);
                (void)snprintf(line, sizeof(line), "%s%s%s", form[0], now, form[1]);
                if (r == 0) r = text_to_utf16(BYTES(line, strlen(line)), &new);
                if (r < 0) return r;
                if (!slot_was_bytes(p, &p->slots[i], BYTES(old.data, old.size - 2 * (k % 2)))) continue;
                *ret_done = true;
                return slot_put_parts(p, i, &BYTES(new.data, new.size - 2 * (k % 2)), 1, "kernel command line");
        }
        return 0;
}

/* ---- another command line -------------------------------------------------------------------------------------
 */

/* PCR 12: events that show the text they hashed. */
static int put_options(Prediction *p, size_t i, const char *now, char was[static LINE_MAX_], bool *ret_done)
{
        static const uint8_t nul[2];
        Slot *slot = &p->slots[i];
        cleanup_writer Writer utf16 = WRITER_INIT(UTF16_MAX), text = WRITER_INIT(LINE_MAX_ - 1);
        const Bytes cut[] = { slot->today->data, BYTES(nul, 1) };
        int r;

        if (!slot_was_bytes(p, slot, slot->today->data) && !slot_was_parts(p, slot, cut, 2)) return 0;
        if (text_from_utf16(slot->today->data, &text) < 0) return 0;
        memcpy(was, text.data, text.size);
        was[text.size] = '\0';
        r = text_to_utf16(BYTES(now, strlen(now)), &utf16);
        if (r < 0) return r;
        *ret_done = true;
        return slot_put_parts(p, i, &BYTES(utf16.data, utf16.size), 1, "command line passed by the boot loader");
}

typedef enum Tail { TAIL_OTHER, TAIL_SAME, TAIL_UNCLEAR } Tail;

static bool is_one_of(const char *characters, uint8_t c)
{
        return c != 0 && strchr(characters, c);
}

static size_t skip_blanks(Bytes text, size_t i)
{
        while (i < text.size && (text.data[i] == ' ' || text.data[i] == '\t')) i++;
        return i;
}

/* Where a kernel's arguments end that stand in one of GRUB's commands: at the end of the line, or of a block. */
static bool ends_command(Bytes rest)
{
        const size_t i = skip_blanks(rest, 0);

        if (i == rest.size || rest.data[i] == 0 || is_one_of("\n\r;", rest.data[i])) return true;
        return i > 0 && rest.data[i] == '}';
}

/* Whether two texts are equal but for how much white space is between their words. */
static bool same_words(Bytes line, Bytes arguments)
{
        size_t i = skip_blanks(line, 0), k = skip_blanks(arguments, 0);

        while (k < arguments.size) {
                const size_t next_i = skip_blanks(line, i), next_k = skip_blanks(arguments, k);

                if ((next_i > i) != (next_k > k)) return false;
                i = next_i;
                k = next_k;
                if (k < arguments.size && (i == line.size || line.data[i++] != arguments.data[k++])) return false;
        }
        return ends_command(BYTES(line.data + i, line.size - i));
}

/* What stands behind a kernel's path. What is quoted or a variable may come to be the same line. */
static Tail tail_of(Bytes rest, Bytes arguments)
{
        size_t n = 0;

        if (rest.size >= arguments.size && bytes_equal(BYTES(rest.data, arguments.size), arguments) &&
            ends_command(BYTES(rest.data + arguments.size, rest.size - arguments.size)))
                return TAIL_SAME;
        if (same_words(rest, arguments)) return TAIL_UNCLEAR;
        while (n < rest.size && rest.data[n] != '\n') n++;
        for (size_t i = 0; i < n; i++)
                if (is_one_of("$\"'\\", rest.data[i])) return TAIL_UNCLEAR;
        return TAIL_OTHER;
}

static bool starts_word(Bytes text, const uint8_t *at)
{
        return at == text.data || is_one_of(" \t\n)", at[-1]);
}

/* The arguments somewhere else than behind the kernel's path, as a variable's value or behind one. */
static bool elsewhere(Bytes text, Bytes arguments)
{
        const uint8_t *at = text.data, *end = text.data + text.size;

        while ((at = memmem(at, (size_t)(end - at), arguments.data, arguments.size))) {
                if (starts_word(text, at) &&
                    ends_command(BYTES(at + arguments.size, (size_t)(end - at) - arguments.size)))
                        return true;
                at++;
        }
        return false;
}

typedef struct KernelLine {
        Bytes path; /* with the blank behind it, without the device before it */
        Bytes arguments;
} KernelLine;

/* The text with other arguments for this kernel; a line of the same kernel that has others stays. */
static Tail replace_arguments(Bytes text, const KernelLine *line, const char *now, Writer *out)
{
        const uint8_t *at = text.data, *from = at, *end = at + text.size;
        Tail result = TAIL_OTHER;
        bool path = false;

        while ((at = memmem(at, (size_t)(end - at), line->path.data, line->path.size))) {
                const bool whole = starts_word(text, at);
                Tail tail = TAIL_OTHER;

                at += line->path.size;
                if (!whole) continue;
                path = true;
                tail = tail_of(BYTES(at, (size_t)(end - at)), line->arguments);
                if (tail == TAIL_UNCLEAR) return TAIL_UNCLEAR;
                if (tail == TAIL_OTHER) continue;
                writer_bytes(out, BYTES(from, (size_t)(at - from)));
                writer_text(out, now);
                from = at += line->arguments.size;
                result = TAIL_SAME;
        }
        writer_bytes(out, BYTES(from, (size_t)(end - from)));
        return !path && elsewhere(text, line->arguments) ? TAIL_UNCLEAR : result;
}

static int put_arguments(Prediction *p, size_t i, const KernelLine *line, const char *now, bool *ret_done)
{
        cleanup_writer Writer w = WRITER_INIT(STRING_MAX);
        Bytes string = { 0 };
        char *replaced = NULL;
        Tail tail;
        int r;

        if (!grub_string(p, &p->slots[i], &string)) return 0;
        tail = replace_arguments(string, line, now, &w);
        if (tail == TAIL_UNCLEAR)
                return slot_unknown(p, i,
                                    "whether this command of GRUB holds the kernel's arguments: give its text");
        if (tail == TAIL_OTHER) return 0;
        r = writer_steal_text(&w, &replaced);
        if (r < 0) return r;
        *ret_done = true;
        return put_string(p, i, replaced);
}

/* "(hd0,gpt2)/vmlinuz root=X ro " is "/vmlinuz " and "root=X ro". */
static bool split_line(const char *text, KernelLine *ret)
{
        const char *path = text[0] == '(' ? strchr(text, '/') : text, *blank = path ? strchr(path, ' ') : NULL;
        size_t n;

        if (!blank) return false;
        n = strlen(blank + 1);
        while (n > 0 && blank[n] == ' ') n--;
        ret->path = BYTES(path, (size_t)(blank + 1 - path));
        ret->arguments = BYTES(blank + 1, n);
        return n > 0;
}

/* GRUB: what follows the kernel's name in its line. */
static int put_grub_arguments(Prediction *p, const char *now, bool *ret_done)
{
        char text[LINE_MAX_];
        KernelLine line;
        int r = 0;

        if (!grub_line(p, true, text)) return 0;
        if (strncmp(now, "BOOT_IMAGE=", 11) == 0) {
                now = strchr(now, ' ');
                now = now ? now + 1 : "";
        }
        if (!split_line(text, &line))
                return pcr_unknown(p, PCR_GRUB_TEXT, "today's command line under GRUB is empty");
        if (bytes_equal(line.arguments, BYTES(now, strlen(now)))) return 0;
        for (size_t i = 0; i < p->n && r == 0; i++)
                if (slot_is(&p->slots[i], PCR_GRUB_TEXT, EV_IPL)) r = put_arguments(p, i, &line, now, ret_done);
        return r;
}

static int other_line(const char *shown)
{
        char text[EVENTLOG_TEXT_SIZE - 64];
        Text t;

        text_init(&t, text, sizeof(text));
        text_utf8(&t, BYTES(shown, strlen(shown)));
        return error_set(EVENTLOG_E_CONTRADICTED, "today's command line is '%s'", text);
}

int prediction_command_line(Prediction *p, const char *now, const char *was)
{
        char shown[LINE_MAX_] = "";
        bool done = false;
        int r = 0;

        if (strlen(now) >= LINE_MAX_ - 64 || (was && strlen(was) >= LINE_MAX_ - 64))
                return error_set(-EINVAL, "a command line of more than %d bytes", LINE_MAX_ - 64);
        for (size_t i = 0; i < p->n && r == 0; i++)
                if (slot_is(&p->slots[i], PCR_OPTIONS, EV_IPL)) r = put_options(p, i, now, shown, &done);
        if (r == 0 && was && shown[0] && strcmp(was, shown) != 0) return other_line(shown);
        if (r == 0) r = put_grub_arguments(p, now, &done);
        for (size_t i = 0; i < p->n && r == 0; i++) {
                bool fits = false;

                if (!slot_is_tagged(&p->slots[i], PCR_KERNEL, TAG_LOAD_OPTIONS) ||
                    p->slots[i].kind != PREDICTED_SAME)
                        continue;
                if (was) r = put_load_options(p, i, was, now, &fits);
                if (r == 0 && !fits && shown[0]) r = put_load_options(p, i, shown, now, &fits);
                done = true;
                /* GRUB's line is compared when all of its changes are known. */
                if (r == 0 && !fits && !p->grub_text_changed)
                        r = slot_unknown(p, i,
                                         "today's command line is not known to be what was measured: give it");
        }
        if (r == 0 && !done) return error_set(EVENTLOG_E_NOT_MEASURED, "no event measured a command line");
        return r;
}

/* ---- files
 * ------------------------------------------------------------------------------------------------------ */

bool grub_reads_files(const Prediction *p)
{
        for (size_t i = 0; i < p->n; i++)
                if (slot_is(&p->slots[i], PCR_KERNEL, EV_IPL)) return true;
        return false;
}

/* Without today's: the kernel's own event is the initrd's, but which of GRUB's files it is cannot be told. */
static int put_initrd(Prediction *p, Bytes now)
{
        bool found = false;
        int r = 0;

        for (size_t i = 0; i < p->n && r == 0; i++) {
                if (!slot_is_tagged(&p->slots[i], PCR_KERNEL, TAG_INITRD)) continue;
                found = true;
                r = slot_put_parts(p, i, &now, 1, "initrd");
        }
        if (r < 0) return r;
        if (!found) return error_set(EVENTLOG_E_NOT_MEASURED, "the log has no event of an initrd");
        if (!grub_reads_files(p)) return 0;
        return pcr_unknown(p, PCR_KERNEL, "which file of GRUB is the initrd: give today's");
}

/* With today's, by its digest. The kernel measures all that it was given as one: where that is not today's file
 * alone, it is made of several, and the others are not known. */
static int replace_initrd(Prediction *p, Bytes now, Bytes was)
{
        bool file = false, whole = false;
        int r = 0;

        for (size_t i = 0; i < p->n && r == 0; i++) {
                const Slot *slot = &p->slots[i];
                const bool tag = slot_is_tagged(slot, PCR_KERNEL, TAG_INITRD);

                if (!tag && !slot_is(slot, PCR_KERNEL, EV_IPL)) continue;
                if (slot_was_bytes(p, slot, was)) {
                        r = slot_put_parts(p, i, &now, 1, "initrd");
                        if (tag) whole = true;
                        else file = true;
                } else if (tag && slot->kind == PREDICTED_SAME && !bytes_equal(now, was)) {
                        r = slot_unknown(p, i, "the kernel's initrd is not today's file alone");
                }
        }
        if (r < 0) return r;
        if (!file && !whole) return error_set(EVENTLOG_E_CONTRADICTED, "the log has no event of today's initrd");
        if (file || !grub_reads_files(p)) return 0;
        return pcr_unknown(p, PCR_KERNEL, "no file that GRUB read is today's initrd");
}

int prediction_initrd(Prediction *p, Bytes now, Bytes was)
{
        return was.size > 0 ? replace_initrd(p, now, was) : put_initrd(p, now);
}

/* "(hd0,gpt2)/boot/x" ends in "/boot/x" and in "boot/x", not in "oot/x". */
static bool path_ends_with(Bytes path, const char *end)
{
        const size_t n = strlen(end);

        while (path.size > 0 && path.data[path.size - 1] == 0) path.size--;
        if (n == 0 || n > path.size || !bytes_equal(BYTES(path.data + path.size - n, n), BYTES(end, n)))
                return false;
        return n == path.size || end[0] == '/' || strchr("/)", path.data[path.size - n - 1]);
}

/* A file that GRUB reads its commands from: where it changes, they do, and the other way round. */
static bool is_configuration(Bytes path)
{
        while (path.size > 0 && path.data[path.size - 1] == 0) path.size--;
        return (path.size > 4 && bytes_equal(BYTES(path.data + path.size - 4, 4), BYTES(".cfg", 4))) ||
               memmem(path.data, path.size, "/loader/entries/", 16) || memmem(path.data, path.size, "grubenv", 7);
}

int prediction_file(Prediction *p, const char *path, Bytes now)
{
        bool found = false;

        for (size_t i = 0; i < p->n; i++) {
                char text[PREDICTION_TEXT_SIZE];
                Text t;
                int r;

                if (!slot_is(&p->slots[i], PCR_KERNEL, EV_IPL)) continue;
                if (!path_ends_with(p->slots[i].today->data, path)) continue;
                found = true;
                text_init(&t, text, sizeof(text));
                text_put(&t, "file ");
                text_utf8(&t, BYTES(path, strlen(path)));
                r = slot_put_parts(p, i, &now, 1, text);
                if (r < 0) return r;
                if (p->slots[i].kind != PREDICTED_SAME && is_configuration(p->slots[i].today->data))
                        p->grub_configuration_changed = true;
        }
        if (!found) return error_set(EVENTLOG_E_NOT_MEASURED, "GRUB read no file %s", path);
        return 0;
}

/* ---- at the end
 * --------------------------------------------------------------------------------------------------- */

static int settle_options(Prediction *p, size_t i, const char *was, const char *now)
{
        bool fits = false;
        int r;

        r = put_load_options(p, i, was, now, &fits);
        if (r < 0 || fits) return r;
        return slot_unknown(p, i, "today's command line is not what GRUB's commands say");
}

/* Another configuration without other commands: which ones it holds is not known, nor the kernel's line. */
static int settle_configuration(Prediction *p)
{
        int r;

        for (size_t i = 0; i < p->n; i++) {
                if (!slot_is_tagged(&p->slots[i], PCR_KERNEL, TAG_LOAD_OPTIONS) ||
                    p->slots[i].kind != PREDICTED_SAME)
                        continue;
                r = slot_unknown(p, i, "GRUB's commands will be others: give their texts");
                if (r < 0) return r;
        }
        return pcr_unknown(p, PCR_GRUB_TEXT, "GRUB's configuration will be another: give the texts that change");
}

int settle_grub(Prediction *p)
{
        char was[LINE_MAX_], now[LINE_MAX_];
        const bool lines = p->grub_text_changed && grub_line(p, false, was) && grub_line(p, true, now);

        if (p->grub_configuration_changed && !p->grub_text_changed) return settle_configuration(p);
        for (size_t i = 0; i < p->n && p->grub_text_changed; i++) {
                Slot *slot = &p->slots[i];
                int r = 0;

                if (slot->kind != PREDICTED_SAME) continue;
                if (slot_is(slot, PCR_KERNEL, EV_IPL) && is_configuration(slot->today->data))
                        r = slot_unknown(p, i,
                                         "GRUB reads its commands from a file that will be another: give it");
                if (slot_is_tagged(slot, PCR_KERNEL, TAG_LOAD_OPTIONS) && lines)
                        r = settle_options(p, i, was, now);
                if (r < 0) return r;
        }
        return 0;
}
