/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only: the TCG structures in event data that take more than a line to read. Each returns false,
 * with nothing in t, where the data is not that structure. */

#include "eventlog/text.h"

/* EV_NO_ACTION: "SP800-155 Event", Event2 and Event3 (PFP 1.06 section 10.4.5.2): which reference manifest. */
bool describe_reference_manifest(Bytes data, Text *t);
/* The names a SP800-155 Event2 or Event3 gives, empty where it has none; false for another event. */
typedef struct ManifestNames {
        Bytes platform_manufacturer, platform_model, platform_version;
        Bytes firmware_manufacturer, firmware_version;
} ManifestNames;
bool manifest_names(Bytes data, ManifestNames *ret);

/* EV_EFI_SPDM_*: TCG_DEVICE_SECURITY_EVENT_DATA, versions 1 and 2 (PFP 1.06 section 10.2.7). */
bool describe_device_security(Bytes data, Text *t);
/* EV_EFI_HANDOFF_TABLES and its second form, behind its description: which tables. */
bool describe_tables(Reader *r, Text *t);
/* EV_EFI_GPT_EVENT: UEFI_GPT_DATA, the header of UEFI 2.10 section 5.3.2, a number of partitions, their entries.
 */
bool describe_gpt(Bytes data, Text *t);
/* EV_EVENT_TAG: TCG_PCClientTaggedEvent, one or several (the kernel's EFI stub, systemd, Windows). */
bool describe_tagged(Bytes data, Text *t);
