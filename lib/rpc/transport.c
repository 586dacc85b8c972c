/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One face for plain and TLS sockets. OpenSSL reports through a queue per thread and errno; both are cleared
 * before each call, so what is read afterwards belongs to it. Sockets are written with MSG_NOSIGNAL where we
 * write; OpenSSL does not do so, hence SIGPIPE is ignored in the process (see below). */

#include "rpc/transport.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket that the peer closed must be an error, not the end of the program. A handler of the program's own is
 * left alone. */
static void ignore_sigpipe(void)
{
        struct sigaction old;

        if (sigaction(SIGPIPE, NULL, &old) == 0 && !(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_DFL)
                (void)signal(SIGPIPE, SIG_IGN);
}

int rpc_transport_init(RpcTransport *t, int fd, RpcTls *tls)
{
        const int flags = fcntl(fd, F_GETFL);
        int r;

        *t = (RpcTransport){ .fd = fd };
        ignore_sigpipe();
        r = flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
        if (r == 0 && tls) r = rpc_tls_start(tls, fd, &t->ssl);
        if (r < 0) rpc_transport_deinit(t);
        return r;
}

void rpc_transport_deinit(RpcTransport *t)
{
        SSL_free(t->ssl);
        fd_close(t->fd);
        *t = (RpcTransport){ .fd = -1 };
}

static int tls_failure_detail(const RpcTransport *t)
{
        const unsigned long e = ERR_peek_error();
        const char *reason = ERR_reason_error_string(e);

        /* Our verify callback has left its own sentence. */
        if (SSL_get_verify_result(t->ssl) != X509_V_OK && ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED)
                return error_prefix(-EKEYREJECTED, "wrong key");
        switch (ERR_GET_REASON(e)) {
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: return error_set(-ECONNRESET, "closed by the peer");
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return error_set(-EPROTO, "TLS: the peer does not speak TLS 1.3");
        case SSL_R_NO_APPLICATION_PROTOCOL:
        case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
                return error_set(-EPROTO, "TLS: the peer does not speak HTTP/2 (ALPN h2)");
        case SSL_R_WRONG_VERSION_NUMBER: return error_set(-EPROTO, "TLS: the peer does not speak TLS");
        default: return error_set(-EPROTO, "TLS: %s", reason ? reason : "failed");
        }
}

/* What a negative result of an SSL call was; 0 means the peer has closed in good order. */
static int tls_result(RpcTransport *t, int result)
{
        const int saved = errno;
        int r;

        switch (SSL_get_error(t->ssl, result)) {
        case SSL_ERROR_WANT_READ: t->wants_write = false; return -EAGAIN;
        case SSL_ERROR_WANT_WRITE: t->wants_write = true; return -EAGAIN;
        case SSL_ERROR_ZERO_RETURN: return 0;
        case SSL_ERROR_SYSCALL:
                t->failed = true;
                r = saved ? -saved : -ECONNRESET;
                return error_set(r, "%s", strerror(-r));
        default:
                t->failed = true;
                r = tls_failure_detail(t);
                ERR_clear_error();
                return r;
        }
}

static void forget_errors(void)
{
        ERR_clear_error();
        errno = 0;
}

int rpc_transport_handshake(RpcTransport *t)
{
        int n, r;

        if (!t->ssl) return 0;
        forget_errors();
        n = SSL_do_handshake(t->ssl);
        if (n != 1) {
                r = tls_result(t, n);
                return r == 0 ? error_set(-ECONNRESET, "closed by the peer") : r;
        }
        r = rpc_tls_check_session(t->ssl);
        if (r < 0) t->failed = true;
        return r;
}

int rpc_transport_read(RpcTransport *t, uint8_t *dst, size_t n, size_t *ret_n)
{
        ssize_t got;
        int r;

        if (t->ssl) {
                forget_errors();
                r = SSL_read_ex(t->ssl, dst, n, ret_n);
                if (rpc_tls_is_flooded(t->ssl)) return error_set(-EPROTO, "TLS: too many key updates");
                if (r == 1) return 0;
                *ret_n = 0;
                return tls_result(t, r);
        }
        got = recv(t->fd, dst, n, MSG_DONTWAIT);
        t->wants_write = false;
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return -EAGAIN;
        if (got < 0) return error_set(-errno, "%m");
        *ret_n = (size_t)got;
        return 0;
}

int rpc_transport_write(RpcTransport *t, Bytes b, size_t *ret_n)
{
        ssize_t put;
        int r;

        if (t->ssl) {
                forget_errors();
                r = SSL_write_ex(t->ssl, b.data, b.size, ret_n);
                if (r == 1) return 0;
                r = tls_result(t, r);
                return r == 0 ? error_set(-EPIPE, "closed by the peer") : r;
        }
        put = send(t->fd, b.data, b.size, MSG_DONTWAIT | MSG_NOSIGNAL);
        t->wants_write = true;
        if (put < 0 && (errno == EINTR || errno == EAGAIN)) return -EAGAIN;
        if (put < 0) return error_set(-errno, "%m");
        *ret_n = (size_t)put;
        return 0;
}

void rpc_transport_end(RpcTransport *t)
{
        if (t->fd < 0) return;
        if (t->ssl && !t->failed && SSL_is_init_finished(t->ssl)) {
                forget_errors();
                (void)SSL_shutdown(t->ssl);
                ERR_clear_error();
        }
        (void)shutdown(t->fd, SHUT_WR);
}
