/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the cluster knows of a node, and what may happen to it. Pure: no store, no clock, no I/O.
 *
 *   Register of an unknown EK        -> pending, not committed
 *   EnrolCommit                      -> committed (active at once where the cluster's adopt is "auto")
 *   cluster node approve             pending -> active; active -> the next boot is adopted anew
 *   cluster node quarantine          pending, active -> quarantined
 *   cluster node activate            quarantined -> active
 *   cluster node reinstall           the next Register replaces keys and half at its EnrolCommit
 *
 * A half is released to an active, committed node alone. */

#include "attest/cap.h"
#include "attest/public.h"
#include "crypto/aead.h"
#include "verifier/labels.h"
#include "verifier/policy-floors.h"

enum {
        NODE_ID_SIZE = SHA256_SIZE,
        NODE_TEXT_MAX = 64, /* name, host name, serial */
        NODE_TRUSTED_MAX = 240,
        NODE_HALVES_MAX = 4,
        NODE_VOLUMES_MAX = 8,
        NODE_ROLE_MAX = 40,
        NODE_HALF_SIZE = 32,
        NODE_WRAPPED_SIZE = NODE_HALF_SIZE + AEAD_OVERHEAD,
        NODE_RECORD_MAX = 8192, /* encoded; about 700 bytes for a usual node */
        NODE_NAME_DIGITS = 8,   /* of the id, in the default name and at least in what people type */
};

typedef enum NodeState {
        NODE_PENDING = 1,
        NODE_ACTIVE,
        NODE_QUARANTINED,
} NodeState;

enum {
        NODE_E_STATE = 1, /* this verb does not fit the node's state; the detail says what does */
        NODE_E_BACKWARDS, /* a counter, floor or generation would go down */
        NODE_E_FULL,      /* no room for one more generation */
};

/* resetCount first, then restartCount: together they name a boot (WIRE-FACTS). */
typedef struct BootCounters {
        uint32_t reset;
        uint32_t restart;
} BootCounters;

/* <0, 0, >0 */
int boot_counters_compare(BootCounters a, BootCounters b);

typedef struct NodeHalf {
        uint64_t generation;
        uint8_t wrapped[NODE_WRAPPED_SIZE]; /* see half.h */
} NodeHalf;

/* A rekey of one volume. `order_epoch` is the epoch that it leads to.
 *   ordered      by an operator; goes out with the next release to a node that has said what its token would be
 *   delivered    the node knows; next_hash is the one other token that is believed from now on
 *   carried out  a booted node showed that token
 *   confirmed    a boot was opened by it: it is the volume's token now, and its epoch the floor */
typedef enum NodeOrder {
        NODE_ORDER_NONE,
        NODE_ORDER_GIVEN,
        NODE_ORDER_DELIVERED,
        NODE_ORDER_CARRIED_OUT,
        NODE_ORDER_CONFIRMED,
} NodeOrder;

typedef struct NodeVolume {
        uint8_t id[ATTEST_VOLUME_ID_SIZE];
        char role[NODE_ROLE_MAX + 1];
        uint64_t generation;
        uint64_t epoch;
        uint64_t floor; /* no release for a token of a lower epoch; never goes down */
        uint8_t tag[SHA256_SIZE];
        uint8_t token_hash[SHA256_SIZE];
        bool key_shared;
        NodeOrder order;
        uint64_t order_epoch;
        uint8_t next_hash[SHA256_SIZE]; /* from NODE_ORDER_DELIVERED on */
        bool opened;                    /* at the last accepted Reattest */
} NodeVolume;

/* The keys a node proved at Register, and the half made for them. */
typedef struct NodeKeys {
        size_t ak_size;
        uint8_t ak[ATTEST_PUBLIC_MAX]; /* TPMT_PUBLIC */
        AttestName ak_name;
        AttestName srk_name;
        NodeHalf half;
        uint16_t bank; /* of the approved PCR 7 */
        Digest approved_pcr7;
        BootCounters at;                  /* when these were proven */
        uint8_t secret_hash[SHA256_SIZE]; /* the enrolment secret it came with */
} NodeKeys;

/* One boot whose log is stored. */
typedef struct NodeBoot {
        bool present;
        uint16_t bank;
        uint8_t log_hash[SHA256_SIZE];
        uint64_t at;
} NodeBoot;

typedef struct NodeRecord {
        uint64_t revision; /* the store's: 0 for one that was never stored */
        uint8_t id[NODE_ID_SIZE];
        char name[NODE_TEXT_MAX + 1];
        char hostname[NODE_TEXT_MAX + 1];
        char serial[NODE_TEXT_MAX + 1];
        char trusted[NODE_TRUSTED_MAX +
                     1]; /* how its EK was trusted at its last Register: "by ..."; "": not known */
        NodeState state;
        bool committed;
        bool reinstall; /* an operator said that Register may replace it */
        bool readopt;   /* an operator said that a boot after `readopt_after` may differ from the adopted one */
        BootCounters readopt_after;
        uint32_t incarnation; /* 1 after the first EnrolCommit; counters and floors start again with each */

        size_t ek_size;
        uint8_t ek[ATTEST_PUBLIC_MAX];
        NodeKeys keys; /* where committed; keys.half is unused, see halves */
        bool registering;
        NodeKeys registration; /* between Register and EnrolCommit */

        uint64_t generation; /* the newest ever made */
        size_t n_halves;
        NodeHalf halves[NODE_HALVES_MAX];
        size_t n_volumes;
        NodeVolume volumes[NODE_VOLUMES_MAX];

        BootCounters seen; /* highest counters that a verified quote showed to a Reattest or EnrolCommit */
        bool capped;       /* the cap was seen, last in boot `capped_at`: no release there or before */
        BootCounters capped_at;

        NodeBoot baseline;
        NodeBoot last;                       /* last accepted boot */
        uint64_t registered_at, attested_at; /* seconds since 1970; 0: never */

        Labels labels;       /* an operator's */
        PolicyFloors floors; /* never go down */
} NodeRecord;

/* "pending", "active", "quarantined". */
const char *node_state_name(NodeState s);
/* "node-1a2b3c4d"; more digits where that name is taken: 8, 12, 16 ... */
void node_default_name(const uint8_t id[static NODE_ID_SIZE], unsigned digits, char ret[static NODE_TEXT_MAX + 1]);

/* The operator's verbs. NODE_E_STATE with a detail. */
_must_check_ int node_approve(NodeRecord *n);
_must_check_ int node_quarantine(NodeRecord *n);
_must_check_ int node_activate(NodeRecord *n);
_must_check_ int node_mark_reinstall(NodeRecord *n);
_must_check_ int node_order_rekey(NodeRecord *n);

/* The keys by which evidence of this node is verified now: those of a registration for the purposes register and
 * commit, else the committed ones, else (a node that never committed) the registration's. NULL: none. */
const NodeKeys *node_keys_for(const NodeRecord *n, bool enrolling);

/* NODE_E_BACKWARDS where the counters are below those last seen. */
_must_check_ int node_counters_check(const NodeRecord *n, BootCounters now);
void node_counters_seen(NodeRecord *n, BootCounters now);
/* Is this boot held against the adopted one? Not where there is none, nor where an operator's word covers it. */
bool node_has_baseline_for(const NodeRecord *n, BootCounters now);
/* Was the cap of this boot, or a later one, seen already? */
bool node_was_capped(const NodeRecord *n, BootCounters now);
void node_set_capped(NodeRecord *n, BootCounters now);

const NodeHalf *node_half(const NodeRecord *n, uint64_t generation);
const NodeVolume *node_volume(const NodeRecord *n, Bytes id, const char *role);
NodeVolume *node_volume_to_change(NodeRecord *n, Bytes id, const char *role);

/* "", "ordered", "delivered", "carried out", "confirmed". */
const char *node_order_name(NodeOrder o);
/* A token of this epoch and hash is the volume's own: the one it enrolled with or was rekeyed to, or the one that
 * an order under way makes. */
bool node_volume_knows(const NodeVolume *v, uint64_t epoch, Bytes token_hash);
/* An order is open for a node that still has the token from before it, which would then become one of the hash
 * `planned`: that is the one to be believed from now on. False: nothing is to be done. */
bool node_order_deliver(NodeVolume *v, uint64_t epoch, Bytes planned);
/* A booted node shows a token; `used`: the boot was opened by both halves and that token. What the order became
 * by it, or NODE_ORDER_NONE where nothing changes. */
NodeOrder node_order_seen(NodeVolume *v, uint64_t epoch, Bytes token_hash, bool used);

/* The registration takes effect: its keys and half become the node's, `volumes` its only volumes. Old halves,
 * counters, floors, cap and baseline go with the old incarnation. */
void node_commit(NodeRecord *n, const NodeVolume *volumes, size_t n_volumes);

/* What no writer may do, checked again by each store: within one incarnation counters, the cap seen, floors and
 * the generation never go down, and an incarnation never does. NODE_E_BACKWARDS. */
_must_check_ int node_check_successor(const NodeRecord *old, const NodeRecord *new);

/* One encoding for every store: version 2, big-endian, length-prefixed; version 1, without how the EK was trusted,
 * is read too. The revision is not part of it. */
_must_check_ int node_encode(const NodeRecord *n, uint8_t **ret, size_t *ret_size);
/* -EBADMSG. */
_must_check_ int node_decode(Bytes encoded, NodeRecord *ret);

/* Releases in one boot, counted by each verifier for itself (DESIGN: 16 in 60 minutes from the first), and what
 * only this verifier needs to know. */
enum { NODE_RELEASES_MAX = 16, NODE_RELEASES_S = 3600, NODE_REFUSAL_MAX = 450 };

typedef struct NodeLocal {
        uint8_t id[NODE_ID_SIZE];
        BootCounters boot;
        uint64_t first_at, last_at; /* of this boot's releases; 0: none */
        uint32_t releases;
        char refusal[NODE_REFUSAL_MAX + 1]; /* the last one, for people; "" after a success */
} NodeLocal;

/* May one more release be made in boot `now` at time `at`? NODE_E_FULL where not, NODE_E_BACKWARDS for a boot
 * before the one that was last served. On 0 it is counted in *l. */
_must_check_ int node_local_release(NodeLocal *l, BootCounters now, uint64_t at);
