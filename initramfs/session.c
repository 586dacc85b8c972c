/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "initramfs/session.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "initramfs/closed.h"
#include "node/devices.h"
#include "node/esp.h"
#include "node/open.h"
#include "unlock/enrol.h"
#include "unlock/find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
        POLL_MS = 50,
        SAY_AFTER_MS = 5000,    /* how long to wait silently */
        OTHERS_WAIT_MS = 10000, /* for the volumes that the boot can do without, after root's are there */
        ESP_WAIT_MS = 10000,    /* the ESP is on a disk that may not hold root */
        TPM_WAIT_MS = 30000,    /* a driver that loads late */
};

static void sleep_ms(unsigned ms)
{
        const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

        (void)nanosleep(&t, NULL);
}

int session_init(Session *ret)
{
        int r;

        *ret = (Session){ 0 };
        r = pthread_mutex_init(&ret->lock, NULL);
        if (r != 0) return -r;
        timeline_note(&ret->timeline, "started");
        r = random_bytes(ret->attempt_id, sizeof(ret->attempt_id));
        if (r == 0) r = settings_read(&ret->settings);
        if (r < 0) return r;
        if (ret->settings.n_volumes == 0) return error_set(-ENOENT, SETTINGS_PATH " names no volume");
        return session_read_sources(ret);
}

void session_deinit(Session *s)
{
        for (size_t i = 0; i < s->n_volumes; i++) {
                OwnVolume *v = &s->volumes[i];

                volume_free(v->volume);
                token_free(v->token);
                secret_free(v->key);
                free(v->source);
                free(v->key_file);
                free(v->device);
        }
        s->n_volumes = 0;
        secret_free(TAKE_PTR(s->node_half));
        secret_free(TAKE_PTR(s->installer_key));
        config_free(TAKE_PTR(s->config));
        node_boot_free(TAKE_PTR(s->boot));
        tpm_close(TAKE_PTR(s->tpm));
        free(TAKE_PTR(s->esp));
        free(TAKE_PTR(s->tpm_commands));
}

/* Calls find until it gives something else than -ENOENT, at most limit_ms (0: for ever). */
static int wait_for(int (*find)(Session *s, OwnVolume *v), Session *s, OwnVolume *v, const char *what,
                    unsigned limit_ms)
{
        const uint64_t start = timeline_now_ms();
        uint64_t said = start + SAY_AFTER_MS;

        for (;;) {
                const uint64_t now = timeline_now_ms();
                const int r = find(s, v);

                if (r != -ENOENT) return r;
                if (limit_ms > 0 && now - start >= limit_ms) return r;
                if (now >= said) {
                        log_notice("still waiting for %s (%llu s)", what,
                                   (unsigned long long)(now - start) / 1000);
                        said = now + 2 * (said - start);
                }
                sleep_ms(POLL_MS);
        }
}

static int find_device(Session *s _unused_, OwnVolume *v)
{
        return devices_find_source(v->source, &v->device);
}

static int find_esp(Session *s, OwnVolume *v _unused_)
{
        return devices_find_esp(&s->esp);
}

static int find_tpm(Session *s, OwnVolume *v _unused_)
{
        const int r = tpm_open(NULL, &s->tpm);

        return r == TPM_E_GONE || r == TPM_E_BUSY ? -ENOENT : r;
}

/* Two devices with one UUID: which of them a link names is chance, or an attacker's choice. */
static int refuse_duplicate(const OwnVolume *v)
{
        cleanup_free FoundVolumes *found = calloc(1, sizeof(*found));
        const FoundVolume *one;
        int r;

        if (!found) return -ENOMEM;
        r = find_volumes("/sys/class/block", "/dev", found);
        if (r < 0) return r;
        r = find_by_uuid(found, volume_uuid(v->volume), &one);
        return r == -ENOENT ? 0 : r;
}

static int open_volume(Session *s, OwnVolume *v, unsigned limit_ms)
{
        char what[160];
        int r;

        (void)snprintf(what, sizeof(what), "volume '%s' (%s)", v->setting->name, v->source);
        r = wait_for(find_device, s, v, what, limit_ms);
        if (r == -ENOENT) return error_set(r, "volume '%s': no device %s", v->setting->name, v->source);
        if (r == 0) r = volume_open(v->device, &v->volume);
        if (r == 0) r = refuse_duplicate(v);
        if (r == 0 && volume_has_token(v->volume) == 0) r = volume_token(v->volume, &v->token);
        if (r != 0) return error_prefix(r, "volume '%s'", v->setting->name);
        return 0;
}

static int parse_config(uint8_t *text, size_t size, const char *where, NodeConfig **ret)
{
        const int r = config_parse(BYTES(text, size), ret);

        secret_wipe(text, size);
        free(text);
        return r < 0 ? error_prefix(r, "%s", where) : 0;
}

static int config_of_credential(NodeConfig **ret)
{
        const char *folder = getenv("CREDENTIALS_DIRECTORY");
        char path[512];
        uint8_t *text;
        size_t size;
        int r;

        if (!folder) return -ENOENT;
        (void)snprintf(path, sizeof(path), "%s/halfkey.enrolment", folder);
        r = file_read(path, CONFIG_FILE_MAX, &text, &size);
        return r < 0 ? r : parse_config(text, size, "credential halfkey.enrolment", ret);
}

static int config_of_esp(Session *s, const char *name, NodeConfig **ret)
{
        uint8_t *text;
        size_t size;
        int r;

        if (!s->esp) return -ENOENT;
        r = esp_read(s->esp, name, &text, &size);
        return r < 0 ? r : parse_config(text, size, name, ret);
}

static void say_if_credential_ignored(void)
{
        cleanup_config NodeConfig *ignored = NULL;

        if (config_of_credential(&ignored) == 0)
                log_notice("a credential halfkey.enrolment is there and is ignored: the volume is enrolled");
}

/* Before enrolment the credential, then the ESP. Once a volume has our token the NodeConfig is read alone; an
 * EnrolmentConfig serves only where there is none yet, because the power went away before it was written. */
static int read_config(Session *s)
{
        int r;

        r = wait_for(find_esp, s, NULL, "the EFI system partition", ESP_WAIT_MS);
        if (r < 0) log_warning("no EFI system partition: %s", error_detail(r));
        if (session_enrolled(s)) {
                say_if_credential_ignored();
                r = config_of_esp(s, ESP_NODE, &s->config);
                if (r == -ENOENT) r = config_of_esp(s, ESP_ENROLMENT, &s->config);
                return r;
        }
        r = config_of_credential(&s->config);
        if (r == -ENOENT) r = config_of_esp(s, ESP_ENROLMENT, &s->config);
        if (r == 0 && !s->config->secret) {
                config_free(TAKE_PTR(s->config));
                return error_set(-ENOENT, "the configuration holds no enrolment secret");
        }
        return r;
}

/* The generator's unit for one whose device is missing is not active then, so that the host's own takes over. */
int session_leave(OwnVolume *v, int r)
{
        if (v->setting->essential) return r;
        v->left = true;
        secret_free(TAKE_PTR(v->key));
        (void)snprintf(v->problem, sizeof(v->problem), "%s", error_detail(r));
        if (!v->source) log_warning("%s: the boot goes on without it", v->problem);
        else
                log_warning("%s: the boot goes on without it; the next boot opens it, or 'halfkey unlock "
                            "--recovery %s %s' with its recovery key",
                            v->problem, v->source, v->setting->name);
        return 0;
}

static int open_essential(Session *s)
{
        for (size_t i = 0; i < s->n_volumes; i++) {
                int r;

                if (!s->volumes[i].setting->essential) continue;
                r = open_volume(s, &s->volumes[i], 0);
                if (r != 0) return r;
        }
        return 0;
}

static int open_others(Session *s, uint64_t until_ms)
{
        for (size_t i = 0; i < s->n_volumes; i++) {
                const uint64_t now = timeline_now_ms();
                int r;

                if (s->volumes[i].setting->essential || s->volumes[i].left) continue;
                r = open_volume(s, &s->volumes[i], now < until_ms ? (unsigned)(until_ms - now) : 1);
                if (r != 0) r = session_leave(&s->volumes[i], r);
                if (r != 0) return r;
        }
        return 0;
}

int session_prepare(Session *s)
{
        uint64_t others_until;
        int r;

        r = open_essential(s);
        if (r != 0) return r;
        others_until = timeline_now_ms() + OTHERS_WAIT_MS;
        timeline_note(&s->timeline, "root found");
        r = open_others(s, others_until);
        if (r != 0) return r;
        timeline_note(&s->timeline, "volumes found");
        r = wait_for(find_tpm, s, NULL, "the TPM", TPM_WAIT_MS);
        if (r != 0) return r;
        r = node_boot_read(NULL, &s->boot);
        if (r != 0) log_error("no evidence of this boot can be given: %s", error_detail(r)); /* as below */
        timeline_note(&s->timeline, "log replayed");
        r = read_config(s);
        if (r < 0) log_warning("no configuration: %s", error_detail(r)); /* the recovery prompt remains */
        timeline_note(&s->timeline, "configuration read");
        return 0;
}

bool session_enrolled(const Session *s)
{
        for (size_t i = 0; i < s->n_volumes; i++)
                if (s->volumes[i].token) return true;
        return false;
}

bool session_complete(const Session *s)
{
        for (size_t i = 0; i < s->n_volumes; i++)
                if (s->volumes[i].setting->essential && !s->volumes[i].token) return false;
        return true;
}

bool session_unfinished(const Session *s)
{
        return session_enrolled(s) && s->config && s->config->secret;
}

static int write_node_config(const Session *s)
{
        cleanup_free char *text = NULL;
        int r;

        if (!s->esp) return error_set(-ENOENT, "no EFI system partition for " ESP_NODE);
        r = config_print_node(s->config, &text);
        return r < 0 ? r : esp_write(s->esp, ESP_NODE, (const uint8_t *)text, strlen(text));
}

int session_set_node(Session *s, const uint8_t node_id[static SHA256_SIZE], Bytes ak_public)
{
        int r;

        r = config_set_node(s->config, node_id, ak_public);
        if (r < 0) return r;
        r = write_node_config(s);
        if (r < 0) log_warning("the node's configuration is not written yet: %s", error_detail(r));
        return 0;
}

static size_t collect_tags(Session *s, AttestVolume *ret)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n_volumes; i++) {
                OwnVolume *v = &s->volumes[i];

                v->capped = v->key && v->token;
                if (v->capped) ret[n++] = v->tag;
        }
        return n;
}

static int map_all(Session *s)
{
        for (size_t i = 0; i < s->n_volumes; i++) {
                OwnVolume *v = &s->volumes[i];
                int r;

                if (!v->key) continue;
                r = volume_map(v->volume, v->setting->name, v->key, 0);
                if (r != 0) r = session_leave(v, error_prefix(r, "volume '%s'", v->setting->name));
                if (r != 0) return r;
        }
        return 0;
}

/* One that nothing has gone wrong with, and that has no key all the same. */
static void say_closed(OwnVolume *v)
{
        if (v->key || v->problem[0]) return;
        (void)snprintf(v->problem, sizeof(v->problem), "%s",
                       v->token ? "nothing that was typed opens it" : "it is not enrolled");
        log_warning("volume '%s' stays closed: %s", v->setting->name, v->problem);
}

void session_forget(Session *s)
{
        secret_free(TAKE_PTR(s->node_half));
        secret_free(TAKE_PTR(s->installer_key));
        if (s->config) secret_free(TAKE_PTR(s->config->secret));
}

/* The bank that must be capped in any case. */
static HashAlg seal_bank(const Session *s)
{
        if (s->volumes[0].token) return s->volumes[0].token->bank;
        return s->boot ? s->boot->bank : HASH_SHA256;
}

int session_open(Session *s, const char *outcome)
{
        AttestVolume tags[SETTINGS_VOLUMES_MAX];
        size_t n;
        int r;

        for (size_t i = 0; i < s->n_volumes; i++) {
                if (s->volumes[i].setting->essential && !s->volumes[i].key)
                        return error_set(-ENOKEY, "volume '%s' has no key", s->volumes[i].setting->name);
                say_closed(&s->volumes[i]);
        }
        n = collect_tags(s, tags);
        r = cap_extend(s->tpm, seal_bank(s), outcome, tags, n);
        if (r != 0) return error_prefix(r, "the cap failed");
        timeline_note(&s->timeline, "capped");
        s->n_tpm_commands = tpm_commands_count(s->tpm);
        IGNORE_RESULT(tpm_commands_list(s->tpm, 0, &s->tpm_commands)); /* for people only */
        r = map_all(s);
        if (r == 0) r = closed_write(s, CLOSED_FOLDER);
        for (size_t i = 0; i < s->n_volumes; i++) {
                if (r != 0 && s->volumes[i].key) IGNORE_RESULT(volume_unmap(s->volumes[i].setting->name));
                secret_free(TAKE_PTR(s->volumes[i].key));
        }
        if (r != 0) return r;
        timeline_note(&s->timeline, "mapped");
        s->outcome = outcome;
        return 0;
}

int session_check_role(const OwnVolume *v)
{
        if (strcmp(v->token->role, v->setting->role) == 0) return 0;
        return error_set(VOLUME_E_REFUSED, "volume '%s' has the role '%s', expected '%s'", v->setting->name,
                         v->token->role, v->setting->role);
}

/* Header and token as they are now: an enrolment that failed may have changed them. */
static int reopen(OwnVolume *v)
{
        cleanup_volume Volume *volume = NULL;
        cleanup_token Token *token = NULL;
        int r;

        secret_free(TAKE_PTR(v->key));
        r = volume_open(v->device, &volume);
        if (r == 0 && volume_has_token(volume) == 0) r = volume_token(volume, &token);
        if (r != 0) return r;
        volume_free(v->volume);
        token_free(v->token);
        v->volume = TAKE_PTR(volume);
        v->token = TAKE_PTR(token);
        return 0;
}

/* Power went while the image's volume was re-encrypted: until that is done no keyslot opens it all. */
static int finish_reencryption(OwnVolume *v, const Secret *typed)
{
        EnrolVolumeKey state;

        if (v->token || enrol_volume_key_state(v->volume, &state) != 0 || state != ENROL_VOLUME_KEY_IN_PROGRESS)
                return 0;
        log_notice("volume '%s': finishing the re-encryption that was interrupted", v->setting->name);
        return enrol_reencrypt(v->device, typed, NULL, NULL);
}

static int try_typed(OwnVolume *v, const Secret *typed)
{
        int r;

        r = finish_reencryption(v, typed);
        if (r == 0) r = reopen(v);
        if (r == 0 && v->token) r = session_check_role(v);
        if (r == 0) r = node_open_typed(v->volume, v->token, typed, &v->key);
        if (r == 0 && v->token) r = node_volume_tag(v->token, v->key, &v->tag);
        if (r != 0) secret_free(TAKE_PTR(v->key));
        v->typed = r == 0;
        return r == 0 ? 0 : error_prefix(r, "volume '%s'", v->setting->name);
}

/* The first one that is essential and has no key; n_volumes: all have. */
static size_t first_closed(const Session *s)
{
        size_t i = 0;

        while (i < s->n_volumes && (s->volumes[i].key || !s->volumes[i].setting->essential)) i++;
        return i;
}

void session_drop_keys(Session *s)
{
        for (size_t i = 0; i < s->n_volumes; i++) {
                OwnVolume *v = &s->volumes[i];

                if (v->typed) continue;
                secret_free(TAKE_PTR(v->key));
                v->tag = (AttestVolume){ 0 };
                v->capped = false;
        }
        s->asking = first_closed(s);
}

int session_try_typed(Session *s, const Secret *typed)
{
        const size_t asked = first_closed(s);
        char why[256] = ""; /* the one that was asked for, not the one tried last */
        int result = 0;

        if (asked == s->n_volumes) return error_set(-EINVAL, "no volume waits for a key");
        for (size_t i = 0; i < s->n_volumes; i++) {
                OwnVolume *v = &s->volumes[i];
                int r;

                if (v->key || v->left) continue;
                r = try_typed(v, typed);
                if (r == 0 || i != asked) continue;
                result = r;
                (void)snprintf(why, sizeof(why), "%s", error_detail(r));
        }
        s->asking = first_closed(s);
        if (s->asking == s->n_volumes) return 0;
        if (s->asking == asked) return error_set(result, "%s", why);
        return error_set(-EAGAIN, "volume '%s' is open now; '%s' has a key of its own",
                         s->volumes[asked].setting->name, s->volumes[s->asking].setting->name);
}
