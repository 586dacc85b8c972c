/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Asking the TPM past the code that is tested, tools, and files. */

#include "base/fd.h"
#include "base/writer.h"
#include "check.h"
#include "tpm/swtpm.h"

#include <stdarg.h>
#include <sys/wait.h>

enum { MESSAGE_MAX = RIG_MESSAGE_MAX, HEADER = 10 };

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- asking the TPM ---- */

static size_t ask(Rig *rig, Bytes command, uint8_t response[static MESSAGE_MAX])
{
        const size_t size = rig_exchange(rig, command, response);

        CHECK(size >= HEADER && be32(response + 6) == 0);
        return size;
}

/* TPM2_GetCapability(TPM_CAP_HANDLES) from this handle on; how many of its kind there are. */
static size_t handles(Rig *rig, uint32_t first)
{
        uint8_t command[22], response[MESSAGE_MAX];
        Writer w = WRITER_FIXED(command);

        writer_be16(&w, 0x8001);
        writer_be32(&w, sizeof(command));
        writer_be32(&w, 0x17a);
        writer_be32(&w, 1);
        writer_be32(&w, first);
        writer_be32(&w, 64);
        CHECK(ask(rig, BYTES_ARRAY(command), response) >= HEADER + 9);
        return be32(response + HEADER + 5);
}

size_t rig_loaded(Rig *rig)
{
        return handles(rig, 0x80000000) + handles(rig, 0x02000000);
}

void rig_extend(Rig *rig, unsigned pcr)
{
        static const uint8_t zeros[32];

        rig_extend_by(rig, pcr, zeros);
}

void rig_extend_by(Rig *rig, unsigned pcr, const uint8_t digest[static 32])
{
        uint8_t command[HEADER + 4 + 4 + 9 + 4 + 2 + 32] = { 0 }, response[MESSAGE_MAX];
        Writer w = WRITER_FIXED(command);

        writer_be16(&w, 0x8002);
        writer_be32(&w, sizeof(command));
        writer_be32(&w, 0x182);
        writer_be32(&w, pcr);
        writer_be32(&w, 9);
        writer_be32(&w, 0x40000009); /* TPM_RS_PW */
        writer_be16(&w, 0);
        writer_u8(&w, 0);
        writer_be16(&w, 0);
        writer_be32(&w, 1);
        writer_be16(&w, 0x000b);
        writer_bytes(&w, BYTES(digest, 32));
        ask(rig, BYTES_ARRAY(command), response);
}

/* ---- tools and files ---- */

static _printf_(2, 0) int run(Rig *rig, const char *fmt, va_list args)
{
        char command[2048], wanted[1024];

        vsnprintf(wanted, sizeof(wanted), fmt, args);
        snprintf(command, sizeof(command),
                 "cd %s && export TPM2TOOLS_TCTI=%s TSS2_LOG=all+NONE && { %s; } >out 2>&1", rig_dir(rig),
                 rig_tcti(rig), wanted);
        const int status = system(command);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int rig_try(Rig *rig, const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        const int r = run(rig, fmt, args);
        va_end(args);
        return r;
}

void rig_run(Rig *rig, const char *fmt, ...)
{
        va_list args;
        char show[96];

        va_start(args, fmt);
        const int r = run(rig, fmt, args);
        va_end(args);
        if (r == 0) return;
        snprintf(show, sizeof(show), "cat %s/out >&2", rig_dir(rig));
        IGNORE_RESULT(system(show));
        fprintf(stderr, "failed: %s\n", fmt);
        exit(1);
}

void rig_write(Rig *rig, const char *name, Bytes content)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", rig_dir(rig), name);
        CHECK_OK(file_write_atomic(path, content, 0600));
}

Bytes rig_read(Rig *rig, const char *name)
{
        char path[128];
        uint8_t *data;
        size_t size;

        snprintf(path, sizeof(path), "%s/%s", rig_dir(rig), name);
        CHECK_OK(file_read(path, 65536, &data, &size));
        return BYTES(data, size);
}
