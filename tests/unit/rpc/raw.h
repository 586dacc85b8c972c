/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An HTTP/2 client that says exactly what a test wants it to say, on a socket pair. */

#include "rig.h"

typedef struct Raw {
        Rig *rig;
        int fd;
        bool closed;  /* the server has closed */
        bool settled; /* its SETTINGS were acknowledged */
        uint8_t in[1 << 20];
        size_t size;
        struct nghttp2_hd_inflater *inflater;
        /* What has come: */
        bool goaway;
        uint32_t goaway_error;
        unsigned resets;
        uint32_t reset_error; /* of the last one */
        bool ended;           /* END_STREAM was seen */
        size_t data;          /* bytes of DATA */
        char headers[4096];   /* all of them, "name: value\n" */
} Raw;

enum {
        RAW_DATA,
        RAW_HEADERS,
        RAW_PRIORITY,
        RAW_RST,
        RAW_SETTINGS,
        RAW_PING = 6,
        RAW_GOAWAY,
        RAW_WINDOW,
        RAW_CONTINUATION
};
enum { RAW_END_STREAM = 1, RAW_ACK = 1, RAW_END_HEADERS = 4 };

/* hello: with the preface and empty SETTINGS. */
void raw_open(Raw *raw, Rig *rig, bool hello);
void raw_close(Raw *raw);
void raw_bytes(Raw *raw, const void *data, size_t n);
void raw_frame(Raw *raw, uint8_t type, uint8_t flags, uint32_t stream, Bytes payload);
/* Turns the loop and reads what the server says, for so long, or until it has closed. */
void raw_listen(Raw *raw, unsigned ms);

/* A header block, literal and unindexed; from "name", "value", ..., NULL. */
typedef struct RawBlock {
        uint8_t data[20000];
        size_t size;
} RawBlock;
void raw_header(RawBlock *b, Bytes name, Bytes value);
/* What a call has to have. */
void raw_request(RawBlock *b, const char *path);
void raw_call(Raw *raw, uint32_t stream, const char *path, bool end);
