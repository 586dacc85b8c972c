/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every request of a running verifier shares. */

#include "verifier/pace.h"
#include "verifier/policy-set.h"
#include "verifier/settings.h"
#include "verifier/store.h"
#include "verifier/trust.h"

typedef struct Service {
        Store *store;
        const Settings *settings;
        const Keys *keys;
        const Trust *trust;
        uint64_t (*now)(void); /* seconds since 1970 */

        PolicySet policies;
        Pace *pace;          /* of what refused nodes make us do */
        uint64_t quiet_from; /* rate limit of what unverified peers make us log */
        unsigned quiet_count;
} Service;

enum {
        SERVICE_UNVERIFIED_LINES = 20, /* a second */
};

/* May a line about a peer that proved nothing be logged now? */
bool service_may_log(Service *s);
