/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "relay.h"

#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNKS_MAX = 512, CHUNK_SIZE = 16384 };

typedef struct Chunk {
        bool to_server, sent;
        uint64_t arrived, due;
        size_t size;
        uint8_t *data;
} Chunk;

struct Relay {
        char address[32];
        struct sockaddr_in target;
        int listener, client, server;
        int stop[2];
        pthread_t thread;
        pthread_mutex_t lock; /* of what follows */
        unsigned round_trip_us;
        uint64_t accepted;
        Chunk chunks[CHUNKS_MAX]; /* in the order of their arrival */
        size_t n_chunks;
};

static uint64_t now_us(void)
{
        struct timespec t;

        CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void no_delay(int fd)
{
        const int on = 1;

        CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
}

static void close_both(Relay *r)
{
        if (r->client >= 0) close(r->client);
        if (r->server >= 0) close(r->server);
        r->client = r->server = -1;
}

static void forget(Relay *r)
{
        for (size_t i = 0; i < r->n_chunks; i++) free(r->chunks[i].data);
        r->n_chunks = 0;
}

/* One connection at a time: the node has one. */
static void accept_one(Relay *r)
{
        close_both(r);
        r->client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
        r->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(r->client >= 0 && r->server >= 0);
        CHECK(connect(r->server, (struct sockaddr *)&r->target, sizeof(r->target)) == 0);
        no_delay(r->client);
        no_delay(r->server);
        r->accepted = now_us();
        forget(r);
}

/* False at the end of the connection. */
static bool take(Relay *r, bool to_server)
{
        Chunk *c = &r->chunks[r->n_chunks];
        ssize_t n;

        CHECK(r->n_chunks < CHUNKS_MAX);
        c->data = malloc(CHUNK_SIZE);
        CHECK(c->data);
        n = recv(to_server ? r->client : r->server, c->data, CHUNK_SIZE, 0);
        if (n <= 0) {
                free(c->data);
                return false;
        }
        const uint64_t now = now_us(), up = r->accepted + r->round_trip_us;
        *c = (Chunk){ .to_server = to_server,
                      .arrived = now,
                      .due = (to_server && now < up ? up : now) + r->round_trip_us / 2,
                      .size = (size_t)n,
                      .data = c->data };
        r->n_chunks++;
        return true;
}

/* Sends what is due; microseconds until the next, or a second. */
static uint64_t deliver(Relay *r)
{
        uint64_t next = 1000000;

        for (size_t i = 0; i < r->n_chunks; i++) {
                Chunk *c = &r->chunks[i];
                const uint64_t now = now_us();

                if (c->sent) continue;
                if (c->due > now) {
                        next = MIN(next, c->due - now);
                        continue;
                }
                c->sent = true;
                c->due = now;
                IGNORE_RESULT(send(c->to_server ? r->server : r->client, c->data, c->size, MSG_NOSIGNAL) < 0);
        }
        return next;
}

static void *run(void *userdata)
{
        Relay *r = userdata;
        uint64_t wait = 1000000;

        for (;;) {
                struct pollfd fds[] = { { .fd = r->stop[0], .events = POLLIN },
                                        { .fd = r->listener, .events = POLLIN },
                                        { .fd = r->client, .events = POLLIN },
                                        { .fd = r->server, .events = POLLIN } };
                const struct timespec t = { .tv_sec = (time_t)(wait / 1000000),
                                            .tv_nsec = (long)(wait % 1000000) * 1000 };

                if (ppoll(fds, 4, &t, NULL) < 0 && errno != EINTR) break;
                if (fds[0].revents) break;
                pthread_mutex_lock(&r->lock);
                if (fds[1].revents) accept_one(r);
                else if ((fds[2].revents && !take(r, true)) || (fds[3].revents && !take(r, false))) close_both(r);
                wait = deliver(r);
                pthread_mutex_unlock(&r->lock);
        }
        close_both(r);
        return NULL;
}

static void listen_somewhere(Relay *r)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);

        r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(r->listener >= 0 && bind(r->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
        CHECK(listen(r->listener, 4) == 0 && getsockname(r->listener, (struct sockaddr *)&address, &size) == 0);
        snprintf(r->address, sizeof(r->address), "127.0.0.1:%u", ntohs(address.sin_port));
}

Relay *relay_new(const char *target)
{
        Relay *r = calloc(1, sizeof(*r));
        const char *port = strchr(target, ':');

        CHECK(r && port);
        r->client = r->server = -1;
        r->target = (struct sockaddr_in){ .sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)atoi(port + 1)),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        listen_somewhere(r);
        CHECK(pipe2(r->stop, O_CLOEXEC) == 0);
        CHECK(pthread_mutex_init(&r->lock, NULL) == 0);
        CHECK(pthread_create(&r->thread, NULL, run, r) == 0);
        return r;
}

void relay_free(Relay *r)
{
        CHECK(write(r->stop[1], "", 1) == 1);
        pthread_join(r->thread, NULL);
        close(r->stop[0]);
        close(r->stop[1]);
        close(r->listener);
        forget(r);
        free(r);
}

const char *relay_address(const Relay *r)
{
        return r->address;
}

void relay_begin(Relay *r, unsigned round_trip_us)
{
        pthread_mutex_lock(&r->lock);
        r->round_trip_us = round_trip_us;
        forget(r);
        pthread_mutex_unlock(&r->lock);
}

/* From the delivery of the last chunk to the server before chunk i, to chunk i's arrival. */
static uint64_t service_before(const Relay *r, size_t i)
{
        uint64_t delivered = 0;

        for (size_t k = 0; k < r->n_chunks; k++) {
                const Chunk *c = &r->chunks[k];
                if (c->to_server && c->sent && c->due <= r->chunks[i].arrived) delivered = c->due;
        }
        CHECK(delivered > 0);
        return r->chunks[i].arrived - delivered;
}

RelayService relay_service(Relay *r)
{
        RelayService s = { 0 };
        size_t first = SIZE_MAX, last = SIZE_MAX;

        pthread_mutex_lock(&r->lock);
        for (size_t i = 0; i < r->n_chunks; i++) {
                if (r->chunks[i].to_server || !r->chunks[i].sent) continue;
                if (first == SIZE_MAX) first = i;
                last = i;
        }
        CHECK(first != SIZE_MAX && last != first);
        s.handshake = service_before(r, first);
        s.answer = service_before(r, last);
        pthread_mutex_unlock(&r->lock);
        return s;
}
