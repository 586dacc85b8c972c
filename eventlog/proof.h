/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only: hashing parts of an event and comparing with its digest. */

#include "eventlog/eventlog.h"

/* One bank of one log, with a hasher of it. */
typedef struct Prover {
        const EventLog *log;
        HashAlg bank;
        Hasher *hasher;
        int error; /* the first failure of the hasher; matches are false from then on */
} Prover;

/* Whether the event's digest in the bank is the hash of the parts' concatenation. */
bool prover_matches(Prover *p, const Event *event, const Bytes *parts, size_t n_parts);
bool prover_matches_bytes(Prover *p, const Event *event, Bytes b);

/* The string that a boot loader hashed for an EV_IPL, proven by the digest: all of the data, the data without
 * its NUL, or what stands behind GRUB's "grub_cmd: " and "kernel_cmdline: ". */
bool prover_string(Prover *p, const Event *event, Bytes *ret);
