/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by volume.c and the enrol files only: the one place where libcryptsetup's types are seen. */

#include "unlock/volume.h"

#include <libcryptsetup.h>

struct Volume {
        struct crypt_device *cd;
        char *path;
        uint64_t size;
        char message[256]; /* libcryptsetup's last complaint */
        Header *header;    /* NULL until volume_check() has accepted */
        HeaderUse use;
};

/* Sets the detail "PATH: what: libcryptsetup's words" for its error r (below 0) and returns r. */
_must_check_ int volume_failed(Volume *v, int r, const char *what);
/* For what writes to the header: the check has to be made again. */
void volume_invalidate(Volume *v);
/* The JSON of token number `i` in the header in memory; -ENOENT for an unused number. */
_must_check_ int volume_token_json(const Volume *v, int i, Bytes *ret);
/* The number of the first token of that type at or above `from`; -ENOENT. */
_must_check_ int volume_find_token(const Volume *v, const char *type, int from);
