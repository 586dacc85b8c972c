/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey unlock: what halfkey-unlock does in an initrd, for one volume and for people. By attestation where this
 * boot was not capped yet (a rescue system that a policy approves); it is capped before the volume is mapped. With
 * a recovery key in any boot. */

#include "base/error.h"
#include "base/fd.h"
#include "cli/ask.h"
#include "cli/verb.h"
#include "node/cap.h"
#include "node/devices.h"
#include "node/esp.h"
#include "node/open.h"
#include "node/unlock.h"
#include "unlock/open.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

extern const Verb verb_unlock;

typedef struct Unlock {
        const char *device, *name; /* name NULL: "luks-UUID" */
        const char *config_path, *tcti, *log_path;
        bool recovery, check;
        bool refused; /* a failure is an answer: the volume, the key, the TPM or the cluster says no */
        Volume *volume;
        Token *token;
        Secret *key; /* the volume's */
        Tpm *tpm;
        NodeBoot *boot;
        NodeConfig *config;
        Secret *half;
        uint8_t attempt_id[16];
        char verifier[UNLOCK_VERIFIER_SIZE];
} Unlock;

static void unlock_deinit(Unlock *u)
{
        volume_free(u->volume);
        token_free(u->token);
        secret_free(u->key);
        secret_free(u->half);
        tpm_close(u->tpm);
        node_boot_free(u->boot);
        config_free(u->config);
}

/* Passes r on; an outcome (above 0) of what was just asked is a no. */
static int answer(Unlock *u, int r)
{
        u->refused = r > 0;
        return r;
}

static int open_header(Unlock *u)
{
        int r;

        r = volume_open(u->device, &u->volume);
        if (r == 0 && volume_has_token(u->volume) < 0)
                return error_set(-ENOENT, "%s has no halfkey token: 'cryptsetup open' opens it", u->device);
        return r == 0 ? answer(u, volume_token(u->volume, &u->token)) : r;
}

/* ---- by attestation ---- */

static int read_config(Unlock *u)
{
        cleanup_free char *esp = NULL;
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        if (u->config_path) r = file_read(u->config_path, CONFIG_FILE_MAX, &text, &size);
        else {
                r = devices_find_esp(&esp);
                if (r == 0) r = esp_read(esp, ESP_NODE, &text, &size);
        }
        if (r == 0) r = config_parse(BYTES(text, size), &u->config);
        if (r == 0 && !u->config->enrolled) r = error_set(-EINVAL, "it is not a node's, or was never enrolled");
        return r < 0 ? error_prefix(r, "configuration %s", u->config_path ? u->config_path : ESP_NODE) : 0;
}

/* Asked of the TPM: no file says it, and nothing that follows could succeed. */
static int check_open_boot(Unlock *u)
{
        static const uint8_t zeros[HASH_SIZE_MAX];
        TpmPcrValues values;
        Bytes cap;
        int r;

        r = tpm_pcr_read(u->tpm, u->token->bank, TPM_PCR_MASK(TPM_PCR_CAP), &values);
        if (r != 0) return r;
        cap = BYTES(values.value[TPM_PCR_CAP], hash_size((uint16_t)u->token->bank));
        if (bytes_equal(cap, BYTES(zeros, cap.size))) return 0;
        return error_set(
                answer(u, TPM_E_CAPPED),
                "this boot was capped: neither the TPM nor the cluster opens a volume in it any more. Use the "
                "recovery key: halfkey unlock --recovery %s",
                u->device);
}

static int prepare(Unlock *u)
{
        int r;

        r = answer(u, volume_check(u->volume, HEADER_USE_TOKEN));
        if (r == 0) r = answer(u, volume_compare_record(u->volume, u->token));
        if (r == 0) r = tpm_open(u->tcti, &u->tpm);
        if (r == 0) r = check_open_boot(u);
        if (r == 0) r = read_config(u);
        if (r == 0) r = node_boot_read(u->log_path, &u->boot);
        return r == 0 ? random_bytes(u->attempt_id, sizeof(u->attempt_id)) : r;
}

static int attest(Unlock *u, Unlocked **ret)
{
        pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        const bool cancelled = false;
        halfkey_v1_Refusal refusal = { 0 };
        const UnlockParams params = { .tpm = u->tpm,
                                      .config = u->config,
                                      .boot = u->boot,
                                      .tokens = (const Token *const *)&u->token,
                                      .n_tokens = 1,
                                      .attempt_id = u->attempt_id,
                                      .half = &u->half,
                                      .lock = &lock,
                                      .cancelled = &cancelled,
                                      .verifier = u->verifier };
        cleanup_unlocked Unlocked *unlocked = NULL;
        int r;

        r = node_unlock(&params, &unlocked, &refusal);
        if (refusal.reason[0]) return error_prefix(answer(u, r), "refused by %s", u->verifier);
        if (r != 0) return r;
        r = unlocked->unsealed;
        u->refused = r == TPM_E_POLICY || r == TPM_E_CAPPED;
        if (r != 0) return error_set(r, "the TPM keeps the node's half: %s", unlocked->unseal_text);
        *ret = TAKE_PTR(unlocked);
        return 0;
}

static int open_attested(Unlock *u)
{
        cleanup_unlocked Unlocked *unlocked = NULL;
        cleanup_secret Secret *half = NULL;
        int r;

        r = prepare(u);
        if (r == 0) r = attest(u, &unlocked);
        if (r == 0) r = unlocked_half(unlocked, u->token, &half);
        return r == 0 ? answer(u, open_by_halves(u->volume, u->token, u->half, half, &u->key)) : r;
}

static int cap(Unlock *u)
{
        AttestVolume tag;
        int r;

        r = node_volume_tag(u->token, u->key, &tag);
        if (r == 0) r = cap_extend(u->tpm, u->token->bank, ATTEST_CAP_ATTESTED, &tag, 1);
        return r == 0 ? 0 : error_prefix(r, "nothing was mapped: the cap failed");
}

/* ---- with a typed key ---- */

static int open_typed(Unlock *u)
{
        cleanup_secret Secret *typed = NULL;
        char question[512];
        int r;

        (void)snprintf(question, sizeof(question), "Recovery key or passphrase of %s", u->device);
        r = cli_ask(question, &typed);
        return r == 0 ? answer(u, node_open_typed(u->volume, u->token, typed, &u->key)) : r;
}

static int map(Unlock *u)
{
        char by_uuid[64];
        int r;

        (void)snprintf(by_uuid, sizeof(by_uuid), "luks-%s", volume_uuid(u->volume));
        r = volume_map(u->volume, u->name ? u->name : by_uuid, u->key, 0);
        if (r == 0) printf("%s is /dev/mapper/%s now\n", u->device, u->name ? u->name : by_uuid);
        return r;
}

static int unlock(Unlock *u)
{
        int r;

        r = open_header(u);
        if (r == 0) r = u->recovery ? open_typed(u) : open_attested(u);
        if (r != 0) {
                const int code = cli_fail(r, "unlock");

                return u->refused ? EXIT_NO : code;
        }
        if (u->check) {
                printf("%s opens: its header is the one that halfkey wrote; nothing was capped or mapped\n",
                       u->device);
                return EXIT_YES;
        }
        r = u->recovery ? 0 : cap(u);
        if (r == 0) r = map(u);
        return r == 0 ? EXIT_YES : cli_fail(r, "unlock");
}

static int run(int argc, char **argv)
{
        static const struct option options[] = {
                { "recovery", no_argument, NULL, 'r' },       { "check", no_argument, NULL, 'n' },
                { "config", required_argument, NULL, 'c' },   { "tcti", required_argument, NULL, 't' },
                { "eventlog", required_argument, NULL, 'e' }, { 0 }
        };
        _cleanup_(unlock_deinit) Unlock u = { 0 };
        int c, r;

        while ((c = getopt_long(argc, argv, "rn", options, NULL)) != -1) {
                if (c == 'r') u.recovery = true;
                else if (c == 'n') u.check = true;
                else if (c == 'c') u.config_path = optarg;
                else if (c == 't') u.tcti = optarg;
                else if (c == 'e') u.log_path = optarg;
                else return cli_usage(&verb_unlock, "unknown option");
        }
        if (optind == argc || optind + 2 < argc)
                return cli_usage(&verb_unlock, "expected a device and perhaps a name");
        if (u.recovery && (u.config_path || u.tcti || u.log_path))
                return cli_usage(&verb_unlock, "--recovery needs no TPM and no cluster");
        u.device = argv[optind];
        u.name = argv[optind + 1]; /* NULL behind the last one */
        r = secret_protect_process();
        return r < 0 ? cli_fail(r, "unlock") : unlock(&u);
}

const Verb verb_unlock = {
        .words = "unlock",
        .arguments = "[OPTION...] DEVICE [NAME]",
        .summary = "Open a halfkey volume outside the initrd",
        .help = "Maps DEVICE as /dev/mapper/NAME (luks-UUID). Without --recovery the cluster must approve of "
                "what\n"
                "this machine booted, such as a rescue image, and PCR 15 is capped before the volume is mapped:\n"
                "after that, as in every boot that an initrd of halfkey's has left, neither the TPM nor the\n"
                "cluster opens a volume again, and --recovery remains. In both ways the header has to be the one\n"
                "that halfkey wrote.\n\n"
                "  -r, --recovery     ask for a recovery key or passphrase; standard input, where that is no "
                "terminal\n"
                "  -n, --check        say whether it opens; nothing is capped or mapped\n"
                "  --config FILE      the node's configuration (EFI/halfkey/node.json of the EFI system "
                "partition)\n"
                "  --eventlog FILE    the event log (the kernel's)\n"
                "  --tcti TCTI        the TPM, as tpm2-tools name one (/dev/tpm0, else /dev/tpmrm0)\n\n"
                "Exit status: 0 open, 1 refused (by cap, cluster, header or key), 2 cannot tell.\n",
        .run = run,
};
