/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the steps of session.h have in common. */

#include "verifier/session.h"

/* An appraisal of this evidence on this session's connection. */
Appraisal verdict_begin(Session *s, AttestPurpose purpose, const halfkey_v1_Evidence *evidence);
#define cleanup_appraisal _cleanup_(appraisal_deinit)

/* Ends a step: passes r through; for VERIFIER_E_REFUSED it first logs the refusal, audits it where the peer was
 * verified, and hands it out. A refusal that cannot be audited is still one. */
int verdict_end(Session *s, Appraisal *a, int r, halfkey_v1_Refusal *refusal);
/* The same for a step that has no appraisal yet. */
int verdict_refused_early(Session *s, const char *what, halfkey_v1_Refusal *refusal);

/* Looks the node up and verifies the evidence by its keys. enrolling: those of a registration come first. */
_must_check_ int verdict_authenticate(Appraisal *a, bool enrolling);
/* Refuses a quarantined node, and unless `enrolling` a pending one and one that never finished its enrolment. */
_must_check_ int verdict_check_state(Appraisal *a, bool enrolling);

/* An audit entry about a.node; `id` may be NULL. */
AuditEntry verdict_audit(const Appraisal *a, const char *kind, const char *id, const char *fmt, ...)
        _printf_(4, 5);
/* Audits what was only counted in windows of pace.h that have ended by `now`; UINT64_MAX: in all. */
void verdict_audit_counts(Service *s, uint64_t now);
/* This node's place in pace.h. */
PaceNode *verdict_pace(const Appraisal *a);
/* Store outcomes as -errno; the detail stays. */
int verdict_commit(Service *s, const StoreChange *change);
/* The quoted boot's log, ready to be stored. */
StoreLog verdict_log(const Appraisal *a);

/* Signs that this node's seal of this generation may open in the quoted PCR 7. */
_must_check_ int verdict_approve(const Appraisal *a, uint64_t generation, halfkey_v1_Approval *ret);
/* The quoted PCR 7. */
Digest verdict_pcr7(const Appraisal *a);
