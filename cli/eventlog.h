/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the eventlog verbs share. */

#include "cli/verb.h"
#include "eventlog/interpret.h"
#include "eventlog/replay.h"
#include "json/value.h"

#define EVENTLOG_DEFAULT_PATH "/sys/kernel/security/tpm0/binary_bios_measurements"

/* A log and the bytes it views. */
typedef struct LogFile {
        const char *path;
        uint8_t *data;
        EventLog *log; /* NULL if not even its first record could be read */
        int result;    /* of eventlog_parse, or of reading the file */
        uint8_t *userspace_data;
        EventLog *userspace; /* what userspace measured behind it, NULL where that is not asked for */
} LogFile;

/* Reads and parses path, or the kernel's log if it is NULL; says on stderr what is wrong, once. */
void log_file_open(const char *path, LogFile *ret);
/* Reads systemd's log of userspace, to be replayed behind f's. Says on stderr what is wrong; nonzero then. */
_must_check_ int log_file_add_userspace(LogFile *f, const char *path);
void log_file_close(LogFile *f);
#define cleanup_log_file _cleanup_(log_file_close)

/* The values of both logs in a bank. */
_must_check_ int log_file_values(const LogFile *f, HashAlg bank, PcrValues *ret);
/* The same, and says on stderr which PCRs it cannot give. */
_must_check_ int log_file_replay(const LogFile *f, HashAlg bank, PcrValues *ret);
/* "crypto-agile", as JSON names it. */
const char *log_format_name(EventlogFormat format);
/* A hasher of the strongest bank of the log that can be computed: the last known one of a usual Spec ID is, but
 * not of every one. -EOPNOTSUPP where there is none. */
_must_check_ int log_choose_bank(const EventLog *log, Hasher **ret, HashAlg *ret_bank);
/* The last bank of a that b has, too. -EOPNOTSUPP. */
_must_check_ int log_common_bank(const EventLog *a, const EventLog *b, HashAlg *ret);
/* "0-7,9" as a mask; -EINVAL with a detail. */
_must_check_ int pcr_list_parse(const char *text, uint32_t *ret);
/* The PCRs whose value the replay gives. */
static inline uint32_t known_pcrs(const PcrValues *values)
{
        return values->extended & ~values->incomplete;
}

/* PCR values from a file: halfkey's own JSON ({"sha256": {"0": "hex"}}), or what tpm2_pcrread prints. */
typedef struct PcrFile {
        size_t n_banks;
        PcrValues banks[EVENTLOG_BANKS_MAX]; /* `extended` marks those the file names */
} PcrFile;

/* -EBADMSG with a detail that names the place. */
_must_check_ int pcr_file_parse(Bytes text, PcrFile *ret);
_must_check_ int pcr_file_open(const char *path, PcrFile *ret);
/* All PCRs of all banks of a TPM; tcti as tpm_open() takes it. -errno or TPM_E_*, with a detail. */
_must_check_ int pcr_tpm_read(const char *tcti, PcrFile *ret);
