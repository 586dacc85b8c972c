/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "eventlog/meaning.h"

#include "eventlog/proof.h"
#include "eventlog/signature.h"
#include "eventlog/text.h"
#include "eventlog/variable.h"

#include <errno.h>
#include <string.h>

enum { GUID_SIZE = 16, DER_SEQUENCE = 0x30, WIDE_TEXT_MAX = 16384 };

static const uint8_t guid_global[GUID_SIZE] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                                0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
static const uint8_t guid_security[GUID_SIZE] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                                  0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };

/* Short ASCII out of UTF-16LE; "" where it is something else. */
static void ascii_name(Bytes utf16, char ret[static EVENTLOG_NAME_SIZE])
{
        size_t n = utf16.size / 2;

        ret[0] = '\0';
        while (n > 0 && utf16.data[2 * n - 1] == 0 && utf16.data[2 * n - 2] == 0) n--;
        if (n >= EVENTLOG_NAME_SIZE || utf16.size % 2 != 0) return;
        for (size_t i = 0; i < n; i++) {
                const uint8_t c = utf16.data[2 * i];

                if (utf16.data[2 * i + 1] != 0 || c < ' ' || c > '~') {
                        ret[0] = '\0';
                        return;
                }
                ret[i] = (char)c;
                ret[i + 1] = '\0';
        }
}

static bool is_separator(Prover *p, const Event *event)
{
        static const uint8_t values[][4] = { { 0 }, { 0xff, 0xff, 0xff, 0xff } };

        return prover_matches_bytes(p, event, BYTES_ARRAY(values[0])) ||
               prover_matches_bytes(p, event, BYTES_ARRAY(values[1]));
}

/* PFP 1.06 sections 3.3.4.5, 3.3.4.6 and 10.4.4. The failure of Exit Boot Services is not among them. */
static bool is_action(Prover *p, const Event *event)
{
        static const char *const texts[] = {
                "Calling EFI Application from Boot Option",
                "Returning from EFI Application from Boot Option",
                "Exit Boot Services Invocation",
                "Exit Boot Services Returned with Success",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (prover_matches_bytes(p, event, BYTES(texts[i], strlen(texts[i])))) return true;
        return false;
}

static bool is_section(Prover *p, const Event *event, char ret[static EVENTLOG_NAME_SIZE])
{
        static const char *const names[] = { ".linux",  ".osrel",   ".cmdline", ".initrd", ".ucode",
                                             ".splash", ".dtb",     ".dtbauto", ".hwids",  ".uname",
                                             ".sbat",   ".pcrpkey", ".profile" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (!prover_matches_bytes(p, event, BYTES(names[i], strlen(names[i]) + 1))) continue;
                memcpy(ret, names[i], strlen(names[i]) + 1);
                return true;
        }
        return false;
}

/* All of the data is under the digest, so its label is not needed to read it; what is read so may still be
 * something else that has the form of a variable, and a variable's place says whose it is. */
static bool is_variable(Prover *p, const Event *event, EventlogMeaning *ret)
{
        Variable v;

        if (variable_parse(event->data, &v) < 0) return false;
        if (v.trailing > 0 || !prover_matches_bytes(p, event, event->data)) return false;
        ascii_name(v.name, ret->name);
        ret->global = bytes_equal(v.guid, BYTES_ARRAY(guid_global));
        ret->security = bytes_equal(v.guid, BYTES_ARRAY(guid_security));
        ret->value = v.value;
        ret->data = event->data;
        while (v.name.size >= 2 && v.name.data[v.name.size - 1] == 0 && v.name.data[v.name.size - 2] == 0)
                v.name.size -= 2; /* as ascii_name() does */
        ret->setting = !authority_vouches(&v);
        return true;
}

static bool is_version(Prover *p, const Event *event, char ret[static EVENTLOG_NAME_SIZE])
{
        if (event->type != EV_S_CRTM_VERSION || !prover_matches_bytes(p, event, event->data)) return false;
        ascii_name(event->data, ret);
        return true;
}

static EventlogMeaningKind kind_of(Prover *p, const Event *event, EventlogMeaning *ret)
{
        if (is_separator(p, event)) return EVENTLOG_MEANING_SEPARATOR;
        if (is_variable(p, event, ret)) return EVENTLOG_MEANING_VARIABLE;
        if (is_version(p, event, ret->name)) return EVENTLOG_MEANING_VERSION;
        if (is_action(p, event)) return EVENTLOG_MEANING_ACTION;
        if (is_section(p, event, ret->name)) return EVENTLOG_MEANING_SECTION;
        return EVENTLOG_MEANING_OTHER;
}

int eventlog_meaning(const EventLog *log, const Event *event, Hasher *hasher, HashAlg bank, EventlogMeaning *ret)
{
        Prover p = { .log = log, .bank = bank, .hasher = hasher };
        EventlogMeaning m = { 0 };

        if (eventlog_event_extends(event)) m.kind = kind_of(&p, event, &m);
        if (p.error < 0) return p.error;
        *ret = m;
        return 0;
}

int eventlog_is_wide_text(const EventLog *log, const Event *event, Hasher *hasher, HashAlg bank, const char *text,
                          bool *ret)
{
        Prover p = { .log = log, .bank = bank, .hasher = hasher };
        cleanup_writer Writer w = WRITER_INIT(WIDE_TEXT_MAX);
        Bytes wide;
        int r;

        r = text_to_utf16(BYTES(text, strlen(text)), &w);
        if (r == 0) r = writer_finish(&w, &wide);
        if (r < 0) return r;
        *ret = prover_matches_bytes(&p, event, wide) ||
               (wide.size >= 2 && prover_matches_bytes(&p, event, BYTES(wide.data, wide.size - 2)));
        return p.error;
}

static int describe(bool certificate, bool hash, Bytes data, EventlogSignature *ret)
{
        EventlogSignature s = { .certificate = certificate };

        if (hash && data.size == SHA256_SIZE) {
                memcpy(s.sha256, data.data, SHA256_SIZE);
        } else {
                const int r = hash_sha256(data, s.sha256);

                if (r < 0) return r;
        }
        *ret = s;
        return 0;
}

int eventlog_signatures_each(Bytes value, int (*visit)(const EventlogSignature *s, void *userdata), void *userdata)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(value);
        EventlogSignature s;
        Signature entry;
        int r;

        for (;;) {
                r = signature_next(&c, &entry);
                if (r <= 0) return r;
                r = describe(entry.kind == SIGNATURE_X509, entry.kind == SIGNATURE_SHA256, entry.data, &s);
                if (r == 0) r = visit(&s, userdata);
                if (r != 0) return r;
        }
}

int eventlog_authority(Bytes value, EventlogSignature *ret)
{
        const bool has_owner = value.size > GUID_SIZE;
        const Bytes data = has_owner ? BYTES(value.data + GUID_SIZE, value.size - GUID_SIZE) : (Bytes){ 0 };

        if (value.size > 0 && value.data[0] == DER_SEQUENCE && value.size != GUID_SIZE + SHA256_SIZE)
                return describe(true, false, value, ret);
        if (value.size == GUID_SIZE + SHA256_SIZE) return describe(false, true, data, ret);
        if (has_owner && data.data[0] == DER_SEQUENCE) return describe(true, false, data, ret);
        return describe(false, false, value, ret);
}
