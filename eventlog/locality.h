/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only. */

#include "eventlog/eventlog.h"

/* Whether the event is StartupLocality (PFP 10.4.5.3), and the locality it states. */
bool eventlog_startup_locality(const Event *event, uint8_t *ret);

/* Whether the event is the Spec ID of a crypto-agile log (PFP 10.4.5.1). */
bool eventlog_is_spec_id(const Event *event);

/* The value a PCR had before its first event. */
void eventlog_start_value(const EventLog *log, HashAlg bank, uint32_t pcr, uint8_t ret[static HASH_SIZE_MAX]);
