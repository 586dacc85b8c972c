/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two forms: halfkey's JSON, and the YAML that tpm2_pcrread prints:
 *   sha256:
 *     0 : 0x3D45...
 * of which exactly these two kinds of line are understood. */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/hex.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
        /* 8 banks of 24 PCRs in 128 digits each, generously indented. */
        PCR_FILE_MAX = 64 * 1024,
};

static int add_bank(PcrFile *f, const char *name)
{
        HashAlg bank;
        int r;

        r = hash_from_name(name, &bank);
        if (r < 0) return error_prefix(-EBADMSG, "not a bank");
        for (size_t i = 0; i < f->n_banks; i++)
                if (f->banks[i].bank == bank) return error_set(-EBADMSG, "bank %s twice", name);
        if (f->n_banks == EVENTLOG_BANKS_MAX) return error_set(-EBADMSG, "more than %d banks", EVENTLOG_BANKS_MAX);
        f->banks[f->n_banks++] = (PcrValues){ .bank = bank };
        return 0;
}

static int add_value(PcrValues *values, const char *index, const char *hex)
{
        char *end;
        const unsigned long pcr = strtoul(index, &end, 10);

        if (*index < '0' || *index > '9' || *end || pcr >= EVENTLOG_PCRS)
                return error_set(-EBADMSG, "'%s' is no PCR index, those are 0 to %d", index, EVENTLOG_PCRS - 1);
        if (values->extended >> pcr & 1) return error_set(-EBADMSG, "PCR %lu twice", pcr);
        if (hex_decode(hex, values->value[pcr], hash_size((uint16_t)values->bank)) < 0)
                return error_set(-EBADMSG, "PCR %lu is not %zu bytes in hex digits", pcr,
                                 hash_size((uint16_t)values->bank));
        values->extended |= UINT32_C(1) << pcr;
        return 0;
}

/* ---- JSON ------------------------------------------------------------------------------------------- */

static int visit_value(const char *key, const JsonValue *value, void *context)
{
        const char *hex;
        int r;

        r = json_value_text(value, &hex);
        if (r < 0) return error_prefix(r, "PCR %s", key);
        return add_value(context, key, hex);
}

static int visit_bank(const char *key, const JsonValue *value, void *context)
{
        PcrFile *f = context;
        int r;

        r = add_bank(f, key);
        if (r < 0) return r;
        r = json_value_each(value, visit_value, &f->banks[f->n_banks - 1]);
        return r < 0 ? error_prefix(r, "%s", key) : 0;
}

static int parse_json(Bytes text, PcrFile *f)
{
        cleanup_json JsonValue *document = NULL;
        int r;

        r = json_value_parse(text, PCR_FILE_MAX, &document);
        if (r < 0) return r;
        return json_value_each(document, visit_bank, f);
}

/* ---- tpm2_pcrread ------------------------------------------------------------------------------------ */

/* "NAME:" or "N : 0xHEX"; the line is ours to change. */
static int parse_line(char *line, PcrFile *f)
{
        char *key = line + strspn(line, " \t"), *colon = strchr(key, ':'), *value;

        if (!*key) return 0;
        if (!colon) return error_set(-EBADMSG, "neither a bank nor a PCR value");
        value = colon + 1 + strspn(colon + 1, " \t");
        *colon = '\0';
        key[strcspn(key, " \t")] = '\0';
        value[strcspn(value, " \t\r")] = '\0';
        if (!*value) return add_bank(f, key);
        if (f->n_banks == 0) return error_set(-EBADMSG, "a PCR value before any bank");
        if (strncmp(value, "0x", 2) == 0) value += 2;
        return add_value(&f->banks[f->n_banks - 1], key, value);
}

static int parse_yaml(Bytes text, PcrFile *f)
{
        cleanup_free char *copy = strndup((const char *)text.data, text.size);
        char *next = copy;
        unsigned number = 0;

        if (!copy) return -ENOMEM;
        while (next) {
                char *line = strsep(&next, "\n");
                int r;

                number++;
                r = parse_line(line, f);
                if (r < 0) return error_prefix(r, "line %u", number);
        }
        return 0;
}

int pcr_file_parse(Bytes text, PcrFile *ret)
{
        PcrFile f = { 0 };
        size_t at = 0;
        int r;

        while (at < text.size && strchr(" \t\r\n", text.data[at])) at++;
        r = at < text.size && text.data[at] == '{' ? parse_json(text, &f) : parse_yaml(text, &f);
        if (r < 0) return r;
        if (f.n_banks == 0) return error_set(-EBADMSG, "no PCR values");
        *ret = f;
        return 0;
}

int pcr_file_open(const char *path, PcrFile *ret)
{
        cleanup_free uint8_t *data = NULL;
        size_t size;
        int r;

        r = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, PCR_FILE_MAX, &data, &size);
        if (r < 0) return r;
        r = pcr_file_parse(BYTES(data, size), ret);
        return r < 0 ? error_prefix(r, "%s", path) : 0;
}
