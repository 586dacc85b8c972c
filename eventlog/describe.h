/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Events in words. All text is valid UTF-8 on one line: what a log holds of control characters (terminal
 * escapes among them), bidirectional overrides and broken encodings comes out as \xNN or \uNNNN. */

#include "eventlog/eventlog.h"

/* One line on what the event measured, without its type name: "SecureBoot = on", "dbx (4 kB)",
 * "PciRoot(0x0)/Pci(0x1f,0x2)/.../\EFI\debian\shimx64.efi", "separator", "grub: linux /vmlinuz ...". Cut at the
 * buffer with "..."; empty where there is nothing to say. */
void eventlog_event_describe(const EventLog *log, const Event *event, char ret[static EVENTLOG_TEXT_SIZE]);
/* "event 17 (PCR 4, EV_EFI_BOOT_SERVICES_APPLICATION: \EFI\BOOT\BOOTX64.EFI)", for sentences. */
void eventlog_event_name(const EventLog *log, const Event *event, char ret[static EVENTLOG_TEXT_SIZE]);
