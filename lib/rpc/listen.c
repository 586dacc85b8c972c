/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Listening sockets: made here or handed over by systemd, and connections taken from them. */

#include "rpc/listen.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        BACKLOG = 4096, /* the kernel cuts it at net.core.somaxconn; nodes over the cap wait here */
        ACCEPTS_PER_TURN = 16,
};

/* ---- taking connections --------------------------------------------------------------------------- */

static bool is_shortage(int error)
{
        return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void take(RpcListener *l, int fd, const RpcSockaddr *from)
{
        RpcServer *server = l->server;
        const int on = 1;

        server->stats.accepted++;
        if (from->sa.sa_family != AF_UNIX) {
                if (rpc_connection_count_alike(server, from) >= server->limits.connections_per_address_max) {
                        server->stats.refused++;
                        fd_close(fd);
                        return;
                }
                (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without, not wrong */
        }
        IGNORE_RESULT(rpc_connection_new(server, fd, from, l, l->service)); /* the client sees it closed */
}

static int on_accept(sd_event_source *source, int listening, uint32_t events, void *userdata)
{
        RpcListener *l = userdata;

        (void)source, (void)events;
        for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
                RpcSockaddr from = { .size = sizeof(from.un) };
                int fd;

                if (rpc_server_is_full(l->server, l->local)) {
                        rpc_server_pause(l->server, l->local, false);
                        return 0;
                }
                fd = accept4(listening, &from.sa, &from.size, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0) {
                        if (is_shortage(errno)) rpc_server_pause(l->server, l->local, true);
                        if (errno == ECONNABORTED || errno == EINTR) continue;
                        return 0;
                }
                take(l, fd, &from);
        }
        return 0;
}

/* ---- listeners ------------------------------------------------------------------------------------ */

void rpc_listener_free(RpcListener *l)
{
        sd_event_source_disable_unref(l->io);
        fd_close(l->fd);
        if (l->path) (void)unlink(l->path);
        free(l->path);
        rpc_tls_unref(l->tls);
        free(l);
}

static int check_socket(int fd, bool tls, RpcSockaddr *ret)
{
        int listening = 0;
        socklen_t n = sizeof(listening);

        ret->size = sizeof(ret->un);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0 || !listening)
                return error_set(-EINVAL, "descriptor %d is not a listening socket", fd);
        if (getsockname(fd, &ret->sa, &ret->size) < 0) return error_set(-errno, "getsockname: %m");
        if (!tls && ret->sa.sa_family != AF_UNIX)
                return error_set(-EINVAL, "a TCP socket is served with TLS or not at all");
        return 0;
}

int rpc_server_listen_fd(RpcServer *server, int fd, RpcTls *tls, const RpcService *service)
{
        cleanup_fd int owned = fd;
        RpcSockaddr local = { 0 };
        RpcListener *l;
        int r;

        r = check_socket(fd, tls != NULL, &local);
        if (r < 0) return r;
        if (tls && !rpc_tls_is_server(tls)) return error_set(-EINVAL, "a client's TLS settings on a listener");
        l = calloc(1, sizeof(*l));
        if (!l) return -ENOMEM;
        *l = (RpcListener){ .server = server,
                            .fd = TAKE_FD(owned),
                            .tls = rpc_tls_ref(tls),
                            .service = service,
                            .local = local.sa.sa_family == AF_UNIX };
        r = sd_event_add_io(server->event, &l->io, l->fd, EPOLLIN, on_accept, l);
        if (r < 0) {
                rpc_listener_free(l);
                return r;
        }
        l->next = server->listeners;
        server->listeners = l;
        if (local.sa.sa_family == AF_INET) server->port = ntohs(local.in.sin_port);
        if (local.sa.sa_family == AF_INET6) server->port = ntohs(local.in6.sin6_port);
        return 0;
}

static int open_tcp(const char *address, const RpcAddress *a, int *ret)
{
        RpcSockaddr any = { .in6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) },
                            .size = sizeof(any.in6) };
        const RpcSockaddr *s = a->host[0] ? &a->sockaddr : &any;
        const int on = 1, off = 0;
        cleanup_fd int fd = -1;

        fd = socket(s->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) return error_set(-errno, "%s: socket: %m", address);
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
                return error_set(-errno, "%s: %m", address);
        if (s == &any && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
                return error_set(-errno, "%s: %m", address);
        if (bind(fd, &s->sa, s->size) < 0) return error_set(-errno, "%s: cannot bind: %m", address);
        if (listen(fd, BACKLOG) < 0) return error_set(-errno, "%s: cannot listen: %m", address);
        *ret = TAKE_FD(fd);
        return 0;
}

int rpc_server_listen_tls(RpcServer *server, const char *address, RpcTls *tls, const RpcService *service)
{
        RpcAddress a;
        int fd = -1, r;

        if (!tls) return error_set(-EINVAL, "%s: a TCP socket is served with TLS or not at all", address);
        r = rpc_address_parse(address, &a);
        if (r < 0) return r;
        if (a.host[0] ? !a.numeric : a.numeric)
                return error_set(-EINVAL, "%s: a listener wants a numeric address and a port", address);
        r = open_tcp(address, &a, &fd);
        return r < 0 ? r : rpc_server_listen_fd(server, fd, tls, service);
}

/* A socket file that nobody listens on is removed; one that answers is somebody's. */
static int remove_stale(const RpcSockaddr *s)
{
        cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct stat st;

        if (fd < 0) return error_set(-errno, "socket: %m");
        if (lstat(s->un.sun_path, &st) < 0)
                return errno == ENOENT ? 0 : error_set(-errno, "%s: %m", s->un.sun_path);
        if (!S_ISSOCK(st.st_mode)) return error_set(-EEXIST, "%s: exists and is no socket", s->un.sun_path);
        if (connect(fd, &s->sa, s->size) == 0 || errno != ECONNREFUSED)
                return error_set(-EADDRINUSE, "%s: another process listens there", s->un.sun_path);
        if (unlink(s->un.sun_path) < 0) return error_set(-errno, "%s: %m", s->un.sun_path);
        return 0;
}

static int open_unix(const RpcSockaddr *s, int *ret)
{
        cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0) return error_set(-errno, "socket: %m");
        /* bind() makes the file with the mode of the socket's own inode, so it is never wider than this. */
        if (fchmod(fd, 0600) < 0) return error_set(-errno, "%s: %m", s->un.sun_path);
        if (bind(fd, &s->sa, s->size) < 0) return error_set(-errno, "%s: cannot bind: %m", s->un.sun_path);
        if (chmod(s->un.sun_path, 0600) < 0 || listen(fd, BACKLOG) < 0)
                return error_set(-errno, "%s: cannot listen: %m", s->un.sun_path);
        *ret = TAKE_FD(fd);
        return 0;
}

int rpc_server_listen_unix(RpcServer *server, const char *path, const RpcService *service)
{
        cleanup_free char *text = NULL, *copy = strdup(path);
        RpcAddress a;
        int fd = -1, r;

        if (!copy || asprintf(&text, "unix:%s", path) < 0) return -ENOMEM;
        r = rpc_address_parse(text, &a);
        if (r < 0) return r;
        r = remove_stale(&a.sockaddr);
        if (r < 0) return r;
        r = open_unix(&a.sockaddr, &fd);
        if (r < 0) return r;
        r = rpc_server_listen_fd(server, fd, NULL, service);
        if (r == 0) server->listeners->path = TAKE_PTR(copy);
        return r;
}
