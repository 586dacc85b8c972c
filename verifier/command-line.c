/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/command-line.h"

#include "verifier/refusal.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_ = 64 };

/* When a parameter is refused. */
typedef enum When {
        ALWAYS,
        UNLESS_OFF,  /* not with a value that means "no" */
        UNLESS_INIT, /* not with the path of the distribution's init */
        UNLESS_STOP, /* not with a value that ends the boot, which is the opposite of a shell */
} When;

static const struct {
        const char *name; /* with '_' for '-' */
        When when;
} refused[] = {
        /* another program in the place of init */
        { "rdinit", ALWAYS },
        { "init", UNLESS_INIT },
        /* shells and stops; dracut, initramfs-tools, systemd */
        { "rd.break", ALWAYS },
        { "rd.shell", UNLESS_OFF },
        { "rd.cmdline", ALWAYS },
        { "break", ALWAYS },
        { "rescue", ALWAYS },
        { "rd.rescue", ALWAYS },
        { "emergency", ALWAYS },
        { "rd.emergency", UNLESS_STOP },
        { "single", ALWAYS },
        { "s", ALWAYS },
        { "_s", ALWAYS },
        { "1", ALWAYS },
        { "_b", ALWAYS },
        { "systemd.debug_shell", UNLESS_OFF },
        { "rd.systemd.debug_shell", UNLESS_OFF },
        { "systemd.break", ALWAYS },
        { "rd.systemd.break", ALWAYS },
        { "systemd.confirm_spawn", UNLESS_OFF },
        { "systemd.crash_shell", UNLESS_OFF },
        /* which units run */
        { "systemd.unit", ALWAYS },
        { "rd.systemd.unit", ALWAYS },
        { "systemd.wants", ALWAYS },
        { "rd.systemd.wants", ALWAYS },
        { "systemd.mask", ALWAYS },
        { "rd.systemd.mask", ALWAYS },
        { "systemd.run", ALWAYS },
        { "rd.systemd.run", ALWAYS },
        { "systemd.mount_extra", ALWAYS },
        { "rd.systemd.mount_extra", ALWAYS },
        { "systemd.swap_extra", ALWAYS },
        { "rd.systemd.swap_extra", ALWAYS },
        /* what units are given */
        { "systemd.setenv", ALWAYS },
        { "systemd.set_credential", ALWAYS },
        { "systemd.set_credential_binary", ALWAYS },
        /* a debugger or a dump of memory from outside */
        { "kgdboc", ALWAYS },
        { "kgdbwait", ALWAYS },
};

static const char *const init_paths[] = { "/sbin/init", "/usr/sbin/init", "/lib/systemd/systemd",
                                          "/usr/lib/systemd/systemd" };

/* How a reader of the line cuts it into words. The kernel takes the byte 0xa0 for a space (lib/ctype.c), which
 * UTF-8 text has in the middle of a letter; systemd does not. */
typedef struct Cutting {
        const char *quotes;
        bool nbsp;
} Cutting;

/* The kernel's first. */
static const Cutting cuttings[] = { { "\"", true },  { "\"'", true },  { "", true },
                                    { "\"", false }, { "\"'", false }, { "", false } };

static bool is_space(const Cutting *cutting, char c)
{
        return c == ' ' || (c >= '\t' && c <= '\r') || (cutting->nbsp && (unsigned char)c == 0xa0);
}

/* One word without its quotes; moves *at behind it. False at the end. */
static bool next_word(const char **at, const Cutting *cutting, char *dst, size_t room)
{
        const char *p = *at;
        char quote = '\0';
        size_t n = 0;

        while (is_space(cutting, *p)) p++;
        if (!*p) return false;
        for (; *p && (quote || !is_space(cutting, *p)); p++) {
                if (quote ? *p == quote : strchr(cutting->quotes, *p) != NULL) quote = quote ? '\0' : *p;
                else if (n + 1 < room) dst[n++] = *p;
        }
        dst[n] = '\0';
        *at = p;
        return true;
}

static void normalise(char *name)
{
        for (; *name; name++) {
                if (*name == '-') *name = '_';
                if (*name >= 'A' && *name <= 'Z') *name = (char)(*name - 'A' + 'a');
        }
}

static bool is_off(const char *value)
{
        static const char *const off[] = { "0", "no", "n", "false", "f", "off" };

        for (size_t i = 0; value && i < ARRAY_SIZE(off); i++)
                if (strcasecmp(value, off[i]) == 0) return true;
        return false;
}

static bool is_one_of(const char *value, const char *const *words, size_t n)
{
        for (size_t i = 0; value && i < n; i++)
                if (strcmp(value, words[i]) == 0) return true;
        return false;
}

static bool is_excused(When when, const char *value)
{
        static const char *const stops[] = { "reboot", "poweroff", "halt" };

        if (when == UNLESS_OFF) return is_off(value);
        if (when == UNLESS_INIT) return is_one_of(value, init_paths, ARRAY_SIZE(init_paths));
        return when == UNLESS_STOP && is_one_of(value, stops, ARRAY_SIZE(stops));
}

static bool word_is_refused(const char *word)
{
        char name[NAME_MAX_];
        const char *equals = strchr(word, '='), *value = equals ? equals + 1 : NULL;
        const size_t n = equals ? (size_t)(equals - word) : strlen(word);

        if (n >= sizeof(name)) return false; /* longer than any name refused */
        (void)snprintf(name, sizeof(name), "%.*s", (int)n, word);
        normalise(name);
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                if (strcmp(name, refused[i].name) == 0) return !is_excused(refused[i].when, value);
        }
        return false;
}

static int judge_cut_by(const char *text, const Cutting *cutting, char ret_word[static COMMAND_LINE_WORD_MAX])
{
        char word[COMMAND_LINE_WORD_MAX];

        while (next_word(&text, cutting, word, sizeof(word))) {
                if (!word_is_refused(word)) continue;
                memcpy(ret_word, word, sizeof(word));
                return VERIFIER_E_REFUSED;
        }
        return 0;
}

int command_line_judge(const char *text, char ret_word[static COMMAND_LINE_WORD_MAX])
{
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(cuttings) && r == 0; i++) r = judge_cut_by(text, &cuttings[i], ret_word);
        return r;
}

/* ---- words that a policy asks for ------------------------------------------------------------------------ */

/* Where the name ends: at its '=' or the end. */
static size_t name_size(const char *word)
{
        return strcspn(word, "=");
}

static bool is_named_as(const char *word, const char *wanted)
{
        char a[COMMAND_LINE_MAX + 1], b[COMMAND_LINE_MAX + 1];

        (void)snprintf(a, sizeof(a), "%.*s", (int)name_size(word), word);
        (void)snprintf(b, sizeof(b), "%.*s", (int)name_size(wanted), wanted);
        normalise(a);
        normalise(b);
        return strcmp(a, b) == 0;
}

/* Whether the kernel takes one name for the other: it does not tell '-' from '_', but small letters from large. */
static bool is_same_to_kernel(const char *word, const char *wanted)
{
        const size_t n = name_size(wanted);

        if (name_size(word) != n) return false;
        for (size_t i = 0; i < n; i++)
                if ((word[i] == '-' ? '_' : word[i]) != (wanted[i] == '-' ? '_' : wanted[i])) return false;
        return true;
}

/* A wanted word without a value stands for any. */
static bool has_value(const char *word, const char *wanted)
{
        const char *value = wanted + name_size(wanted);

        return !*value || strcmp(word + name_size(word), value) == 0;
}

/* The next word as the kernel's next_arg() cuts it: a quote anywhere keeps spaces in the word, and is taken away
 * only where the word or its value begins with it, with the one at the end. Moves *at behind it; false at the end.
 */
static bool next_kernel_word(const char **at, char dst[static COMMAND_LINE_MAX + 1])
{
        const char *p = *at, *start;
        bool quoted, in_quote;
        size_t n = 0, equals = 0, end;

        while (is_space(&cuttings[0], *p)) p++;
        if (!*p) return false;
        quoted = in_quote = *p == '"';
        start = p + quoted;
        while (start[n] && (in_quote || !is_space(&cuttings[0], start[n]))) {
                if (equals == 0 && start[n] == '=') equals = n;
                if (start[n] == '"') in_quote = !in_quote;
                n++;
        }
        *at = start + n;
        end = n;
        if (end > 0 && start[end - 1] == '"' && (quoted || (equals > 0 && start[equals + 1] == '"'))) end--;
        n = 0;
        for (size_t i = 0; i < end && n < COMMAND_LINE_MAX; i++)
                if (!(equals > 0 && i == equals + 1 && start[i] == '"')) dst[n++] = start[i];
        dst[n] = '\0';
        return true;
}

bool command_line_requires(const char *text, const char *wanted)
{
        char word[COMMAND_LINE_MAX + 1];
        bool found = false;

        while (next_kernel_word(&text, word) && strcmp(word, "--") != 0) {
                if (!is_named_as(word, wanted)) continue;
                if (!has_value(word, wanted)) return false;
                found |= is_same_to_kernel(word, wanted);
        }
        return found;
}

bool command_line_has(const char *text, const char *wanted)
{
        char word[COMMAND_LINE_MAX + 1];
        const char *at = text;

        while (next_kernel_word(&at, word))
                if (is_named_as(word, wanted) && has_value(word, wanted)) return true;
        for (size_t i = 0; i < ARRAY_SIZE(cuttings); i++) {
                at = text;
                while (next_word(&at, &cuttings[i], word, sizeof(word)))
                        if (is_named_as(word, wanted) && has_value(word, wanted)) return true;
        }
        return false;
}
