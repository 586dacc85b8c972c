/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only. */

#include "eventlog/eventlog.h"

/* Whether the event is StartupLocality (PFP 10.4.5.3), and the locality it states. */
bool eventlog_startup_locality(const Event *event, uint8_t *ret);
