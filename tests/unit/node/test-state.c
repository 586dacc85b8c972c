/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/fd.h"
#include "check.h"
#include "node/state.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static char path[64];

static int read_text(const char *text, State *ret)
{
        CHECK_OK(file_write_atomic(path, BYTES(text, strlen(text)), 0600));
        return state_read(path, ret);
}

#define FACTS                                                                                          \
        "\"outcome\": \"attested\", \"node_name\": \"n\", \"verifier\": \"v\", \"release_id\": \"\", " \
        "\"events\": 3, "                                                                              \
        "\"tpm_commands\": 12, \"tpm_command_list\": \"Quote\""

static void reads_what_the_initrd_writes(void)
{
        State s;

        CHECK_OK(read_text(
                "{\"version\": 1, " FACTS ", \"volumes\": [{\"name\": \"root\", \"role\": \"root\", \"device\": "
                "\"/dev/vda2\", \"volume_id\": \"000102030405060708090a0b0c0d0e0f\", \"generation\": 1, "
                "\"epoch\": 2}], \"steps\": [{\"step\": \"started\", \"at_ms\": 5}]}",
                &s));
        CHECK_TEXT(s.outcome, "attested");
        CHECK(s.n_volumes == 1 && s.volumes[0].enrolled && s.volumes[0].epoch == 2 && s.volumes[0].id[15] == 15);
        CHECK(s.tpm_commands == 12 && s.n_steps == 1 && s.steps[0].at_ms == 5);
}

static void a_missing_or_broken_file_is_told_apart(void)
{
        State s = { .n_volumes = 77 };

        (void)unlink(path);
        CHECK_RESULT(state_read(path, &s), -ENOENT);
        CHECK_RESULT(read_text("{\"version\": 9}", &s), -EBADMSG);
        CHECK_RESULT(read_text("{\"version\": 1, " FACTS ", \"volumes\": 5, \"steps\": []", &s), -EBADMSG);
        CHECK(s.n_volumes == 77);
}

int main(void)
{
        (void)snprintf(path, sizeof(path), "/tmp/halfkey-test-state-%d", (int)getpid());
        RUN(reads_what_the_initrd_writes);
        RUN(a_missing_or_broken_file_is_told_apart);
        (void)unlink(path);
        return 0;
}
