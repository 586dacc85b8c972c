/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What endorsement.c and platform.c share. */

#include "crypto/endorsement.h"

/* No CA, and no extension that cannot be honoured: ENDORSEMENT_E_FORM, _USE. */
_must_check_ int endorsement_check_form(const Certificate *c);
/* One of these extended key usages (dotted), where it lists any at all: ENDORSEMENT_E_USE. */
_must_check_ int endorsement_check_usage(const Certificate *c, const char *const *oids, size_t n);

/* Calls visit for each certificate of the set and each given one that can be read. */
void certificate_set_each(const CertificateSet *s, const GivenCertificates *given,
                          void (*visit)(const Certificate *c, bool is_given, void *userdata), void *userdata);
