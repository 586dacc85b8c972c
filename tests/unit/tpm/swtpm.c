/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/swtpm.h"
#include "base/fd.h"
#include "base/writer.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = RIG_MESSAGE_MAX, HEADER = 10, TEST_SECONDS = 50 };

struct Rig {
        char dir[64];
        char tcti[96];
        int listener; /* of rig_use_socket(), else -1; and who is connected to it */
        int connected;
        pid_t swtpm;
        int socket; /* to swtpm */
        int master; /* the device, from inside */
        int slave;  /* kept open, so that the device stays when nobody else has it open */
        int stop[2];
        pthread_t thread;
        pthread_mutex_t lock; /* of all below, and of socket */
        Writer seen;
        size_t commands;
        uint32_t inject_code, inject_rc;
        unsigned inject_skip, inject_times;
        uint32_t bend_code;
        bool fault_set, fault_done;
        unsigned fault_skip;
        RigFault fault;
        uint32_t fault_rc;
        RigHook *hook;
        void *hook_userdata;
        RigDelay *delay_us;
        RigPassed passed[RIG_PASSED_MAX];
        size_t n_passed;
};

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- messages ---- */

static bool read_n(int fd, uint8_t *to, size_t n)
{
        for (size_t at = 0; at < n;) {
                const ssize_t k = read(fd, to + at, n - at);

                if (k < 0 && errno == EINTR) continue;
                if (k <= 0) return false;
                at += (size_t)k;
        }
        return true;
}

/* A whole command or response: its size is in its header. 0 when the other end is gone. */
static size_t message_read(int fd, uint8_t message[static MESSAGE_MAX])
{
        if (!read_n(fd, message, HEADER)) return 0;
        const size_t size = be32(message + 2);
        CHECK(size >= HEADER && size <= MESSAGE_MAX);
        return read_n(fd, message + HEADER, size - HEADER) ? size : 0;
}

static size_t exchange(Rig *rig, Bytes command, uint8_t response[static MESSAGE_MAX])
{
        if (send(rig->socket, command.data, command.size, MSG_NOSIGNAL) != (ssize_t)command.size) return 0;
        return message_read(rig->socket, response);
}

static size_t error_make(uint32_t rc, uint8_t response[static MESSAGE_MAX])
{
        const uint8_t header[HEADER] = {
                0x80,       0x01, 0, 0, 0, HEADER, (uint8_t)(rc >> 24), (uint8_t)(rc >> 16), (uint8_t)(rc >> 8),
                (uint8_t)rc
        };

        memcpy(response, header, sizeof(header));
        return sizeof(header);
}

static bool injected(Rig *rig, uint32_t code)
{
        if (rig->inject_times == 0 || code != rig->inject_code) return false;
        if (rig->inject_skip > 0) {
                rig->inject_skip--;
                return false;
        }
        rig->inject_times--;
        return true;
}

static void bend(Rig *rig, uint32_t code, uint8_t *response, size_t size)
{
        if (code != rig->bend_code || size == 0) return;
        rig->bend_code = 0;
        response[size - 1] ^= 1;
}

static void power_cut(Rig *rig);

static bool fault_due(Rig *rig)
{
        if (!rig->fault_set || rig->fault_skip-- > 0) return false;
        rig->fault_set = false;
        rig->fault_done = true;
        return true;
}

static size_t success_make(size_t size, uint8_t response[static MESSAGE_MAX])
{
        memset(response, 0xff, size);
        error_make(0, response);
        response[4] = (uint8_t)(size >> 8);
        response[5] = (uint8_t)size;
        return size;
}

static size_t faulty(Rig *rig, Bytes command, uint8_t response[static MESSAGE_MAX])
{
        size_t size;

        switch (rig->fault) {
        case RIG_FAULT_CODE: return error_make(rig->fault_rc, response);
        case RIG_FAULT_CUT_BEFORE: power_cut(rig); return error_make(0x100, response);
        case RIG_FAULT_CUT_AFTER:
                exchange(rig, command, response);
                power_cut(rig);
                return error_make(0x100, response);
        case RIG_FAULT_EMPTY: exchange(rig, command, response); return success_make(HEADER, response);
        case RIG_FAULT_GARBAGE: size = exchange(rig, command, response); return success_make(size, response);
        case RIG_FAULT_BEND:
        default: break;
        }
        size = exchange(rig, command, response);
        response[size - 1] ^= 1;
        return size;
}

static size_t answer(Rig *rig, Bytes command, uint8_t response[static MESSAGE_MAX])
{
        const uint32_t code = be32(command.data + 6);
        size_t size = rig->hook ? rig->hook(rig->hook_userdata, command, response) : 0;

        if (size > 0) return size;
        if (fault_due(rig)) return faulty(rig, command, response);
        size = injected(rig, code) ? error_make(rig->inject_rc, response) : exchange(rig, command, response);
        bend(rig, code, response, size);
        return size;
}

static uint64_t now_us(void)
{
        struct timespec t;

        CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static size_t pass(Rig *rig, Bytes command, uint8_t response[static MESSAGE_MAX])
{
        const uint32_t code = be32(command.data + 6);
        const uint64_t arrived = now_us();
        size_t size;

        if (rig->delay_us) usleep(rig->delay_us(code));
        pthread_mutex_lock(&rig->lock);
        rig->commands++;
        writer_bytes(&rig->seen, command);
        size = answer(rig, command, response);
        writer_bytes(&rig->seen, BYTES(response, size));
        if (rig->n_passed < RIG_PASSED_MAX) rig->passed[rig->n_passed++] = (RigPassed){ code, arrived, now_us() };
        pthread_mutex_unlock(&rig->lock);
        return size;
}

/* One command from this end. False where it hung up, or the TPM did. */
static bool serve(Rig *rig, int fd)
{
        uint8_t command[MESSAGE_MAX], response[MESSAGE_MAX];
        size_t size = message_read(fd, command);

        if (size > 0) size = pass(rig, BYTES(command, size), response);
        if (size == 0) return false;
        CHECK(write(fd, response, size) == (ssize_t)size);
        return true;
}

static void serve_socket(Rig *rig, const struct pollfd *listener, const struct pollfd *connected)
{
        if (connected->revents && !serve(rig, rig->connected)) fd_close(TAKE_FD(rig->connected));
        if (!listener->revents) return;
        fd_close(rig->connected);
        rig->connected = accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(rig->connected >= 0);
}

static void *bridge(void *p)
{
        Rig *rig = p;

        for (;;) {
                struct pollfd fds[] = { { .fd = rig->master, .events = POLLIN },
                                        { .fd = rig->stop[0], .events = POLLIN },
                                        { .fd = rig->listener, .events = POLLIN },
                                        { .fd = rig->connected, .events = POLLIN } };

                if (poll(fds, 4, -1) < 0 && errno == EINTR) continue;
                if (fds[1].revents & POLLIN) {
                        char what;
                        if (read(rig->stop[0], &what, 1) == 1 && what == 'S')
                                continue; /* there is a listener now */
                        return NULL;
                }
                serve_socket(rig, &fds[2], &fds[3]);
                if (fds[0].revents && !serve(rig, rig->master)) break;
        }
        /* A hang-up is what a vanished device looks like. */
        close(rig->slave);
        close(rig->master);
        rig->slave = rig->master = -1;
        return NULL;
}

/* ---- swtpm ---- */

static void swtpm_exec(const Rig *rig)
{
        char server[128], control[128], state[128];

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        snprintf(server, sizeof(server), "type=unixio,path=%s/tpm", rig->dir);
        snprintf(control, sizeof(control), "type=unixio,path=%s/control", rig->dir);
        snprintf(state, sizeof(state), "dir=%s/state", rig->dir);
        execlp("swtpm", "swtpm", "socket", "--tpm2", "--server", server, "--ctrl", control, "--tpmstate", state,
               "--flags", "not-need-init,startup-clear", NULL);
        _exit(127);
}

static int swtpm_connect(const Rig *rig)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/tpm", rig->dir);
        for (int i = 0; i < 1000; i++) {
                if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) return fd;
                usleep(10000);
        }
        fprintf(stderr, "swtpm does not answer\n");
        exit(1);
}

static void swtpm_start(Rig *rig)
{
        rig->swtpm = fork();
        CHECK(rig->swtpm >= 0);
        if (rig->swtpm == 0) swtpm_exec(rig);
        rig->socket = swtpm_connect(rig);
}

static void swtpm_stop(Rig *rig)
{
        char path[96];

        kill(rig->swtpm, SIGKILL);
        waitpid(rig->swtpm, NULL, 0);
        close(rig->socket);
        rig->socket = -1;
        rig->swtpm = -1;
        snprintf(path, sizeof(path), "%s/tpm", rig->dir);
        unlink(path);
        snprintf(path, sizeof(path), "%s/control", rig->dir);
        unlink(path);
}

static void device_make(Rig *rig)
{
        struct termios raw;
        const char *name;

        rig->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        CHECK(rig->master >= 0 && grantpt(rig->master) == 0 && unlockpt(rig->master) == 0);
        name = ptsname(rig->master);
        CHECK(name);
        rig->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        CHECK(rig->slave >= 0 && tcgetattr(rig->slave, &raw) == 0);
        cfmakeraw(&raw);
        CHECK(tcsetattr(rig->slave, TCSANOW, &raw) == 0);
        snprintf(rig->tcti, sizeof(rig->tcti), "device:%s", name);
}

/* A test that fails ends at once; its files go all the same. */
static char live[8][64];

static void live_remove(void)
{
        char remove[96];

        for (size_t i = 0; i < ARRAY_SIZE(live); i++) {
                if (!live[i][0]) continue;
                snprintf(remove, sizeof(remove), "rm -rf %.63s", live[i]);
                IGNORE_RESULT(system(remove));
        }
}

static void live_set(const char *was, const char *is)
{
        static bool registered;

        if (!registered) CHECK(atexit(live_remove) == 0);
        registered = true;
        for (size_t i = 0; i < ARRAY_SIZE(live); i++)
                if (strcmp(live[i], was) == 0) {
                        snprintf(live[i], sizeof(live[i]), "%s", is);
                        return;
                }
        CHECK(false); /* more rigs at once than there is room for */
}

/* A hook, which runs under it, asks the TPM too. */
static void lock_init(pthread_mutex_t *lock)
{
        pthread_mutexattr_t attributes;

        CHECK(pthread_mutexattr_init(&attributes) == 0);
        CHECK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE) == 0);
        CHECK(pthread_mutex_init(lock, &attributes) == 0);
}

/* With a certificate authority of its own, so that none of the machine's is used. */
static void manufacture(const Rig *rig)
{
        char command[1024];

        snprintf(command, sizeof(command),
                 "D=%.60s && cd $D && mkdir ca && { echo statedir = $D/ca; echo signingkey = $D/ca/key.pem; "
                 "echo issuercert = $D/ca/issuer.pem; echo certserial = $D/ca/serial; } >localca.conf && "
                 "{ echo --platform-manufacturer Test; echo --platform-version 1; echo --platform-model Rig; } "
                 ">localca.options && { echo create_certs_tool = $(command -v swtpm_localca); "
                 "echo create_certs_tool_config = $D/localca.conf; "
                 "echo create_certs_tool_options = $D/localca.options; } >setup.conf && "
                 "swtpm_setup --tpm2 --config setup.conf --tpmstate $D/state --create-ek-cert "
                 "--create-platform-cert --pcr-banks - >setup.log 2>&1 || { cat setup.log >&2; exit 1; }",
                 rig->dir);
        CHECK(system(command) == 0);
}

static Rig *rig_make(bool manufactured)
{
        Rig *rig = calloc(1, sizeof(*rig));
        char state[96];

        CHECK(rig);
        alarm(TEST_SECONDS);
        /* a session leader without a terminal, as under meson, gets ours for its own, and a hang-up with it */
        signal(SIGHUP, SIG_IGN);
        *rig = (Rig){
                .dir = "/tmp/halfkey-swtpm-XXXXXX", .seen = WRITER_INIT(8 << 20), .listener = -1, .connected = -1
        };
        CHECK(mkdtemp(rig->dir));
        live_set("", rig->dir);
        snprintf(state, sizeof(state), "mkdir %s/state", rig->dir);
        CHECK(system(state) == 0);
        if (manufactured) manufacture(rig);
        swtpm_start(rig);
        device_make(rig);
        lock_init(&rig->lock);
        CHECK(pipe2(rig->stop, O_CLOEXEC) == 0);
        CHECK(pthread_create(&rig->thread, NULL, bridge, rig) == 0);
        return rig;
}

Rig *rig_new(void)
{
        return rig_make(false);
}

Rig *rig_new_manufactured(void)
{
        return rig_make(true);
}

/* The control channel is swtpm's own. */
void rig_use_socket(Rig *rig)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char control[96], link[96];

        snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/bridge", rig->dir);
        snprintf(control, sizeof(control), "%s/control", rig->dir);
        snprintf(link, sizeof(link), "%s/bridge.ctrl", rig->dir);
        CHECK(symlink(control, link) == 0);
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 4) == 0);
        rig->listener = fd;
        snprintf(rig->tcti, sizeof(rig->tcti), "swtpm:path=%s", address.sun_path);
        CHECK(write(rig->stop[1], "S", 1) == 1);
}

void rig_free(Rig *rig)
{
        char remove[96];

        if (rig->swtpm > 0) swtpm_stop(rig);
        CHECK(write(rig->stop[1], "", 1) == 1);
        pthread_join(rig->thread, NULL);
        fd_close(rig->slave);
        fd_close(rig->master);
        fd_close(rig->connected);
        fd_close(rig->listener);
        close(rig->stop[0]);
        close(rig->stop[1]);
        writer_deinit(&rig->seen);
        snprintf(remove, sizeof(remove), "rm -rf %s", rig->dir);
        CHECK(system(remove) == 0);
        live_set(rig->dir, "");
        free(rig);
        alarm(0);
}

static void power_cut(Rig *rig)
{
        swtpm_stop(rig);
        swtpm_start(rig);
}

void rig_power_cut(Rig *rig)
{
        pthread_mutex_lock(&rig->lock);
        power_cut(rig);
        pthread_mutex_unlock(&rig->lock);
}

void rig_kill(Rig *rig)
{
        pthread_mutex_lock(&rig->lock);
        swtpm_stop(rig);
        pthread_mutex_unlock(&rig->lock);
}

const char *rig_tcti(const Rig *rig)
{
        return rig->tcti;
}

const char *rig_dir(const Rig *rig)
{
        return rig->dir;
}

/* ---- what passed ---- */

size_t rig_commands(Rig *rig)
{
        pthread_mutex_lock(&rig->lock);
        const size_t n = rig->commands;
        pthread_mutex_unlock(&rig->lock);
        return n;
}

bool rig_saw(Rig *rig, Bytes needle)
{
        Bytes seen;

        pthread_mutex_lock(&rig->lock);
        CHECK_OK(writer_finish(&rig->seen, &seen));
        const bool found = memmem(seen.data, seen.size, needle.data, needle.size) != NULL;
        pthread_mutex_unlock(&rig->lock);
        return found;
}

static bool saw_so(Rig *rig, Bytes secret, uint8_t mask, bool backwards)
{
        for (size_t at = 0; at + RIG_PIECE <= secret.size; at++) {
                uint8_t piece[RIG_PIECE];

                for (size_t i = 0; i < RIG_PIECE; i++)
                        piece[backwards ? RIG_PIECE - 1 - i : i] = secret.data[at + i] ^ mask;
                if (rig_saw(rig, BYTES_ARRAY(piece))) return true;
        }
        return false;
}

bool rig_saw_piece(Rig *rig, Bytes secret)
{
        CHECK(secret.size >= RIG_PIECE);
        return saw_so(rig, secret, 0, false) || saw_so(rig, secret, 0xff, false) || saw_so(rig, secret, 0, true);
}

void rig_forget(Rig *rig)
{
        pthread_mutex_lock(&rig->lock);
        rig->seen.size = 0;
        rig->commands = 0;
        rig->n_passed = 0;
        pthread_mutex_unlock(&rig->lock);
}

void rig_inject(Rig *rig, uint32_t code, unsigned skip, unsigned times, uint32_t rc)
{
        pthread_mutex_lock(&rig->lock);
        rig->inject_code = code;
        rig->inject_skip = skip;
        rig->inject_times = times;
        rig->inject_rc = rc;
        pthread_mutex_unlock(&rig->lock);
}

void rig_bend(Rig *rig, uint32_t code)
{
        pthread_mutex_lock(&rig->lock);
        rig->bend_code = code;
        pthread_mutex_unlock(&rig->lock);
}

void rig_fault(Rig *rig, unsigned skip, RigFault fault, uint32_t rc)
{
        pthread_mutex_lock(&rig->lock);
        rig->fault_set = true;
        rig->fault_done = false;
        rig->fault_skip = skip;
        rig->fault = fault;
        rig->fault_rc = rc;
        pthread_mutex_unlock(&rig->lock);
}

bool rig_fault_done(Rig *rig)
{
        pthread_mutex_lock(&rig->lock);
        const bool done = rig->fault_done;
        rig->fault_set = false;
        pthread_mutex_unlock(&rig->lock);
        return done;
}

void rig_hook(Rig *rig, RigHook *hook, void *userdata)
{
        pthread_mutex_lock(&rig->lock);
        rig->hook = hook;
        rig->hook_userdata = userdata;
        pthread_mutex_unlock(&rig->lock);
}

void rig_latency(Rig *rig, RigDelay *delay_us)
{
        pthread_mutex_lock(&rig->lock);
        rig->delay_us = delay_us;
        pthread_mutex_unlock(&rig->lock);
}

size_t rig_passed(Rig *rig, RigPassed *ret, size_t max)
{
        pthread_mutex_lock(&rig->lock);
        const size_t n = MIN(rig->n_passed, max);
        memcpy(ret, rig->passed, n * sizeof(*ret));
        pthread_mutex_unlock(&rig->lock);
        return n;
}

size_t rig_exchange(Rig *rig, Bytes command, uint8_t *response)
{
        pthread_mutex_lock(&rig->lock);
        const size_t size = exchange(rig, command, response);
        pthread_mutex_unlock(&rig->lock);
        return size;
}
