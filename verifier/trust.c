/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The decision. Nothing here touches a file or a clock. */

#include "verifier/trust.h"

#include "base/error.h"
#include "base/hex.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* NULL where there is none that can be read. */
static int parse_certificate(const TrustInput *in, Certificate **ret)
{
        int r;

        *ret = NULL;
        if (in->certificate.size == 0) return 0;
        r = certificate_new(in->certificate, ret);
        return r == -EBADMSG ? 0 : r;
}

int trust_check_key(const TrustInput *in, halfkey_v1_Refusal *refusal)
{
        cleanup_certificate Certificate *c = NULL;
        int r;

        r = parse_certificate(in, &c);
        if (r < 0 || !c) return r;
        r = endorsement_check_key(c, in->ek);
        if (r <= 0) return r;
        return refuse(refusal, REFUSAL_EVIDENCE_EK_CERTIFICATE,
                      "the EK certificate is of another key than the EK: which TPM is this?");
}

typedef struct Findings {
        Certificate *certificate;
        bool vouched;                 /* by a maker's root */
        char root[X509_SUBJECT_MAX];  /* where it is */
        halfkey_v1_Refusal unvouched; /* where not */
} Findings;

static void findings_deinit(Findings *f)
{
        certificate_free(f->certificate);
}
#define cleanup_findings _cleanup_(findings_deinit)

/* An outcome of crypto/endorsement.h in the refusal of its kind. */
static int refuse_certificate(halfkey_v1_Refusal *refusal, int outcome)
{
        if (outcome == ENDORSEMENT_E_ISSUER)
                return refuse(refusal, REFUSAL_EK_CERTIFICATE_ISSUER,
                              "the EK certificate leads to no root in ek-ca: %.200s", error_detail(outcome));
        return refuse(refusal, REFUSAL_EK_CERTIFICATE_INVALID, "the EK certificate is not taken: %.200s",
                      error_detail(outcome));
}

/* What the certificate is worth. */
static int find(const Trust *t, const TrustInput *in, Findings *f)
{
        int r;

        r = parse_certificate(in, &f->certificate);
        if (r < 0 || !t->ek_ca) return r;
        if (in->certificate.size == 0)
                r = refuse(&f->unvouched, REFUSAL_EK_CERTIFICATE_MISSING, "the TPM holds no EK certificate");
        else if (!f->certificate)
                r = refuse(&f->unvouched, REFUSAL_EK_CERTIFICATE_INVALID, "the EK certificate cannot be read");
        else {
                r = endorsement_check_use(f->certificate);
                if (r == 0) r = certificate_set_verify(t->ek_ca, f->certificate, &in->issuers, f->root);
                if (r > 0) r = refuse_certificate(&f->unvouched, r);
                else f->vouched = r == 0;
        }
        return r < 0 ? r : 0;
}

static int refuse_unlisted(const TrustInput *in, const Findings *f, halfkey_v1_Refusal *refusal)
{
        char also[260] = "", digits[2 * SHA256_SIZE + 1];
        uint8_t id[SHA256_SIZE];
        int r;

        r = public_key_id(in->ek, id);
        if (r < 0) return r;
        if (f->unvouched.sentence[0]) (void)snprintf(also, sizeof(also), "; and %.250s", f->unvouched.sentence);
        hex_encode(BYTES_ARRAY(id), digits);
        return refuse(refusal, REFUSAL_EK_NOT_LISTED, "ek-list does not name EK %s%s", digits, also);
}

static int decide_ek(const Trust *t, const TrustInput *in, const Findings *f, halfkey_v1_Refusal *refusal)
{
        const bool listed = t->list && in->listed;

        if (t->mode == EK_TRUST_NONE) return 0;
        if (t->mode == EK_TRUST_EITHER && (listed || f->vouched)) return 0;
        if (t->mode == EK_TRUST_BOTH && listed && f->vouched) return 0;
        if (t->list && !listed) return refuse_unlisted(in, f, refusal);
        *refusal = f->unvouched;
        return VERIFIER_E_REFUSED;
}

static int refuse_platform(halfkey_v1_Refusal *refusal, int outcome)
{
        static const RefusalReason reasons[] = {
                [ENDORSEMENT_E_FORM] = REFUSAL_PLATFORM_INVALID,
                [ENDORSEMENT_E_KEY] = REFUSAL_PLATFORM_OTHER_TPM,
                [ENDORSEMENT_E_USE] = REFUSAL_PLATFORM_INVALID,
                [ENDORSEMENT_E_ISSUER] = REFUSAL_PLATFORM_ISSUER,
                [ENDORSEMENT_E_OTHER_TPM] = REFUSAL_PLATFORM_OTHER_TPM,
                [ENDORSEMENT_E_DATES] = REFUSAL_PLATFORM_DATES,
        };

        return refuse(refusal, reasons[outcome], "the platform certificate is not taken: %.200s",
                      error_detail(outcome));
}

/* An EK certificate that nobody vouches for is whatever its holder wrote: issuer and serial number of somebody
 * else's, so that this one's platform certificate fits it. */
static int decide_platform(const Trust *t, const TrustInput *in, const Findings *f, char root[X509_SUBJECT_MAX],
                           halfkey_v1_Refusal *refusal)
{
        const PlatformCheck check = { .der = in->platform,
                                      .ek_certificate = f->vouched ? f->certificate : NULL,
                                      .ek = in->ek,
                                      .set = t->platform_ca,
                                      .given = &in->issuers,
                                      .now = in->now };
        int r;

        if (!t->platform_required) return 0;
        if (in->platform.size == 0)
                return refuse(refusal, REFUSAL_PLATFORM_MISSING,
                              "the TPM holds no platform certificate, and this cluster asks for one");
        r = platform_certificate_check(&check, root);
        return r > 0 ? refuse_platform(refusal, r) : r;
}

static void say_how(const Trust *t, const TrustInput *in, const Findings *f, const char *platform,
                    char ret[static TRUST_TEXT_MAX + 1])
{
        const bool listed = t->mode != EK_TRUST_NONE && t->list && in->listed;
        const bool vouched = t->mode != EK_TRUST_NONE && f->vouched;

        (void)snprintf(ret, TRUST_TEXT_MAX + 1, "by %s%s%s%.80s%s%.80s",
                       listed || vouched ? "" : "enrolment secret alone", listed ? "ek-list" : "",
                       vouched ? listed ? " and certificate of " : "certificate of " : "", vouched ? f->root : "",
                       t->platform_required ? ", platform certificate of " : "", platform);
}

int trust_decide(const Trust *t, const TrustInput *in, char ret[static TRUST_TEXT_MAX + 1],
                 halfkey_v1_Refusal *refusal)
{
        cleanup_findings Findings f = { 0 };
        char platform[X509_SUBJECT_MAX] = "";
        int r;

        r = find(t, in, &f);
        if (r == 0) r = decide_ek(t, in, &f, refusal);
        if (r == 0) r = decide_platform(t, in, &f, platform, refusal);
        if (r == 0) say_how(t, in, &f, platform, ret);
        return r;
}
