/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/settings.h"

#include "base/error.h"
#include "base/fd.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SETTINGS_FILE_MAX = 65536, NUMBER_MAX = 100000 };

static int parse_number(const char *text, unsigned *ret)
{
        char *end;
        unsigned long n;

        if (!isdigit((unsigned char)text[0])) return -EBADMSG;
        n = strtoul(text, &end, 10);
        if (*end != '\0' || n > NUMBER_MAX) return -EBADMSG;
        *ret = (unsigned)n;
        return 0;
}

static int parse_fail(const char *text, Settings *settings)
{
        static const struct {
                const char *prefix;
                FailAction action;
        } timed[] = { { "reboot:", FAIL_REBOOT }, { "poweroff:", FAIL_POWEROFF } };

        if (strcmp(text, "wait") == 0) {
                settings->fail = FAIL_WAIT;
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(timed); i++) {
                const size_t n = strlen(timed[i].prefix);
                unsigned minutes;

                if (strncmp(text, timed[i].prefix, n) != 0) continue;
                if (parse_number(text + n, &minutes) < 0 || minutes == 0) return -EBADMSG;
                settings->fail = timed[i].action;
                settings->fail_after_min = minutes;
                return 0;
        }
        return -EBADMSG;
}

static bool name_ok(const char *name)
{
        const size_t n = strlen(name);

        if (n == 0 || n > SETTINGS_NAME_MAX || name[0] == '.') return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char)name[i]) && !strchr("-_.:", name[i])) return false;
        return true;
}

/* "root", and "root:2" to "root:99" where root stands on several volumes. */
static bool is_root(const char *role)
{
        if (strncmp(role, "root", 4) != 0) return false;
        if (role[4] == '\0') return true;
        if (role[4] != ':' || role[5] < '1' || role[5] > '9') return false;
        return role[6] == '\0' ? role[5] > '1' : isdigit((unsigned char)role[6]) && role[7] == '\0';
}

/* A misspelt number must not make a volume of root's one that the boot does without. */
static bool role_ok(const char *role)
{
        return token_check_role(role) == 0 && (strncmp(role, "root:", 5) != 0 || is_root(role));
}

static int parse_volume(const char *text, Settings *settings)
{
        VolumeSetting *v = &settings->volumes[settings->n_volumes];
        const char *colon = strchr(text, ':');
        const size_t n = colon ? (size_t)(colon - text) : strlen(text);
        const char *role = colon ? colon + 1 : text;

        if (settings->n_volumes == SETTINGS_VOLUMES_MAX) return -E2BIG;
        if (n > SETTINGS_NAME_MAX || strlen(role) > TOKEN_ROLE_MAX) return -EBADMSG;
        memcpy(v->name, text, n);
        v->name[n] = '\0';
        memcpy(v->role, role, strlen(role) + 1);
        if (!name_ok(v->name)) return -EBADMSG;
        if (!role_ok(v->role)) return -EBADMSG;
        for (size_t i = 0; i < settings->n_volumes; i++)
                if (strcmp(settings->volumes[i].name, v->name) == 0 ||
                    strcmp(settings->volumes[i].role, v->role) == 0)
                        return -EEXIST;
        settings->n_volumes++;
        return 0;
}

static int parse_seal(const char *text, Settings *settings)
{
        if (strcmp(text, "approval") != 0 && strcmp(text, "pcrsig") != 0) return -EBADMSG;
        settings->seal_pcrsig = strcmp(text, "pcrsig") == 0;
        return 0;
}

static int apply(const char *key, const char *value, Settings *settings)
{
        if (strcmp(key, "volume") == 0) return parse_volume(value, settings);
        if (strcmp(key, "prompt") == 0) return parse_number(value, &settings->prompt_after_s);
        if (strcmp(key, "fail") == 0) return parse_fail(value, settings);
        if (strcmp(key, "seal") == 0) return parse_seal(value, settings);
        return -EBADMSG;
}

/* Root's volumes come first: the first one's token speaks for the node. */
static void mark_essential(Settings *settings)
{
        VolumeSetting sorted[SETTINGS_VOLUMES_MAX] = { 0 };
        bool any = false;
        size_t n = 0;

        for (size_t i = 0; i < settings->n_volumes; i++) any |= is_root(settings->volumes[i].role);
        for (int essential = 1; essential >= 0; essential--)
                for (size_t i = 0; i < settings->n_volumes; i++) {
                        VolumeSetting *v = &settings->volumes[i];

                        v->essential = !any || is_root(v->role);
                        if (v->essential == (essential == 1)) sorted[n++] = *v;
                }
        memcpy(settings->volumes, sorted, n * sizeof(sorted[0]));
}

static char *strip(char *text)
{
        char *end = text + strlen(text);

        while (end > text && isspace((unsigned char)end[-1])) end--;
        *end = '\0';
        while (isspace((unsigned char)*text)) text++;
        return text;
}

static int parse_line(char *line, Settings *settings)
{
        char *equals;

        line = strip(line);
        if (line[0] == '\0' || line[0] == '#') return 0;
        equals = strchr(line, '=');
        if (!equals) return -EBADMSG;
        *equals = '\0';
        return apply(strip(line), strip(equals + 1), settings);
}

int settings_parse_file(const char *text, Settings *ret)
{
        Settings settings = { .prompt_after_s = SETTINGS_PROMPT_DEFAULT_S };
        cleanup_free char *copy = strdup(text);
        char *rest = copy, *line;
        unsigned number = 0;

        if (!copy) return -ENOMEM;
        while ((line = strsep(&rest, "\n"))) {
                const int r = parse_line(line, &settings);

                number++;
                if (r == -EEXIST) return error_set(-EBADMSG, "line %u: this volume or role stands twice", number);
                if (r == -E2BIG)
                        return error_set(-EBADMSG, "line %u: more than %d volumes", number, SETTINGS_VOLUMES_MAX);
                if (r < 0)
                        return error_set(r,
                                         "line %u: expected 'volume = NAME:ROLE', 'prompt = SECONDS', "
                                         "'fail = wait|reboot:MIN|poweroff:MIN' or 'seal = approval|pcrsig'",
                                         number);
        }
        mark_essential(&settings);
        *ret = settings;
        return 0;
}

int settings_apply_command_line(const char *text, Settings *settings)
{
        cleanup_free char *copy = strdup(text);
        char *rest = copy, *word;
        int result = 0;

        if (!copy) return -ENOMEM;
        while ((word = strsep(&rest, " \t\n"))) {
                int r = 0;

                if (strncmp(word, "halfkey.prompt=", 15) == 0)
                        r = parse_number(word + 15, &settings->prompt_after_s);
                else if (strncmp(word, "halfkey.fail=", 13) == 0) r = parse_fail(word + 13, settings);
                if (r < 0) result = error_set(r, "kernel command line: cannot read '%s'", word);
        }
        return result;
}

int settings_read(Settings *ret)
{
        cleanup_free uint8_t *file = NULL, *command_line = NULL;
        Settings settings;
        size_t size;
        int r;

        r = file_read(SETTINGS_PATH, SETTINGS_FILE_MAX, &file, &size);
        if (r < 0) return r;
        r = settings_parse_file((const char *)file, &settings);
        if (r < 0) return error_prefix(r, SETTINGS_PATH);
        r = file_read("/proc/cmdline", SETTINGS_FILE_MAX, &command_line, &size);
        if (r < 0) return r;
        /* A value that cannot be read must not keep a node from booting: the default stands. */
        IGNORE_RESULT(settings_apply_command_line((const char *)command_line, &settings));
        *ret = settings;
        return 0;
}
