/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "raw.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void raw_open(Raw *raw, Rig *rig, bool hello)
{
        int fds[2];

        memset(raw, 0, sizeof(*raw));
        raw->rig = rig;
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        raw->fd = fds[1];
        CHECK(nghttp2_hd_inflate_new(&raw->inflater) == 0);
        CHECK_OK(rpc_server_adopt_fd(rig->server, fds[0], rig_service(rig)));
        if (!hello) return;
        raw_bytes(raw, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
        raw_frame(raw, RAW_SETTINGS, 0, 0, BYTES("", 0));
        raw_listen(raw, 10);
        raw_frame(raw, RAW_SETTINGS, RAW_ACK, 0, BYTES("", 0));
}

void raw_close(Raw *raw)
{
        (void)close(raw->fd);
        nghttp2_hd_inflate_del(raw->inflater);
        rig_turns(raw->rig->event, 5);
}

void raw_bytes(Raw *raw, const void *data, size_t n)
{
        while (n > 0) {
                const ssize_t put = send(raw->fd, data, n, MSG_NOSIGNAL);

                if (put < 0 && errno == EPIPE) return;
                if (put < 0) {
                        CHECK(errno == EAGAIN);
                        CHECK(sd_event_run(raw->rig->event, 1000) >= 0);
                        return raw_bytes(raw, data, n);
                }
                data = (const uint8_t *)data + put;
                n -= (size_t)put;
        }
}

void raw_frame(Raw *raw, uint8_t type, uint8_t flags, uint32_t stream, Bytes payload)
{
        const uint8_t header[9] = { (uint8_t)(payload.size >> 16),
                                    (uint8_t)(payload.size >> 8),
                                    (uint8_t)payload.size,
                                    type,
                                    flags,
                                    (uint8_t)(stream >> 24),
                                    (uint8_t)(stream >> 16),
                                    (uint8_t)(stream >> 8),
                                    (uint8_t)stream };

        raw_bytes(raw, header, sizeof(header));
        raw_bytes(raw, payload.data, payload.size);
}

void raw_header(RawBlock *b, Bytes name, Bytes value)
{
        const Bytes parts[] = { name, value };

        CHECK(sizeof(b->data) - b->size > name.size + value.size + 8);
        b->data[b->size++] = 0;
        for (size_t i = 0; i < 2; i++) {
                size_t n = parts[i].size;

                /* RFC 7541 5.1, prefix of 7 bits */
                if (n < 127) {
                        b->data[b->size++] = (uint8_t)n;
                } else {
                        b->data[b->size++] = 127;
                        for (n -= 127; n >= 128; n /= 128) b->data[b->size++] = (uint8_t)(n % 128 + 128);
                        b->data[b->size++] = (uint8_t)n;
                }
                if (parts[i].size) memcpy(b->data + b->size, parts[i].data, parts[i].size);
                b->size += parts[i].size;
        }
}

static void header(RawBlock *b, const char *name, const char *value)
{
        raw_header(b, BYTES(name, strlen(name)), BYTES(value, strlen(value)));
}

void raw_request(RawBlock *b, const char *path)
{
        b->size = 0;
        header(b, ":method", "POST");
        header(b, ":scheme", "http");
        header(b, ":path", path);
        header(b, "content-type", "application/grpc");
}

void raw_call(Raw *raw, uint32_t stream, const char *path, bool end)
{
        RawBlock b;

        raw_request(&b, path);
        raw_frame(raw, RAW_HEADERS, (uint8_t)(RAW_END_HEADERS | (end ? RAW_END_STREAM : 0)), stream,
                  BYTES(b.data, b.size));
}

static void take_headers(Raw *raw, Bytes block)
{
        while (block.size > 0) {
                nghttp2_nv nv;
                int flags = 0;
                const ssize_t n = nghttp2_hd_inflate_hd2(raw->inflater, &nv, &flags, block.data, block.size, 1);

                CHECK(n >= 0);
                block = BYTES(block.data + n, block.size - (size_t)n);
                if (flags & NGHTTP2_HD_INFLATE_EMIT) {
                        const size_t at = strlen(raw->headers);

                        (void)snprintf(raw->headers + at, sizeof(raw->headers) - at, "%.*s: %.*s\n",
                                       (int)nv.namelen, nv.name, (int)nv.valuelen, nv.value);
                }
                if (flags & NGHTTP2_HD_INFLATE_FINAL) (void)nghttp2_hd_inflate_end_headers(raw->inflater);
                if (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT)) break;
        }
}

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void take_frame(Raw *raw, uint8_t type, uint8_t flags, Bytes payload)
{
        if (type == RAW_DATA) raw->data += payload.size;
        if (type == RAW_HEADERS) take_headers(raw, payload);
        if (type == RAW_DATA || type == RAW_HEADERS) raw->ended |= flags & RAW_END_STREAM;
        if (type == RAW_GOAWAY) {
                raw->goaway = true;
                raw->goaway_error = be32(payload.data + 4);
        }
        if (type == RAW_RST) {
                raw->resets++;
                raw->reset_error = be32(payload.data);
        }
}

static void take_frames(Raw *raw)
{
        size_t at = 0;

        while (raw->size - at >= 9) {
                const uint8_t *p = raw->in + at;
                const size_t n = be32(p) >> 8;

                if (raw->size - at < n + 9) break;
                take_frame(raw, p[3], p[4], BYTES(p + 9, n));
                at += n + 9;
        }
        memmove(raw->in, raw->in + at, raw->size - at);
        raw->size -= at;
}

void raw_listen(Raw *raw, unsigned ms)
{
        for (unsigned i = 0; i <= ms / 5 && !raw->closed; i++) {
                ssize_t n;

                rig_turns(raw->rig->event, MIN(ms, 5u));
                while ((n = recv(raw->fd, raw->in + raw->size, sizeof(raw->in) - raw->size, 0)) > 0) {
                        raw->size += (size_t)n;
                        take_frames(raw);
                }
                if (n == 0 || (n < 0 && errno != EAGAIN)) raw->closed = true;
        }
}
