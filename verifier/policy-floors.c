/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/policy-floors.h"

#include <string.h>

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

int policy_version_compare(const char *a, const char *b)
{
        while (*a && *b) {
                if (is_digit(*a) && is_digit(*b)) {
                        size_t na, nb;

                        while (*a == '0' && is_digit(a[1])) a++;
                        while (*b == '0' && is_digit(b[1])) b++;
                        na = strspn(a, "0123456789");
                        nb = strspn(b, "0123456789");
                        if (na != nb) return na < nb ? -1 : 1;
                        for (; na > 0; na--, a++, b++)
                                if (*a != *b) return *a < *b ? -1 : 1;
                } else {
                        if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
                        a++;
                        b++;
                }
        }
        return (*a != '\0') - (*b != '\0');
}

void policy_floors_raise(PolicyFloors *f, const PolicyFloors *found)
{
        if (found->dbx > f->dbx) f->dbx = found->dbx;
        if (found->sbat > f->sbat) f->sbat = found->sbat;
        if (policy_version_compare(found->firmware, f->firmware) > 0)
                memcpy(f->firmware, found->firmware, sizeof(f->firmware));
}

bool policy_floors_hold(const PolicyFloors *before, const PolicyFloors *now)
{
        return now->dbx >= before->dbx && now->sbat >= before->sbat &&
               policy_version_compare(now->firmware, before->firmware) >= 0;
}
