/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey-unlock: opens this node's volumes in the initrd.
 *
 * A worker thread attests again and again, since a verifier may appear at any time; the main thread waits for it,
 * for a person at the recovery prompt, and for time to pass. Whoever is first opens the volumes; in between
 * nothing is mapped. What happens after the keys are known is the same for both: cap, map, hand over, end. */

#include "base/error.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/log.h"
#include "config.h"
#include "initramfs/attempt.h"
#include "initramfs/closed.h"
#include "initramfs/prompt.h"
#include "initramfs/session.h"
#include "node/state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNLOCKING_FLAG STATE_FOLDER "/unlocking"

enum {
        BACKOFF_FIRST_MS = 200,
        BACKOFF_MAX_MS = 10000,
        SAY_AGAIN_MS = 30000, /* a reason that does not change is said once in a while */
};

typedef struct Unlock {
        Session session;
        Prompt prompt;
        pthread_t worker;
        bool worker_started, worker_ended;
        int reports[2]; /* the worker writes one Report an attempt */
        int wake;       /* an eventfd that ends the worker's pauses */
        bool wants_installer_key;
        uint64_t started_ms, prompt_at_ms, fail_at_ms;
        char last[512]; /* the reason said last, and when */
        uint64_t last_ms;
} Unlock;

/* ---- the worker ---- */

/* Full jitter between half and all of it: a rack that comes back together must not knock together. */
static unsigned backoff_ms(unsigned attempt)
{
        unsigned ms = BACKOFF_FIRST_MS;
        uint16_t random;

        for (; attempt > 0 && ms < BACKOFF_MAX_MS; attempt--) ms *= 2;
        if (ms > BACKOFF_MAX_MS) ms = BACKOFF_MAX_MS;
        if (random_bytes(&random, sizeof(random)) < 0) return ms;
        return ms / 2 + random % (ms / 2 + 1);
}

/* Pauses, or less where the main thread has news. Whether to go on. */
static bool pause_worker(Unlock *u, unsigned ms)
{
        struct pollfd p = { .fd = u->wake, .events = POLLIN };
        uint64_t news;
        bool on;

        if (poll(&p, 1, (int)ms) > 0) on = read(u->wake, &news, sizeof(news)) == sizeof(news);
        pthread_mutex_lock(&u->session.lock);
        on = !u->session.cancelled;
        pthread_mutex_unlock(&u->session.lock);
        return on;
}

static void wake_worker(const Unlock *u)
{
        static const uint64_t one = 1;

        IGNORE_RESULT(fd_write_all(u->wake, BYTES(&one, sizeof(one)))); /* an eventfd takes it */
}

/* A volume with a token is unlocked; an enrolment that was cut off after the token is finished, where its
 * configuration still has the secret and the verifier says that it waits for that. */
static void try_once(Session *s, Report *ret)
{
        bool unlock, unfinished;

        /* The main thread takes tokens away for a moment while it tries a typed key. */
        pthread_mutex_lock(&s->lock);
        unfinished = session_unfinished(s);
        unlock = session_complete(s) || (session_enrolled(s) && !unfinished);
        pthread_mutex_unlock(&s->lock);
        if (unlock) {
                attempt_unlock(s, ret);
                if (!ret->unfinished || !unfinished) return;
                log_notice("finishing the enrolment that was interrupted");
        }
        attempt_enrol(s, ret);
}

static void *work(void *argument)
{
        Unlock *u = argument;

        for (unsigned attempt = 0;; attempt++) {
                Report report;

                try_once(&u->session, &report);
                IGNORE_RESULT(fd_write_all(u->reports[1], BYTES(&report, sizeof(report)))); /* main is there */
                if (report.result == 0 || report.final) break;
                if (!pause_worker(u, report.retry_s > 0 ? report.retry_s * 1000 : backoff_ms(attempt))) break;
        }
        return NULL;
}

static int start_worker(Unlock *u)
{
        int r;

        if (pipe2(u->reports, O_CLOEXEC) < 0) return -errno;
        u->wake = eventfd(0, EFD_CLOEXEC);
        if (u->wake < 0) return -errno;
        r = pthread_create(&u->worker, NULL, work, u);
        if (r != 0) return error_set(-r, "cannot start a thread: %s", strerror(r));
        u->worker_started = true;
        return 0;
}

/* After this the worker touches neither the TPM nor a header any more, though it may still wait for the network.
 */
static void cancel_worker(Unlock *u)
{
        if (!u->worker_started || u->worker_ended) return;
        pthread_mutex_lock(&u->session.lock);
        u->session.cancelled = true;
        pthread_mutex_unlock(&u->session.lock);
        wake_worker(u);
}

/* ---- people ---- */

static void say(Unlock *u, const char *text)
{
        const uint64_t now = timeline_now_ms();

        if (strcmp(u->last, text) == 0 && now - u->last_ms < SAY_AGAIN_MS) return;
        (void)snprintf(u->last, sizeof(u->last), "%s", text);
        u->last_ms = now;
        log_notice("%s", text);
}

static void ask(Unlock *u)
{
        char message[200];
        const char *name = u->session.settings.volumes[u->session.asking].name;
        int r;

        if (prompt_active(&u->prompt)) return;
        (void)snprintf(message, sizeof(message), "%s for volume %s:",
                       u->wants_installer_key ? "Passphrase, to enrol this node," : "Recovery key or passphrase",
                       name);
        r = prompt_start(&u->prompt, name, message);
        if (r < 0) {
                log_error("%s", error_detail(r));
                u->prompt_at_ms = timeline_now_ms() + SAY_AGAIN_MS;
                return;
        }
        timeline_note(&u->session.timeline, "prompt");
        log_notice("asking for a key; attempts go on behind it");
}

static int take_installer_key(Unlock *u, Secret *typed)
{
        pthread_mutex_lock(&u->session.lock);
        secret_free(u->session.installer_key);
        u->session.installer_key = typed;
        pthread_mutex_unlock(&u->session.lock);
        u->wants_installer_key = false;
        u->prompt_at_ms = timeline_now_ms() + u->session.settings.prompt_after_s * UINT64_C(1000);
        wake_worker(u);
        return -EAGAIN;
}

/* 0: the typed key opened root. */
static int answer(Unlock *u)
{
        cleanup_secret Secret *typed = NULL;
        int r;

        r = prompt_take(&u->prompt, &typed);
        if (r < 0) return r;
        if (u->wants_installer_key) return take_installer_key(u, TAKE_PTR(typed));
        pthread_mutex_lock(&u->session.lock);
        /* An attempt has opened everything while the key was typed; its report is on the way. */
        r = u->session.opened ? -EALREADY : session_try_typed(&u->session, typed);
        if (r == 0) u->session.cancelled = true;
        pthread_mutex_unlock(&u->session.lock);
        if (r == -EAGAIN) log_notice("%s", error_detail(r));
        else if (r != 0 && r != -EALREADY) log_warning("that key does not open it: %s", error_detail(r));
        return r;
}

/* ---- the main thread ---- */

/* Where an attempt opened the volumes, *ret_opened is the word for the cap. */
static void take_report(Unlock *u, const char **ret_opened)
{
        Report report;
        ssize_t n;

        do n = read(u->reports[0], &report, sizeof(report));
        while (n < 0 && errno == EINTR);
        if (n != sizeof(report)) return;
        if (report.result == 0) *ret_opened = report.outcome;
        if (report.result == 0 || report.final) {
                pthread_join(u->worker, NULL);
                u->worker_ended = true;
        }
        if (report.result == 0) return;
        say(u, report.text);
        if (report.needs_key) u->wants_installer_key = true;
        if (report.final || report.needs_key) u->prompt_at_ms = timeline_now_ms();
}

static void give_up(const Unlock *u)
{
        const bool off = u->session.settings.fail == FAIL_POWEROFF;

        log_error("nothing opened the volumes in %u minutes: %s", u->session.settings.fail_after_min,
                  off ? "powering off" : "rebooting");
        sync();
        (void)reboot(off ? RB_POWER_OFF : RB_AUTOBOOT);
}

/* Milliseconds until something is due; -1: nothing is. */
static int due_in(const Unlock *u)
{
        const uint64_t now = timeline_now_ms();
        uint64_t at = UINT64_MAX;

        if (!prompt_active(&u->prompt)) at = u->prompt_at_ms;
        else if (!session_enrolled(&u->session)) at = now + 1000; /* the enrolment may begin behind it */
        if (u->fail_at_ms < at) at = u->fail_at_ms;
        if (at == UINT64_MAX) return -1;
        return at <= now ? 0 : (int)MIN(at - now, (uint64_t)60000);
}

static void do_what_is_due(Unlock *u)
{
        const uint64_t now = timeline_now_ms();

        /* An enrolment that makes progress is not a failure to attest, and takes no key meanwhile. */
        if (u->session.working) {
                prompt_stop(&u->prompt);
                u->prompt_at_ms = now + 1000;
                if (u->fail_at_ms != UINT64_MAX)
                        u->fail_at_ms = now + u->session.settings.fail_after_min * UINT64_C(60000);
                return;
        }
        if (now >= u->fail_at_ms) give_up(u);
        if (!prompt_active(&u->prompt) && now >= u->prompt_at_ms) ask(u);
}

/* Waits until somebody opened the volumes. The outcome is the word for the cap. */
static int wait_for_key(Unlock *u, const char **ret_outcome)
{
        for (;;) {
                struct pollfd p[] = {
                        { .fd = u->worker_started && !u->worker_ended ? u->reports[0] : -1, .events = POLLIN },
                        { .fd = prompt_active(&u->prompt) ? u->prompt.fd : -1, .events = POLLIN },
                };
                const char *opened = NULL;

                if (poll(p, ARRAY_SIZE(p), due_in(u)) < 0 && errno != EINTR) return error_set(-errno, "poll: %m");
                if (p[0].revents) take_report(u, &opened);
                if (opened) {
                        *ret_outcome = opened;
                        return 0;
                }
                if (p[1].revents && answer(u) == 0) {
                        *ret_outcome = ATTEST_CAP_RECOVERY;
                        return 0;
                }
                do_what_is_due(u);
        }
}

static void set_timers(Unlock *u, bool can_attest)
{
        const Settings *settings = &u->session.settings;

        u->started_ms = timeline_now_ms();
        u->prompt_at_ms = u->started_ms + (can_attest ? settings->prompt_after_s * UINT64_C(1000) : 0);
        u->fail_at_ms = settings->fail == FAIL_WAIT ? UINT64_MAX
                                                    : u->started_ms + settings->fail_after_min * UINT64_C(60000);
}

static int start(Unlock *u)
{
        const Session *s = &u->session;
        const bool can_attest = s->config && s->boot;
        char id[33];

        hex_encode(BYTES_ARRAY(s->attempt_id), id);
        if (!s->config)
                log_warning("without a configuration in EFI/halfkey on the EFI system partition this volume opens "
                            "only with a recovery key or passphrase");
        else if (can_attest && session_enrolled(s))
                log_notice("attesting (attempt %s, %zu events)", id, session_events(s));
        else if (can_attest) log_notice("enrolling this node (attempt %s)", id);
        set_timers(u, can_attest);
        return can_attest ? start_worker(u) : 0;
}

static void summarise(const Session *s)
{
        const uint64_t from = s->timeline.steps[0].at_ms, to = timeline_now_ms();

        log_notice("open: outcome %s, node %s, verifier %s, %zu events replayed, %zu TPM commands, %llu.%03llu s",
                   s->outcome, s->node_name[0] ? s->node_name : "unknown", s->verifier[0] ? s->verifier : "none",
                   session_events(s), s->n_tpm_commands, (unsigned long long)(to - from) / 1000,
                   (unsigned long long)(to - from) % 1000);
}

/* dracut's initqueue gives up after a while, unless this file tells it that somebody is still at work. */
static int raise_flag(void)
{
        if (mkdir(STATE_FOLDER, 0755) < 0 && errno != EEXIST) return error_set(-errno, STATE_FOLDER ": %m");
        return file_write_atomic(UNLOCKING_FLAG, BYTES(NULL, 0), 0644);
}

static int run(Unlock *u)
{
        const char *outcome = NULL;
        int r;

        r = session_init(&u->session);
        if (r == 0) r = raise_flag();
        if (r == 0) r = closed_clear(CLOSED_FOLDER);
        if (r == 0) r = session_prepare(&u->session);
        if (r == 0) r = start(u);
        if (r == 0) r = wait_for_key(u, &outcome);
        prompt_stop(&u->prompt);
        if (r != 0) return r;
        cancel_worker(u);
        pthread_mutex_lock(&u->session.lock);
        r = session_open(&u->session, outcome);
        tpm_flush(u->session.tpm); /* of an attempt that a typed key has overtaken */
        session_forget(&u->session);
        pthread_mutex_unlock(&u->session.lock);
        if (r != 0) return r;
        summarise(&u->session);
        r = session_write_state(&u->session);
        if (r < 0) log_warning("%s", error_detail(r)); /* the root is open: the host does without */
        return 0;
}

static void help(void)
{
        printf("halfkey-unlock\n\n"
               "Opens the volumes that /etc/halfkey/initrd.conf names, in the initrd: attests to the cluster, "
               "joins\n"
               "its half of the key with the one in the TPM, caps PCR 15, maps the volumes. A volume without a\n"
               "halfkey token is enrolled where the EFI system partition holds an enrolment configuration. Asks "
               "for\n"
               "a recovery key after a while, and keeps trying behind the question.\n\n"
               "Run by halfkey-unlock.service. Kernel command line: halfkey.prompt=SECONDS,\n"
               "halfkey.fail=wait|reboot:MINUTES|poweroff:MINUTES. See halfkey-unlock(8).\n");
}

int main(int argc, char **argv)
{
        static Unlock u = { .prompt = { .pid = -1, .fd = -1 }, .reports = { -1, -1 }, .wake = -1 };
        int r;

        log_init("halfkey-unlock", LOG_LEVEL_INFO);
        if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                help();
                return 0;
        }
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                printf("halfkey-unlock %s\n", HALFKEY_VERSION);
                return 0;
        }
        if (argc != 1) {
                log_error("takes no arguments but --help and --version");
                return 2;
        }
        (void)signal(SIGPIPE, SIG_IGN);
        r = secret_protect_process();
        if (r == 0) r = run(&u);
        (void)unlink(UNLOCKING_FLAG);
        if (r != 0) log_error("%s", error_detail(r));
        /* A worker that still waits for the network shares the session and the libraries: then nothing is taken
         * apart under it, and the process's end is its end. */
        if (u.worker_started && !u.worker_ended) _exit(r == 0 ? 0 : 1);
        session_deinit(&u.session);
        return r == 0 ? 0 : 1;
}
