/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* EnrolmentConfig and NodeConfig: where the cluster is and what proves that it is the cluster.
 *
 *   {"version": 1, "pins": [HEX, ...], "addresses": ["host:port", ...], "policy_key_sha256": HEX,
 *    "recovery_sha256": [HEX, ...], "unique_volume_key": false, "secret": HEX,
 *    "node_id": HEX, "ak_public": HEX}
 *
 * An EnrolmentConfig has "secret", a NodeConfig "node_id" and "ak_public" in its place. Whoever holds the disk
 * may have written either: a false pin leads to a verifier that has no half, and the configuration's hash is in
 * the evidence. */

#include "base/secret.h"
#include "crypto/hash.h"
#include "rpc/tls.h"

enum {
        CONFIG_VERSION = 1,
        CONFIG_PINS_MAX = 8,
        CONFIG_ADDRESSES_MAX = 16,
        CONFIG_RECOVERY_MAX = 4,
        CONFIG_SECRET_MAX = 64,
        CONFIG_PUBLIC_MAX = 512,
        CONFIG_FILE_MAX = 65536,
};

typedef struct NodeConfig {
        RpcPin pins[CONFIG_PINS_MAX];
        size_t n_pins;
        char *addresses[CONFIG_ADDRESSES_MAX];
        size_t n_addresses;
        uint8_t policy_key_sha256[SHA256_SIZE];
        uint8_t recovery_sha256[CONFIG_RECOVERY_MAX][SHA256_SIZE];
        size_t n_recovery;
        bool unique_volume_key; /* the volume's key is its own already: no re-encryption at enrolment */
        Secret *secret;         /* NULL in a NodeConfig */
        bool enrolled;          /* a NodeConfig: the two below are set */
        uint8_t node_id[SHA256_SIZE];
        uint8_t ak_public[CONFIG_PUBLIC_MAX]; /* TPMT_PUBLIC, so that it need not be read from the TPM */
        size_t ak_public_size;
} NodeConfig;

/* -EBADMSG names the field. The caller wipes the text where it holds a secret. */
_must_check_ int config_parse(Bytes json, NodeConfig **ret);
void config_free(NodeConfig *c);
DEFINE_CLEANUP(NodeConfig, config_free)
#define cleanup_config _cleanup_(config_freep)

/* Makes c this node's NodeConfig: the secret goes. */
_must_check_ int config_set_node(NodeConfig *c, const uint8_t node_id[static SHA256_SIZE], Bytes ak_public);
/* The NodeConfig's text; the caller frees it. -EINVAL where it is still an EnrolmentConfig. */
_must_check_ int config_print_node(const NodeConfig *c, char **ret);

/* SHA-256 over the length-prefixed "halfkey config v1" and all fields but secret, node id and unique_volume_key:
 * the same for the EnrolmentConfig and the NodeConfig that came of it. */
_must_check_ int config_hash(const NodeConfig *c, uint8_t ret[static SHA256_SIZE]);
