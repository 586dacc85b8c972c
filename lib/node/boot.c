/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/boot.h"

#include "base/error.h"
#include "base/fd.h"
#include "node/pcrsig.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int choose_bank(const EventLog *log, HashAlg *ret)
{
        static const HashAlg wanted[] = { HASH_SHA256, HASH_SHA384 };

        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
                for (size_t j = 0; j < log->n_banks; j++)
                        if (log->banks[j] == wanted[i]) {
                                *ret = wanted[i];
                                return 0;
                        }
        return error_set(-EOPNOTSUPP, "the event log has neither a SHA-256 nor a SHA-384 bank: enable one in the "
                                      "firmware's TPM settings");
}

/* One line of text from sysfs or procfs, without its newline; what is not printable ASCII becomes '?'. */
static int read_line(const char *path, char *ret, size_t size)
{
        cleanup_free uint8_t *text = NULL;
        size_t n;
        int r;

        r = file_read(path, 65536, &text, &n);
        if (r < 0) return r;
        while (n > 0 && isspace(text[n - 1])) n--;
        if (n >= size) return error_set(-EMSGSIZE, "%s: longer than %zu characters", path, size - 1);
        for (size_t i = 0; i < n; i++) ret[i] = (char)(text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?');
        ret[n] = '\0';
        return 0;
}

static int parse_log(NodeBoot *b)
{
        int r;

        r = eventlog_parse(BYTES(b->log_bytes, b->log_size), &b->log);
        if (r == EVENTLOG_E_MALFORMED)
                r = error_set(-EBADMSG, "offset %zu: %s", b->log->fault_offset, b->log->fault);
        if (r == 0) r = choose_bank(b->log, &b->bank);
        if (r == 0) r = eventlog_replay(b->log, b->bank, &b->replayed);
        return r > 0 ? error_set(-EBADMSG, "the event log cannot be replayed") : r;
}

static int read_log(NodeBoot *b)
{
        int r;

        r = file_read(b->log_path, EVENTLOG_SIZE_MAX, &b->log_bytes, &b->log_size);
        if (r == 0) r = parse_log(b);
        return r < 0 ? error_prefix(r, "%s", b->log_path) : 0;
}

static char *find_log(const char *path)
{
        char credential[512];
        const char *folder = getenv("CREDENTIALS_DIRECTORY");

        if (!path && folder) {
                (void)snprintf(credential, sizeof(credential), "%s/eventlog", folder);
                if (access(credential, R_OK) == 0) path = credential;
        }
        return strdup(path ? path : NODE_LOG_PATH);
}

int node_boot_read(const char *log_path, NodeBoot **ret)
{
        cleanup_node_boot NodeBoot *b = calloc(1, sizeof(*b));
        int r;

        if (!b) return -ENOMEM;
        b->log_path = find_log(log_path);
        b->command_line = calloc(1, NODE_COMMAND_LINE_MAX + 1);
        if (!b->log_path || !b->command_line) return -ENOMEM;
        r = read_log(b);
        if (r < 0) return r;
        r = read_line("/proc/cmdline", b->command_line, NODE_COMMAND_LINE_MAX + 1);
        if (r < 0) return r;
        r = pcrsig_read(&b->pcrsig, &b->pcrsig_size);
        if (r < 0 && r != -ENOENT) return r;
        /* Both are for people only; a machine may have neither. */
        if (read_line("/proc/sys/kernel/hostname", b->hostname, sizeof(b->hostname)) < 0) b->hostname[0] = '\0';
        if (read_line("/sys/class/dmi/id/chassis_serial", b->serial, sizeof(b->serial)) < 0) b->serial[0] = '\0';
        *ret = TAKE_PTR(b);
        return 0;
}

static void log_free(NodeBoot *b)
{
        eventlog_free(b->log);
        free(b->log_bytes);
}

int node_boot_follow(NodeBoot *b, bool *ret_moved)
{
        _cleanup_(log_free) NodeBoot now = { .log_path = b->log_path };
        int r;

        r = read_log(&now);
        if (r < 0) return r;
        if (now.log_size < b->log_size || now.bank != b->bank ||
            !bytes_equal(BYTES(now.log_bytes, b->log_size), BYTES(b->log_bytes, b->log_size)))
                return error_set(-ESTALE, "%s was replaced while it was in use", b->log_path);
        *ret_moved = now.log_size > b->log_size;
        if (!*ret_moved) return 0;
        const NodeBoot before = *b;
        b->log_bytes = now.log_bytes;
        b->log_size = now.log_size;
        b->log = now.log;
        b->replayed = now.replayed;
        now.log = before.log;
        now.log_bytes = before.log_bytes;
        return 0;
}

void node_boot_free(NodeBoot *b)
{
        if (!b) return;
        log_free(b);
        free(b->log_path);
        free(b->command_line);
        free(b->pcrsig);
        free(b);
}
