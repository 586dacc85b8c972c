/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* This boot as its node sees it: the firmware's event log, the kernel command line, and which bank the TPM is
 * quoted in. Read once, then the same for every attempt to attest, unless the log grows meanwhile. */

#include "eventlog/eventlog.h"
#include "eventlog/replay.h"

#define NODE_LOG_PATH "/sys/kernel/security/tpm0/binary_bios_measurements"

enum { NODE_COMMAND_LINE_MAX = 4096, NODE_MACHINE_TEXT_MAX = 64 };

typedef struct NodeBoot {
        char *log_path;
        uint8_t *log_bytes;
        size_t log_size;
        EventLog *log;
        HashAlg bank;       /* SHA-256, or SHA-384 where the log has no SHA-256 */
        PcrValues replayed; /* of that bank */
        char *command_line;
        uint8_t *pcrsig; /* what the UKI's maker signed (pcrsig.h); NULL: no UKI, or none that was signed for */
        size_t pcrsig_size;
        char hostname[NODE_MACHINE_TEXT_MAX + 1];
        char serial[NODE_MACHINE_TEXT_MAX + 1]; /* of the chassis; empty where firmware has none */
} NodeBoot;

/* Reads everything. log_path NULL: the kernel's, or $CREDENTIALS_DIRECTORY/eventlog where a unit loaded it. */
_must_check_ int node_boot_read(const char *log_path, NodeBoot **ret);
/* Reads the log again. *ret_moved: it grew, and everything here is of the longer one. -ESTALE where it did not
 * only grow: what a verifier was sent of it is not its beginning any more. */
_must_check_ int node_boot_follow(NodeBoot *b, bool *ret_moved);
void node_boot_free(NodeBoot *b);
DEFINE_CLEANUP(NodeBoot, node_boot_free)
#define cleanup_node_boot _cleanup_(node_boot_freep)
