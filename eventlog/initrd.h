/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only: the cpio archives that systemd-stub makes of files it finds and of sections it holds
 * (systemd 252 to 259), byte for byte, since their digest is what PCR 12, 13 and 9 get. Format: the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst. */

#include "base/writer.h"
#include "eventlog/predict.h"

/* An archive of one directory and its files, in the order of their names. -EINVAL for a name that the stub would
 * pass over (not ASCII, hidden, longer than 255, another suffix) and for two of one name. */
_must_check_ int initrd_pack_extras(Writer *w, PredictedExtra kind, const ExtraFile *files, size_t n_files);
/* What the stub says it measured: "Credentials initrd". */
const char *initrd_extra_description(PredictedExtra kind);
/* An archive with /.extra/NAME alone, for sections that the initrd gets as files. */
void initrd_pack_section(Writer *w, const char *name, Bytes content);
