/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/refusal.h"

#include "attest/outcome.h"
#include "base/hex.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "proto/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct ReasonRow {
        const char *slug;
        uint32_t retry_after_s;
} ReasonRow;

enum { BUSY_SPREAD_S = 8 };

static const ReasonRow rows[REFUSAL_COUNT] = {
        [REFUSAL_VERSION] = { "version", 0 },
        [REFUSAL_NODE_UNKNOWN] = { "node-unknown", 60 },
        [REFUSAL_NODE_PENDING] = { PROTO_REASON_PENDING, 5 },
        [REFUSAL_NODE_QUARANTINED] = { PROTO_REASON_QUARANTINED, 30 },
        [REFUSAL_NODE_EXISTS] = { "node-exists", 15 },
        [REFUSAL_NODE_NOT_ENROLLED] = { "node-not-enrolled", 30 },
        [REFUSAL_EVIDENCE] = { "evidence", 10 },
        [REFUSAL_EVIDENCE_FORM] = { "evidence-form", 0 },
        [REFUSAL_EVIDENCE_NODE_ID] = { "evidence-node-id", 0 },
        [REFUSAL_EVIDENCE_TAKEN] = { "evidence-taken", 1 },
        [REFUSAL_EVIDENCE_EK_CERTIFICATE] = { "evidence-ek-certificate", 0 },
        [REFUSAL_EK_NOT_LISTED] = { "ek-not-listed", 30 },
        [REFUSAL_EK_CERTIFICATE_MISSING] = { "ek-certificate-missing", 0 },
        [REFUSAL_EK_CERTIFICATE_INVALID] = { "ek-certificate-invalid", 0 },
        [REFUSAL_EK_CERTIFICATE_ISSUER] = { "ek-certificate-issuer", 0 },
        [REFUSAL_PLATFORM_MISSING] = { "platform-certificate-missing", 0 },
        [REFUSAL_PLATFORM_INVALID] = { "platform-certificate-invalid", 0 },
        [REFUSAL_PLATFORM_OTHER_TPM] = { "platform-certificate-other-tpm", 0 },
        [REFUSAL_PLATFORM_ISSUER] = { "platform-certificate-issuer", 0 },
        [REFUSAL_PLATFORM_DATES] = { "platform-certificate-dates", 0 },
        [REFUSAL_PCR_SELECTION] = { "pcr-selection", 0 },
        [REFUSAL_CAP_NOT_ZERO] = { "cap-not-zero", 0 },
        [REFUSAL_CAP_SEEN] = { "cap-seen", 0 },
        [REFUSAL_CAP_MISMATCH] = { "cap-mismatch", 0 },
        [REFUSAL_COUNTERS_WENT_BACK] = { "counters-went-back", 30 },
        [REFUSAL_LOG_MALFORMED] = { "log-malformed", 0 },
        [REFUSAL_LOG_DOES_NOT_REPLAY] = { "log-does-not-replay", 10 },
        [REFUSAL_POLICY_SECURE_BOOT] = { "policy-secure-boot", 30 },
        [REFUSAL_POLICY_COMMAND_LINE] = { "policy-command-line", 30 },
        [REFUSAL_POLICY_CHANGED_BOOT] = { "policy-changed-boot", 15 },
        [REFUSAL_POLICY_EVENT] = { "policy-event", 30 },
        [REFUSAL_POLICY_AUTHORITY] = { "policy-authority", 30 },
        [REFUSAL_POLICY_IMAGE] = { "policy-image", 30 },
        [REFUSAL_POLICY_FILE] = { "policy-file", 30 },
        [REFUSAL_POLICY_UKI] = { "policy-uki", 30 },
        [REFUSAL_POLICY_DBX] = { "policy-dbx", 30 },
        [REFUSAL_POLICY_SBAT] = { "policy-sbat", 30 },
        [REFUSAL_POLICY_FIRMWARE] = { "policy-firmware", 30 },
        [REFUSAL_POLICY_PCR] = { "policy-pcr", 30 },
        [REFUSAL_SECRET_UNKNOWN] = { "enrolment-secret-unknown", 0 },
        [REFUSAL_SECRET_USED] = { "enrolment-secret-used", 0 },
        [REFUSAL_SECRET_EXPIRED] = { "enrolment-secret-expired", 0 },
        [REFUSAL_SECRET_EK] = { "enrolment-secret-ek", 0 },
        [REFUSAL_COMMIT_INVALID] = { "commit-invalid", 0 },
        [REFUSAL_RELEASE_LIMIT] = { "release-limit", 0 },
        [REFUSAL_TOKEN_GENERATION] = { "token-generation-unknown", 30 },
        [REFUSAL_TOKEN_HASH] = { "token-hash", 0 },
        [REFUSAL_TOKEN_EPOCH] = { "token-epoch", 0 },
        [REFUSAL_VOLUME_UNKNOWN] = { "volume-unknown", 30 },
        [REFUSAL_UNSEAL_POSSIBLE] = { "unseal-possible", 0 },
        [REFUSAL_BUSY] = { "busy", 2 },
};

const char *refusal_slug(RefusalReason reason)
{
        return rows[reason].slug;
}

int refusal_id(char ret[static 17])
{
        uint8_t id[8];
        int r;

        r = random_bytes(id, sizeof(id));
        if (r == 0) hex_encode(BYTES_ARRAY(id), ret);
        return r;
}

int refuse(halfkey_v1_Refusal *ret, RefusalReason reason, const char *fmt, ...)
{
        va_list ap;
        int r;

        *ret = (halfkey_v1_Refusal){ .retry_after_s = rows[reason].retry_after_s };
        (void)snprintf(ret->reason, sizeof(ret->reason), "%s", rows[reason].slug);
        va_start(ap, fmt);
        (void)vsnprintf(ret->sentence, sizeof(ret->sentence), fmt, ap);
        va_end(ap);
        utf8_make_printable(ret->sentence); /* what it quotes was cut by bytes, and the log's texts are anyone's */
        r = refusal_id(ret->id);
        /* Whoever is told to wait for the others must not come back together with them. */
        if (r == 0 && reason == REFUSAL_BUSY) ret->retry_after_s += (uint32_t)ret->id[0] % BUSY_SPREAD_S;
        return r < 0 ? r : VERIFIER_E_REFUSED;
}

int refuse_evidence(halfkey_v1_Refusal *ret, int attest_outcome)
{
        int r;

        if (attest_outcome == 0 || (attest_outcome < 0 && attest_outcome != -EBADMSG)) return attest_outcome;
        if (attest_outcome == ATTEST_E_SELECTION)
                return refuse(ret, REFUSAL_PCR_SELECTION, "%s: node and verifier must be of versions that fit",
                              attest_sentence(attest_outcome));
        r = refuse(ret, REFUSAL_EVIDENCE, "%s", attest_sentence(attest_outcome));
        (void)snprintf(ret->reason, sizeof(ret->reason), "evidence-%s", attest_reason(attest_outcome));
        return r;
}
