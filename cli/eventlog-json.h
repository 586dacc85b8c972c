/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A log as JSON: what `show --format json` and `export --format json` print, and what can be read again. */

#include "eventlog/interpret.h"
#include "json/writer.h"

/* Hex, its key and the words take a few times the log's size. */
#define EVENTLOG_OUTPUT_MAX ((size_t)16 * EVENTLOG_SIZE_MAX)

/* Members in front of the events: format, banks, quirks, fault, and with a bank the summary. */
_must_check_ int eventlog_json_heading(JsonWriter *w, const EventLog *log, const HashAlg *bank);
/* One event as an object of the array "events". */
void eventlog_json_event(JsonWriter *w, const EventLog *log, const Event *event, EventlogProof proof);
