/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey status: how this boot was opened. */

#include "base/error.h"
#include "base/fd.h"
#include "base/writer.h"
#include "cli/verb.h"
#include "node/state.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

extern const Verb verb_status;

static const char *meaning(const char *outcome)
{
        if (strcmp(outcome, ATTEST_CAP_ATTESTED) == 0) return "opened by attestation";
        if (strcmp(outcome, ATTEST_CAP_ENROLLED) == 0) return "enrolled in this boot";
        if (strcmp(outcome, ATTEST_CAP_RECOVERY) == 0) return "opened with a typed key";
        return outcome;
}

static void put_volume(Writer *w, const StateVolume *v)
{
        writer_format(w, "Volume:    %s (%s on %s)", v->name, v->role, v->device);
        if (v->problem[0]) writer_format(w, ", NOT OPEN: %s\n", v->problem);
        else writer_format(w, "%s\n", v->enrolled ? "" : ", not enrolled");
}

static void put_text(Writer *w, const State *s)
{
        writer_format(w, "Boot:      %s\n", meaning(s->outcome));
        if (s->node_name[0]) writer_format(w, "Node:      %s\n", s->node_name);
        if (s->verifier[0]) writer_format(w, "Verifier:  %s\n", s->verifier);
        if (s->release_id[0]) writer_format(w, "Release:   %s\n", s->release_id);
        writer_format(w, "Evidence:  %llu events replayed\n", (unsigned long long)s->events);
        writer_format(w, "TPM:       %llu commands (%s)\n", (unsigned long long)s->tpm_commands,
                      s->tpm_command_list);
        for (size_t i = 0; i < s->n_volumes; i++) put_volume(w, &s->volumes[i]);
        writer_text(w, "Steps:\n");
        for (size_t i = 0; i < s->n_steps; i++)
                writer_format(w, "  %7llu.%03llu s  %s\n", (unsigned long long)s->steps[i].at_ms / 1000,
                              (unsigned long long)s->steps[i].at_ms % 1000, s->steps[i].name);
}

/* The state file is the JSON answer already. */
static int put_json(Writer *w)
{
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        r = file_read(STATE_PATH, 65536, &text, &size);
        if (r == 0) writer_bytes(w, BYTES(text, size));
        return r;
}

static int run(int argc, char **argv)
{
        static const struct option options[] = { { "format", required_argument, NULL, 'f' }, { 0 } };
        Writer out = WRITER_INIT(1 << 20);
        bool json = false;
        State state;
        int c, r;

        while ((c = getopt_long(argc, argv, "f:", options, NULL)) != -1) {
                if (c != 'f') return cli_usage(&verb_status, "unknown option");
                if (cli_format(optarg, &json) < 0) return cli_usage(&verb_status, "%s", error_detail(-EINVAL));
        }
        if (optind < argc) return cli_usage(&verb_status, "unexpected argument '%s'", argv[optind]);
        r = state_read(STATE_PATH, &state);
        if (r == -ENOENT) {
                r = error_set(r, "this boot was not opened by halfkey (there is no " STATE_PATH ")");
                return cli_fail(r, "status");
        }
        if (r == 0 && json) r = put_json(&out);
        else if (r == 0) put_text(&out, &state);
        if (r < 0) {
                writer_deinit(&out);
                return cli_fail(r, "status");
        }
        return cli_print(&out, strcmp(state.outcome, ATTEST_CAP_RECOVERY) == 0 ? EXIT_NO : EXIT_YES);
}

const Verb verb_status = {
        .words = "status",
        .arguments = "[--format text|json]",
        .summary = "How this boot was opened, by whom, and how long each step took",
        .help = "Exit status: 0 opened by attestation or enrolment, 1 with a typed key, 2 not by halfkey.\n\n"
                "  -f, --format FORMAT  text (default) or json\n",
        .run = run,
};
