/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only: what the readers of binary and of JSON logs share. */

#include "eventlog/eventlog.h"
#include "eventlog/locality.h"

/* -EBADMSG. The first fault stays: later ones are mostly its consequences. */
int eventlog_fault(EventLog *log, size_t offset, const char *fmt, ...) _printf_(3, 4);
/* -ENOMEM, or a fault above EVENTLOG_EVENTS_MAX. *capacity starts at 0 and is this function's. */
_must_check_ int eventlog_add_event(EventLog *log, size_t *capacity, const Event *event);
/* Faults and quirks of an event that are not its format's. */
void eventlog_check_event(EventLog *log, const Event *event);
/* TCG_EfiSpecIDEvent: banks and sizes of the log. */
_must_check_ int eventlog_read_spec_id(EventLog *log, Reader *r);
