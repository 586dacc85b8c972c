/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only: logs as JSON. */

#include "eventlog/eventlog.h"

/* Whether the bytes are to be read as JSON: no binary log begins with such a byte, for its PCR index would be out
 * of range. */
bool cel_recognise(Bytes bytes);
/* Reads all records into the log, whose bytes are set. 0 or -EBADMSG with log->fault set, as far as it could be
 * read; -ENOMEM. */
_must_check_ int cel_read(EventLog *log);
