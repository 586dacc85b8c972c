/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What unlocking costs: TPM commands beside other programs', and the time beside the longest path of what must
 * wait, for three TPMs and three networks. Prints rows {"name", "value", "unit"}.
 *
 * Each of the nine rows is the best of RUNS, since what else the machine does is not the program's. */

#include "unlock-counts.h"
#include "unlock-run.h"

#include <limits.h>
#include <unistd.h>

enum { RUNS = 7 };

static const unsigned round_trips_ms[] = { 1, 20, 100 };
static const char *comma = "";

static void row(const char *name, double value, const char *unit)
{
        printf("%s\n  {\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\"}", comma, name, value, unit);
        comma = ",";
}

static double ratio_of(const UnlockRun *r)
{
        return (double)r->took / (double)r->bound;
}

static UnlockRun best_run(Life *l, Relay *relay, const Profile *profile, unsigned round_trip_ms)
{
        UnlockRun best = { 0 };

        for (int i = 0; i < RUNS; i++) {
                const UnlockRun r = unlock_run(l, relay, profile, round_trip_ms * 1000, ORDER_PRODUCT);
                if (i == 0 || ratio_of(&r) < ratio_of(&best)) best = r;
        }
        return best;
}

static double measure(Life *l, Relay *relay, const Profile *profile, unsigned round_trip_ms)
{
        const UnlockRun r = best_run(l, relay, profile, round_trip_ms);
        char name[128];

        snprintf(name, sizeof(name), "unlock.time_over_bound.%s.%ums", profile->name, round_trip_ms);
        row(name, ratio_of(&r), "ratio");
        fprintf(stderr, "%s, %u ms: %.1f ms, bound %.1f ms: %s\n", profile->name, round_trip_ms,
                (double)r.took / 1e3, (double)r.bound / 1e3, r.path);
        return ratio_of(&r);
}

static void times(const char *verifier, const char *halfkey)
{
        static Life life;
        double worst = 0;
        Relay *relay;

        life_init(&life, verifier, halfkey);
        alarm(0); /* the rig's, which is meant for tests */
        unlock_store_ticket(&life);
        rig_use_socket(life.stage.rig);
        relay = relay_new(life.world.address);
        life_connect_by(&life, relay_address(relay));
        for (size_t i = 0; i < PROFILES; i++)
                for (size_t k = 0; k < ARRAY_SIZE(round_trips_ms); k++) {
                        const double r = measure(&life, relay, &profiles[i], round_trips_ms[k]);
                        if (r > worst) worst = r;
                }
        row("unlock.time_over_bound", worst, "ratio");
        relay_free(relay);
        life_deinit(&life);
}

static void counts(void)
{
        const UnlockCounts c = unlock_counts();
        const size_t systemd = unlock_count_systemd(), clevis = unlock_count_clevis();

        row("unlock.tpm_commands.literal", (double)c.literal, "commands");
        row("unlock.tpm_commands.signed_ticket", (double)c.signed_ticket, "commands");
        row("unlock.tpm_commands.signed", (double)c.signed_first, "commands");
        row("unlock.tpm_commands.pcrsig", (double)c.pcrsig, "commands");
        if (systemd > 0) row("unlock.tpm_commands.peer.systemd", (double)systemd, "commands");
        if (clevis > 0) row("unlock.tpm_commands.peer.clevis", (double)clevis, "commands");
}

int main(void)
{
        const char *build = getenv("HALFKEY_BUILD_DIR");
        char verifier[PATH_MAX], halfkey[PATH_MAX], path[PATH_MAX];

        if (!build) build = ".";
        snprintf(path, sizeof(path), "%.3000s/verifier/halfkey-verifier", build);
        CHECK(realpath(path, verifier));
        snprintf(path, sizeof(path), "%.3000s/cli/halfkey", build);
        CHECK(realpath(path, halfkey));
        printf("[");
        counts();
        times(verifier, halfkey);
        printf("\n]\n");
        return 0;
}
