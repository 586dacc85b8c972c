/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TPMs that swtpm made, with certificates of its local CA, and a node's own code that shows them to a verifier
 * which asks for them. */

#include "world.h"

#include "base/fd.h"
#include "node/stage.h"

#include <limits.h>

static const uint8_t attempt_id[ATTEST_ATTEMPT_SIZE] = { 1 };

static void copy(const World *w, Rig *rig, const char *from, const char *to)
{
        const Bytes pem = rig_read(rig, from);
        char path[160];

        (void)snprintf(path, sizeof(path), "%s/cluster/%s", w->dir, to);
        CHECK_OK(file_write_atomic(path, pem, 0644));
        free((void *)pem.data);
}

static void ask_for(const World *w, const char *ek_trust)
{
        char command[512];

        (void)snprintf(command, sizeof(command),
                       "sed -i -e 's/\"ek_trust\": *\"[a-z]*\"/\"ek_trust\": \"%s\"/' -e "
                       "'s/\"platform_certificate\": *\"[a-z]*\"/\"platform_certificate\": \"required\"/' "
                       "%s/cluster/cluster.json && grep -q %s %s/cluster/cluster.json",
                       ek_trust, w->dir, ek_trust, w->dir);
        CHECK(system(command) == 0);
}

/* The maker's CA between, in the TPM itself, as EK Credential Profile 2.2.1.5.2 has it. */
static void put_chain(Rig *rig)
{
        rig_run(rig, "openssl x509 -in ca/issuer.pem -outform der -out issuer.der && "
                     "tpm2_nvdefine -Q -C p -s $(stat -c %%s issuer.der) -a "
                     "'ppwrite|ppread|ownerread|authread|no_da|platformcreate' 0x01c00100 && "
                     "tpm2_nvwrite -Q -C p -i issuer.der 0x01c00100");
}

static void node_init(Stage *s)
{
        stage_init_on(s, rig_new_manufactured());
        free(s->boot->command_line);
        s->boot->command_line = strdup("root=UUID=1 ro");
        put_chain(s->rig);
        CHECK_OK(node_keys_ensure(s->tpm, &s->keys));
        CHECK(s->keys.ek.certificate);
}

static NodeConfig *config_of(const World *w)
{
        cleanup_free uint8_t *text = NULL;
        NodeConfig *config;
        uint8_t secret[32];
        char path[160];
        size_t size;

        world_secret(w, "--uses 1", secret);
        (void)snprintf(path, sizeof(path), "%s/enrolment.json", w->dir);
        CHECK_OK(file_read(path, CONFIG_FILE_MAX, &text, &size));
        CHECK_OK(config_parse(BYTES(text, size), &config));
        free(config->addresses[0]);
        config->addresses[0] = strdup(w->address);
        return config;
}

/* The reason of a refusal, "" where there was none. */
static const char *registers(const World *w, Stage *s)
{
        static halfkey_v1_Refusal refusal;
        cleanup_registered Registered *registered = NULL;
        cleanup_config NodeConfig *config = config_of(w);
        RpcChannel *channel;
        int r;

        CHECK_OK(call_connect(config, &channel));
        r = node_register(channel,
                          &(RegisterParams){ .tpm = s->tpm,
                                             .config = config,
                                             .boot = s->boot,
                                             .keys = &s->keys,
                                             .attempt_id = attempt_id },
                          &registered, &refusal);
        rpc_channel_close(channel);
        CHECK(r == 0 || r == CALL_E_REFUSED);
        return r == 0 ? "" : refusal.reason;
}

static const char *verifier, *halfkey;

static void a_maker_vouches_for_tpm_and_platform(void)
{
        cleanup_stage Stage ours, theirs;
        World w;

        world_init(&w, verifier, halfkey);
        CHECK(world_log_has(&w, "by its enrolment secret alone (ek_trust is none)"));
        CHECK(world_stop(&w, SIGTERM) == 0);
        node_init(&ours);
        node_init(&theirs);
        /* its local CA stands in the TPM alone */
        copy(&w, ours.rig, "ca/swtpm-localca-rootca-cert.pem", "ek-ca");
        copy(&w, ours.rig, "ca/swtpm-localca-rootca-cert.pem", "platform-ca");
        ask_for(&w, "either");
        world_start(&w);
        CHECK(world_log_has(&w, "by ek-list or by its maker's certificate, with a platform certificate; 1 roots"));
        CHECK_TEXT(registers(&w, &theirs), "ek-certificate-issuer"); /* a CA of the same name */
        CHECK_TEXT(registers(&w, &ours), "");
        CHECK(world_cluster(&w, "node list") == 0);
        CHECK(world_cluster(&w, "node show %02x%02x%02x%02x", ours.keys.node_id[0], ours.keys.node_id[1],
                            ours.keys.node_id[2], ours.keys.node_id[3]) == 0);
        CHECK(strstr(world_output(),
                     "trusted      by certificate of CN=swtpm-localca-rootca, platform certificate of "
                     "CN=swtpm-localca-rootca"));
        /* the certificate of one TPM shown by another */
        free(theirs.keys.ek.certificate);
        theirs.keys.ek.certificate_size = ours.keys.ek.certificate_size;
        theirs.keys.ek.certificate = malloc(theirs.keys.ek.certificate_size);
        memcpy(theirs.keys.ek.certificate, ours.keys.ek.certificate, theirs.keys.ek.certificate_size);
        CHECK_TEXT(registers(&w, &theirs), "evidence-ek-certificate");
        world_deinit(&w);
}

int main(int argc, char **argv)
{
        static char paths[2][PATH_MAX];

        CHECK(argc == 3);
        verifier = realpath(argv[1], paths[0]);
        halfkey = realpath(argv[2], paths[1]);
        CHECK(verifier && halfkey);
        RUN(a_maker_vouches_for_tpm_and_platform);
        return 0;
}
