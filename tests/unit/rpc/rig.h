/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of lib/rpc share: certificates made on the spot, a server with a few methods, a loop that is
 * turned until something is true. */

#include "check.h"

#include "rpc/client.h"
#include "rpc/server.h"

#include <openssl/x509.h>

/* A key and its certificate. */
typedef struct RigPair {
        EVP_PKEY *key;
        X509 *certificate;
} RigPair;

typedef struct RigCertificate {
        const char *name;
        const RigPair *issuer; /* NULL: signs itself */
        bool ca;
        const char *usage;      /* extendedKeyUsage, as OpenSSL writes it; NULL: none */
        const char *constraint; /* keyUsage; NULL: none */
        long from, to;          /* seconds from now; both 0: valid for an hour */
        const char *digest;     /* NULL: SHA256 */
        EVP_PKEY *key;          /* NULL: a fresh one */
} RigCertificate;

RigPair rig_pair(const RigCertificate *c);
void rig_pair_free(RigPair *p);
RpcPin rig_pin(const RigPair *p);
/* The leaf's chain is itself and, if not NULL, `other`. */
RpcIdentity *rig_identity(const RigPair *leaf, const RigPair *other);

/* CA, and a leaf of it for a server. */
typedef struct Rig {
        sd_event *event;
        RigPair ca, leaf;
        RpcPin pin; /* the CA's */
        RpcServer *server;
        char address[64];
        unsigned opened, closed; /* streaming calls */
        uint8_t exporter[RPC_EXPORTER_SIZE];
} Rig;

/* limits NULL: the defaults. The server listens on 127.0.0.1. */
void rig_init(Rig *rig, const RpcServerLimits *limits);
void rig_deinit(Rig *rig);
extern const RpcMethod rig_methods[];
extern const RpcService *rig_service(Rig *rig);

/* Turns the loop until *flag or the time is up; true if *flag. */
bool rig_until(sd_event *event, const bool *flag, unsigned ms);
void rig_turns(sd_event *event, unsigned ms);

/* A client and what became of it. */
typedef struct RigClient {
        RpcClient *client;
        bool connected, failed, closed, over; /* over: connected or failed */
        size_t address;
        char reasons[2048];
} RigClient;

void rig_client_config(RigClient *c, RpcClientConfig *config);
/* Races to these addresses with this pin, and waits for the end of it. */
void rig_connect(RigClient *c, Rig *rig, const char *const *addresses, size_t n, const RpcPin *pin);

/* A call and what came of it. */
typedef struct RigCall {
        RpcCall *call;
        bool done, drained;
        RpcStatus status;
        unsigned messages;
        size_t bytes;
        uint8_t last[64]; /* the start of the last message */
        size_t last_size;
} RigCall;

extern const RpcCallHandler rig_handler;
void rig_call(RigCall *call, RpcClient *client, const char *path, unsigned deadline_ms);
/* One request, the reply's end. */
void rig_unary(Rig *rig, RpcClient *client, const char *path, Bytes request, RigCall *ret);
