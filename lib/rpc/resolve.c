/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* getaddrinfo() cannot be cancelled, so what the thread touches (RpcLookup) belongs to both it and the loop and
 * goes when the second of them lets go. */

#include "rpc/resolve.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct RpcLookup {
        atomic_uint refs;
        char host[RPC_HOST_SIZE];
        char port[8];
        int done; /* eventfd, written once by the thread; what is below is read only after that */
        RpcSockaddr found[RPC_RESOLVE_MAX];
        size_t n_found;
        int error; /* EAI_* */
} RpcLookup;

struct RpcResolve {
        RpcLookup *lookup;
        sd_event_source *io;
        RpcResolved resolved;
        void *userdata;
        size_t tag;
};

static void lookup_unref(RpcLookup *l)
{
        if (atomic_fetch_sub(&l->refs, 1) > 1) return;
        fd_close(l->done);
        free(l);
}

static void keep(RpcLookup *l, const struct addrinfo *list)
{
        for (const struct addrinfo *a = list; a && l->n_found < RPC_RESOLVE_MAX; a = a->ai_next) {
                RpcSockaddr *s = &l->found[l->n_found];

                if ((a->ai_family != AF_INET && a->ai_family != AF_INET6) || a->ai_addrlen > sizeof(s->in6))
                        continue;
                memcpy(&s->sa, a->ai_addr, a->ai_addrlen);
                s->size = a->ai_addrlen;
                l->n_found++;
        }
}

static void *run(void *userdata)
{
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
        const uint64_t one = 1;
        struct addrinfo *list = NULL;
        RpcLookup *l = userdata;

        l->error = getaddrinfo(l->host, l->port, &hints, &list);
        if (l->error == 0) keep(l, list);
        if (list) freeaddrinfo(list);
        IGNORE_RESULT(fd_write_all(l->done, BYTES(&one, sizeof(one)))); /* an eventfd takes its first write */
        lookup_unref(l);
        return NULL;
}

static int on_done(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        RpcResolve *r = userdata;
        const RpcLookup *l = r->lookup;

        (void)fd, (void)events;
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        r->resolved(r->userdata, r->tag, l->found, l->n_found,
                    l->error ? gai_strerror(l->error) : "the name has no address");
        return 0;
}

/* The thread takes no signals: they are the program's. */
static int start_thread(RpcLookup *l)
{
        pthread_attr_t attributes;
        sigset_t all, old;
        pthread_t thread;
        int r;

        if (pthread_attr_init(&attributes) != 0) return -ENOMEM;
        (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        (void)pthread_attr_setstacksize(&attributes, (size_t)256 * 1024);
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_BLOCK, &all, &old);
        atomic_fetch_add(&l->refs, 1);
        r = pthread_create(&thread, &attributes, run, l);
        if (r != 0) atomic_fetch_sub(&l->refs, 1);
        (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
        (void)pthread_attr_destroy(&attributes);
        return -r;
}

static int lookup_new(const RpcAddress *name, RpcLookup **ret)
{
        RpcLookup *l = calloc(1, sizeof(*l));

        if (!l) return -ENOMEM;
        atomic_init(&l->refs, 1);
        (void)snprintf(l->host, sizeof(l->host), "%s", name->host);
        (void)snprintf(l->port, sizeof(l->port), "%u", name->port);
        l->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->done < 0) {
                free(l);
                return -errno;
        }
        *ret = l;
        return 0;
}

int rpc_resolve_new(sd_event *event, const RpcAddress *name, RpcResolved resolved, void *userdata, size_t tag,
                    RpcResolve **ret)
{
        RpcResolve *resolve = calloc(1, sizeof(*resolve));
        int r;

        if (!resolve) return -ENOMEM;
        *resolve = (RpcResolve){ .resolved = resolved, .userdata = userdata, .tag = tag };
        r = lookup_new(name, &resolve->lookup);
        if (r == 0) r = sd_event_add_io(event, &resolve->io, resolve->lookup->done, EPOLLIN, on_done, resolve);
        if (r >= 0) r = start_thread(resolve->lookup);
        if (r < 0) {
                rpc_resolve_free(resolve);
                return r;
        }
        *ret = resolve;
        return 0;
}

void rpc_resolve_free(RpcResolve *r)
{
        if (!r) return;
        sd_event_source_disable_unref(r->io);
        if (r->lookup) lookup_unref(r->lookup);
        free(r);
}
