/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Evidence while the event log moves under it. */

#include "check.h"
#include "node/stage.h"
#include "proto/message.h"

#include <errno.h>

/* Between the log being read and the TPM quoting an event comes, so often: it is extended at the Quote, and is in
 * the file by then unless the firmware is late with it. */
typedef struct Mover {
        Stage *s;
        Synth log;
        unsigned times, quotes;
        bool logged;
} Mover;

static size_t move(void *userdata, Bytes command, uint8_t *response)
{
        static const char text[] = "an event that comes late";
        Mover *m = userdata;
        uint8_t digest[SHA256_SIZE];

        (void)response;
        if (command.data[8] != 0x01 || command.data[9] != 0x58) return 0;
        if (m->quotes++ >= m->times) return 0;
        CHECK_OK(hash_sha256(BYTES_LITERAL(text), digest));
        rig_extend_by(m->s->rig, 12, digest);
        synth_text(&m->log, 12, EV_IPL, text);
        if (m->logged) rig_write(m->s->rig, "log", synth_bytes(&m->log));
        return 0;
}

static int evidence(Stage *s, bool *ret_replays)
{
        AttestQuote q;

        return stage_evidence(s, ATTEST_PURPOSE_UNLOCK, NULL, &q, ret_replays);
}

static void mover_init(Mover *m, Stage *s, unsigned times, bool logged)
{
        *m = (Mover){ .s = s, .times = times, .logged = logged };
        synth_init(&m->log, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot_at_zero(&m->log, false, "root=UUID=1 ro");
        rig_hook(s->rig, move, m);
}

static void a_log_that_moved_is_read_again(void)
{
        for (unsigned times = 0; times < EVIDENCE_QUOTES_MAX; times++) {
                cleanup_stage Stage s;
                Mover m;
                bool replays = false;

                stage_init(&s);
                stage_enrol(&s);
                mover_init(&m, &s, times, true);
                const size_t before = s.boot->log_size;
                const size_t mark = tpm_commands_count(s.tpm);
                CHECK_OK(evidence(&s, &replays));
                CHECK(replays && m.quotes == times + 1);
                CHECK(tpm_commands_count(s.tpm) == mark + times + 1);
                CHECK_BYTES(BYTES(s.boot->log_bytes, s.boot->log_size), synth_bytes(&m.log));
                CHECK((s.boot->log_size > before) == (times > 0));
                rig_hook(s.rig, NULL, NULL);
                synth_deinit(&m.log);
        }
}

/* Then it is the verifier who says no. */
static void three_quotes_are_enough(void)
{
        cleanup_stage Stage s;
        Mover m;
        bool replays = true;

        stage_init(&s);
        stage_enrol(&s);
        mover_init(&m, &s, 100, true);
        CHECK_OK(evidence(&s, &replays));
        CHECK(!replays && m.quotes == EVIDENCE_QUOTES_MAX);
        rig_hook(s.rig, NULL, NULL);
        synth_deinit(&m.log);
}

static void what_nobody_logged_is_quoted_once(void)
{
        cleanup_stage Stage s;
        Mover m;
        bool replays = true;

        stage_init(&s);
        stage_enrol(&s);
        mover_init(&m, &s, 1, false);
        CHECK_OK(evidence(&s, &replays));
        CHECK(!replays && m.quotes == 1);
        rig_hook(s.rig, NULL, NULL);
        CHECK_RESULT(evidence_explain(s.tpm, s.boot), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "PCR 12"));
        synth_deinit(&m.log);
}

static void a_log_that_was_replaced_is_refused(void)
{
        cleanup_stage Stage s;
        cleanup_synth Synth other = { 0 };
        bool replays;

        stage_init(&s);
        stage_enrol(&s);
        rig_extend(s.rig, 12);
        synth_init(&other, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot_at_zero(&other, true, "root=UUID=1 ro single");
        rig_write(s.rig, "log", synth_bytes(&other));
        CHECK_RESULT(evidence(&s, &replays), -ESTALE);
        CHECK(strstr(error_detail(-ESTALE), "was replaced"));
}

int main(void)
{
        RUN(a_log_that_moved_is_read_again);
        RUN(three_quotes_are_enough);
        RUN(what_nobody_logged_is_quoted_once);
        RUN(a_log_that_was_replaced_is_refused);
        return 0;
}
