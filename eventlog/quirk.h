/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only. */

#include "eventlog/eventlog.h"

/* Sets the quirk, first shown by this event. */
void eventlog_quirk_set(EventLog *log, EventlogQuirk q, uint32_t event);
/* Looks at the events of a parsed log for quirks that need no hashing. */
void eventlog_note_quirks(EventLog *log);
