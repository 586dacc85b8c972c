/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void log_file_open(const char *path, LogFile *ret)
{
        LogFile f = { .path = path ? path : EVENTLOG_DEFAULT_PATH };
        size_t size;

        f.result = file_read(f.path, EVENTLOG_SIZE_MAX, &f.data, &size);
        if (f.result < 0) {
                fprintf(stderr, "halfkey: %s\n", error_detail(f.result)); /* names the path itself */
        } else {
                f.result = eventlog_parse(BYTES(f.data, size), &f.log);
                if (f.result != 0) (void)cli_fail(f.result, f.path);
        }
        *ret = f;
}

void log_file_close(LogFile *f)
{
        eventlog_free(f->log);
        free(f->data);
        *f = (LogFile){ 0 };
}

int log_file_replay(const LogFile *f, HashAlg bank, PcrValues *ret)
{
        int r;

        r = eventlog_replay(f->log, bank, ret);
        if (r != 0) return r;
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
                if (ret->incomplete >> pcr & 1)
                        fprintf(stderr,
                                "halfkey: %s: PCR %" PRIu32
                                " is left out of %s: an event of it has no such digest\n",
                                f->path, pcr, hash_name((uint16_t)bank));
        return 0;
}
