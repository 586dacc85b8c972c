/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "world.h"

#include "base/fd.h"
#include "base/hex.h"
#include "json/value.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 65536, START_TRIES = 600 };

static char output[OUTPUT_MAX];

const char *world_output(void)
{
        return output;
}

static int run(const char *command)
{
        FILE *f = popen(command, "re"); /* the tests' own words only */
        size_t n;
        int status;

        CHECK(f);
        n = fread(output, 1, sizeof(output) - 1, f);
        output[n] = '\0';
        status = pclose(f);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

int world_cluster(const World *w, const char *fmt, ...)
{
        char args[512], command[2 * PATH_MAX];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(args, sizeof(args), fmt, ap);
        va_end(ap);
        (void)snprintf(command, sizeof(command), "cd %s && %s cluster %s --socket %s/admin.sock 2>&1", w->dir,
                       w->halfkey, args, w->dir);
        return run(command);
}

static void read_status(World *w)
{
        cleanup_json JsonValue *json = NULL;
        const JsonValue *v;

        CHECK(world_cluster(w, "status --json") == 0);
        CHECK_OK(json_value_parse(BYTES(output, strlen(output)), OUTPUT_MAX, &json));
        CHECK_OK(json_value_member(json, "verifier_pin", &v));
        CHECK_OK(json_value_hex(v, w->pin.sha256, 32));
        CHECK_OK(json_value_member(json, "policy_key_sha256", &v));
        CHECK_OK(json_value_hex(v, w->policy_key_hash, 32));
}

static char *daemon_log(const World *w)
{
        char path[96];
        uint8_t *text;
        size_t size;

        (void)snprintf(path, sizeof(path), "%s/log", w->dir);
        CHECK_OK(file_read(path, 1 << 24, &text, &size));
        return (char *)text;
}

bool world_log_has(const World *w, const char *text)
{
        cleanup_free char *log = daemon_log(w);

        return strstr(log, text) != NULL;
}

static void exec_daemon(const World *w)
{
        char dir[96], socket[96], log[96];
        int fd;

        (void)snprintf(dir, sizeof(dir), "%s/cluster", w->dir);
        (void)snprintf(socket, sizeof(socket), "%s/admin.sock", w->dir);
        (void)snprintf(log, sizeof(log), "%s/log", w->dir);
        fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) _exit(126);
        (void)execl(w->verifier, w->verifier, "--dir", dir, "--admin-socket", socket, "--listen", "127.0.0.1:0",
                    NULL);
        _exit(127);
}

void world_start(World *w)
{
        w->daemon = fork();
        CHECK(w->daemon >= 0);
        if (w->daemon == 0) exec_daemon(w);
        for (int i = 0; i < START_TRIES; i++) {
                cleanup_free char *log = NULL;
                const char *port;

                CHECK(waitpid(w->daemon, NULL, WNOHANG) == 0);
                (void)usleep(100000);
                log = daemon_log(w);
                port = strstr(log, "(port ");
                if (!port || !strstr(log, "administrators at")) continue;
                (void)snprintf(w->address, sizeof(w->address), "127.0.0.1:%d", atoi(port + 6));
                return;
        }
        fputs("the verifier did not start\n", stderr);
        exit(1);
}

int world_stop(World *w, int signal)
{
        int status;

        CHECK(kill(w->daemon, signal) == 0 && waitpid(w->daemon, &status, 0) == w->daemon);
        w->daemon = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void world_init(World *w, const char *verifier, const char *halfkey)
{
        char command[2 * PATH_MAX];

        *w = (World){ .verifier = verifier, .halfkey = halfkey, .dir = "/tmp/halfkey-world-XXXXXX" };
        CHECK(mkdtemp(w->dir));
        (void)snprintf(command, sizeof(command),
                       "cd %s && %s cluster init --name world --dir cluster --address 127.0.0.1:1 --recovery-out "
                       "recovery.pem 2>&1",
                       w->dir, halfkey);
        CHECK(run(command) == 0);
        CHECK(strstr(output, "Cluster 'world'") && strstr(output, "recovery.pem"));
        CHECK(run(command) == 2); /* a cluster is not made over */
        CHECK(strstr(output, "nothing was changed"));
        world_start(w);
        read_status(w);
}

void world_deinit(World *w)
{
        char command[128];

        if (w->daemon) CHECK(world_stop(w, SIGTERM) == 0);
        (void)snprintf(command, sizeof(command), "rm -rf %s", w->dir);
        CHECK(run(command) == 0);
}

void world_secret(const World *w, const char *options, uint8_t ret[static 32])
{
        cleanup_json JsonValue *json = NULL;
        cleanup_free uint8_t *text = NULL;
        const JsonValue *v;
        char path[96];
        size_t size;

        (void)snprintf(path, sizeof(path), "%s/enrolment.json", w->dir);
        (void)unlink(path);
        CHECK(world_cluster(w, "enrolment new --out enrolment.json %s", options) == 0);
        CHECK_OK(file_read(path, 65536, &text, &size));
        CHECK_OK(json_value_parse(BYTES(text, size), 65536, &json));
        CHECK_OK(json_value_member(json, "secret", &v));
        CHECK_OK(json_value_hex(v, ret, 32));
        CHECK(!strstr(output, "\"secret\"")); /* in the file alone */
}
