/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every request of a running verifier shares. */

#include "verifier/settings.h"
#include "verifier/store.h"

typedef struct Service {
        Store *store;
        const Settings *settings;
        const Keys *keys;
        uint64_t (*now)(void); /* seconds since 1970 */

        size_t log_bytes;    /* of event logs being received, over all calls */
        uint64_t quiet_from; /* rate limit of what unverified peers make us log */
        unsigned quiet_count;
} Service;

enum {
        /* Event logs being received at once: 10,000 nodes that arrive together hold at most 2,000 connections. */
        SERVICE_LOG_BYTES_MAX = 160 << 20,
        SERVICE_UNVERIFIED_LINES = 20, /* a second */
};

/* May a line about a peer that proved nothing be logged now? */
bool service_may_log(Service *s);
