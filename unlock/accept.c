/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock/accept.h"

#include "base/error.h"
#include "unlock/enrol.h"
#include "unlock/volume-internal.h"

#include <errno.h>
#include <string.h>

bool accept_is_pending(const Token *t)
{
        static const uint8_t zeros[TOKEN_TAG_SIZE];

        return bytes_equal(BYTES_ARRAY(t->halves_tag), BYTES_ARRAY(zeros));
}

int accept_changes(const Volume *v, const Token *t, RecordEach each, void *userdata)
{
        if (!v->header) return error_set(-EPERM, "%s: the header was not checked", v->path);
        return record_each_change(v->header, t, each, userdata);
}

int accept_header(Volume *v, const Secret *volume_key)
{
        cleanup_token Token *t = NULL;
        int r;

        if (!v->header) return error_set(-EPERM, "%s: the header was not checked", v->path);
        r = volume_token(v, &t);
        if (r == 0) r = record_verify_written(t, volume_key);
        if (r == 0) r = record_write(v->header, t, NULL, volume_key);
        if (r != 0) return r == RECORD_E_REFUSED ? error_prefix(VOLUME_E_REFUSED, "%s", v->path) : r;
        return enrol_write_token(v, t);
}

int accept_finish(const char *path, const Header *was, const Secret *header_key, const Secret *volume_key)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        int r;

        r = volume_open(path, &v);
        if (r == 0) r = volume_check(v, HEADER_USE_TOKEN);
        if (r == 0) r = volume_token(v, &t);
        if (r == 0) r = volume_verify_record(v, t, RECORD_TAG_VOLUME_KEY, volume_key);
        if (r == 0) r = record_same_volume(was, v->header);
        if (r == 0) r = record_write(v->header, t, header_key, volume_key);
        if (r != 0) return r == RECORD_E_REFUSED ? error_prefix(VOLUME_E_REFUSED, "%s", path) : r;
        return enrol_write_token(v, t);
}
