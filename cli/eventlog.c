/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void log_file_open(const char *path, LogFile *ret)
{
        LogFile f = { .path = path ? path : EVENTLOG_DEFAULT_PATH };
        size_t size;

        crypto_skip_configuration();
        f.result = file_read(f.path, EVENTLOG_JSON_SIZE_MAX, &f.data, &size);
        if (f.result < 0) {
                cli_say(error_detail(f.result)); /* names the path itself */
        } else {
                f.result = eventlog_parse_any(BYTES(f.data, size), &f.log);
                if (f.result != 0) (void)cli_fail(f.result, f.path);
        }
        *ret = f;
}

void log_file_close(LogFile *f)
{
        eventlog_free(f->log);
        eventlog_free(f->userspace);
        free(f->data);
        free(f->userspace_data);
        *f = (LogFile){ 0 };
}

int log_file_add_userspace(LogFile *f, const char *path)
{
        size_t size;
        int r;

        r = file_read(path, EVENTLOG_JSON_SIZE_MAX, &f->userspace_data, &size);
        if (r < 0) {
                cli_say(error_detail(r));
                return r;
        }
        if (size == 0) return 0; /* nothing was measured yet */
        r = eventlog_parse_any(BYTES(f->userspace_data, size), &f->userspace);
        if (r == 0 && f->userspace->format != EVENTLOG_FORMAT_CEL)
                r = error_set(-EINVAL, "expected systemd's log of userspace");
        if (r != 0) (void)cli_fail(r, path);
        return r;
}

int log_file_values(const LogFile *f, HashAlg bank, PcrValues *ret)
{
        PcrValues values;
        int r;

        r = eventlog_replay(f->log, bank, &values);
        if (r == 0 && f->userspace) r = eventlog_replay_onto(f->userspace, &values);
        if (r == 0) *ret = values;
        return r;
}

int log_file_replay(const LogFile *f, HashAlg bank, PcrValues *ret)
{
        int r;

        r = log_file_values(f, bank, ret);
        if (r != 0) return r;
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
                if (ret->incomplete >> pcr & 1)
                        fprintf(stderr,
                                "halfkey: %s: PCR %" PRIu32
                                " is left out of %s: an event of it has no such digest\n",
                                f->path, pcr, hash_name((uint16_t)bank));
        return 0;
}

const char *log_format_name(EventlogFormat format)
{
        static const char *const names[] = {
                [EVENTLOG_FORMAT_SHA1] = "sha1",
                [EVENTLOG_FORMAT_AGILE] = "crypto-agile",
                [EVENTLOG_FORMAT_CCEL] = "ccel",
                [EVENTLOG_FORMAT_CEL] = "cel",
        };

        return names[format];
}

int log_choose_bank(const EventLog *log, Hasher **ret, HashAlg *ret_bank)
{
        int r = error_set(-EOPNOTSUPP, "no bank of the log is known");

        for (size_t i = log->n_banks; i > 0; i--) {
                r = hasher_new(log->banks[i - 1], ret);
                if (r == 0) *ret_bank = log->banks[i - 1];
                if (r != -EOPNOTSUPP) return r;
        }
        return r;
}

int pcr_list_parse(const char *text, uint32_t *ret)
{
        uint32_t mask = 0;
        const char *p = text;

        while (*p) {
                char *end;
                unsigned long first = strtoul(p, &end, 10), last = first;

                if (*p < '0' || *p > '9') break;
                if (*end == '-' && end[1] >= '0' && end[1] <= '9') last = strtoul(end + 1, &end, 10);
                if (first > last || last >= EVENTLOG_PCRS) break;
                for (unsigned long pcr = first; pcr <= last; pcr++) mask |= UINT32_C(1) << pcr;
                if (!*end) {
                        *ret = mask;
                        return 0;
                }
                if (*end != ',') break;
                p = end + 1;
        }
        return error_set(-EINVAL, "'%s' is no list of PCRs, such as 0-7,9", text);
}
