/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A network between a node and a verifier on one machine: a TCP relay that keeps every byte for half a round trip
 * in each direction, and a whole one more before the first, as TCP's handshake takes. It notes when what passed.
 */

#include "base/macros.h"

typedef struct Relay Relay;

Relay *relay_new(const char *target);
void relay_free(Relay *r);
/* "127.0.0.1:PORT" */
const char *relay_address(const Relay *r);
/* From the next connection on; what was noted is forgotten. */
void relay_begin(Relay *r, unsigned round_trip_us);

/* How long the verifier itself took since relay_begin(), in microseconds: from the ClientHello's arrival there to
 * its answer, and from the last bytes the node sent before the last answer to that answer. */
typedef struct RelayService {
        uint64_t handshake, answer;
} RelayService;
RelayService relay_service(Relay *r);
