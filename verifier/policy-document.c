/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading a policy. Every function that reads a value knows its path, for the message: a policy is written by hand
 * and a mistake in it locks nodes out. */

#include "verifier/policy-document.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "json/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 128 };

/* A value and where it stands. */
typedef struct At {
        const JsonValue *v; /* NULL: absent */
        char path[PATH_SIZE];
} At;

static int fail(const At *at, const char *what)
{
        return error_set(-EBADMSG, "%s: %s", at->path[0] ? at->path : "$", what);
}

static int wrong(int r, const At *at)
{
        return r < 0 ? error_prefix(r == -ERANGE || r == -EINVAL ? -EBADMSG : r, "%s", at->path) : r;
}

/* Absent members are no error here: at->v is NULL. */
static int member(const At *of, const char *key, At *ret)
{
        At at = { 0 };
        int r;

        (void)snprintf(at.path, sizeof(at.path), "%.90s.%.30s", of->path, key);
        r = json_value_member(of->v, key, &at.v);
        if (r < 0 && r != -ENOENT) return wrong(r, of);
        if (r == 0 && !at.v) return fail(&at, "null");
        *ret = at;
        return 0;
}

static int element(const At *of, size_t i, At *ret)
{
        At at = { 0 };
        int r;

        (void)snprintf(at.path, sizeof(at.path), "%.100s[%zu]", of->path, i);
        r = json_value_element(of->v, i, &at.v);
        if (r == 0) *ret = at;
        return r;
}

static int only_keys(const At *at, const char *const *keys)
{
        return wrong(json_value_only_keys(at->v, keys), at);
}

/* An array of at most max elements. */
static int count_of(const At *at, size_t max, size_t *ret)
{
        if (json_value_kind(at->v) != JSON_ARRAY) return fail(at, "not an array");
        *ret = json_value_count(at->v);
        return *ret > max ? fail(at, "too many elements") : 0;
}

static int read_bool(const At *of, const char *key, bool *ret)
{
        At at;
        int r;

        r = member(of, key, &at);
        if (r < 0 || !at.v) return r;
        return wrong(json_value_bool(at.v, ret), &at);
}

static int read_number(const At *of, const char *key, uint64_t *ret)
{
        int64_t v = 0;
        At at;
        int r;

        r = member(of, key, &at);
        if (r < 0 || !at.v) return r;
        r = wrong(json_value_int(at.v, 0, INT64_MAX, &v), &at);
        if (r == 0) *ret = (uint64_t)v;
        return r;
}

static bool is_printable(const char *text)
{
        Reader r = READER_INIT(BYTES(text, strlen(text)));
        uint32_t c;

        while (reader_left(&r) > 0)
                if (utf8_decode(&r, &c) < 0 || !utf8_printable(c)) return false;
        return true;
}

static int text_at(const At *at, size_t max, const char **ret)
{
        int r;

        r = wrong(json_value_text(at->v, ret), at);
        if (r < 0) return r;
        if (strlen(*ret) > max) return fail(at, "too long");
        return is_printable(*ret) ? 0 : fail(at, "has characters that cannot be shown");
}

static int read_text(const At *of, const char *key, char *dst, size_t max)
{
        const char *text;
        At at;
        int r;

        r = member(of, key, &at);
        if (r < 0 || !at.v) return r;
        r = text_at(&at, max, &text);
        if (r == 0) (void)snprintf(dst, max + 1, "%s", text);
        return r;
}

static int read_texts(const At *of, const char *key, PolicyTexts *ret)
{
        const char *text;
        size_t n = 0;
        At at, e;
        int r;

        r = member(of, key, &at);
        if (r < 0 || !at.v) return r;
        r = count_of(&at, POLICY_TEXTS_MAX, &n);
        for (size_t i = 0; i < n && r == 0; i++) {
                r = element(&at, i, &e);
                if (r == 0) r = text_at(&e, POLICY_TEXT_MAX, &text);
                if (r == 0 && !text[0]) r = fail(&e, "empty");
                if (r < 0) return r;
                ret->text[i] = strdup(text);
                if (!ret->text[i]) return -ENOMEM;
                ret->n++;
        }
        return r;
}

/* bank: SHA-384 is good too. */
static int read_digest(const At *at, bool bank, Digest *ret)
{
        const char *text;
        Digest d;
        int r;

        r = text_at(at, (size_t)2 * HASH_SIZE_MAX, &text);
        if (r < 0) return r;
        d = (Digest){ .alg = HASH_SHA256, .size = strlen(text) / 2 };
        if (bank && d.size == hash_size(HASH_SHA384)) d.alg = HASH_SHA384;
        if (d.size != hash_size(d.alg) || hex_decode(text, d.bytes, d.size) < 0)
                return fail(at, bank ? "not a digest of 64 or 96 hex digits" : "not a SHA-256 of 64 hex digits");
        *ret = d;
        return 0;
}

static int digests_at(const At *at, bool bank, PolicyDigests *ret)
{
        size_t n = 0;
        At e;
        int r;

        r = count_of(at, POLICY_DIGESTS_MAX, &n);
        if (r < 0 || n == 0) return r;
        ret->digest = calloc(n, sizeof(*ret->digest));
        if (!ret->digest) return -ENOMEM;
        for (size_t i = 0; i < n && r == 0; i++) {
                r = element(at, i, &e);
                if (r == 0) r = read_digest(&e, bank, &ret->digest[i]);
                if (r == 0) ret->n++;
        }
        return r;
}

static int read_digests(const At *of, const char *key, bool bank, PolicyDigests *ret, bool *ret_present)
{
        At at;
        int r;

        r = member(of, key, &at);
        if (r < 0 || !at.v) return r;
        if (ret_present) *ret_present = true;
        return digests_at(&at, bank, ret);
}

/* ---- rules ---------------------------------------------------------------------------------------------- */

static int read_keys(const At *of, const char *key, PolicyKeys *ret)
{
        static const char *const keys[] = { "lists", "certificates", NULL };
        At at;
        int r;

        r = member(of, key, &at);
        if (r < 0 || !at.v) return r;
        r = only_keys(&at, keys);
        if (r == 0) r = read_digests(&at, "lists", false, &ret->lists, NULL);
        if (r == 0) r = read_digests(&at, "certificates", false, &ret->certificates, NULL);
        if (r == 0 && ret->lists.n + ret->certificates.n == 0) r = fail(&at, "neither lists nor certificates");
        ret->present = true;
        return r;
}

static int read_secure_boot(const At *top, PolicyDocument *p)
{
        static const char *const keys[] = { "enabled", "PK", "KEK", "db", NULL };
        At at, enabled;
        int r;

        r = member(top, "secure_boot", &at);
        if (r < 0 || !at.v) return r;
        p->secure_boot.present = true;
        r = only_keys(&at, keys);
        if (r == 0) r = member(&at, "enabled", &enabled);
        if (r == 0 && !enabled.v) r = fail(&enabled, "missing: must Secure Boot be on?");
        if (r == 0) r = read_bool(&at, "enabled", &p->secure_boot.enabled);
        if (r == 0) r = read_keys(&at, "PK", &p->secure_boot.pk);
        if (r == 0) r = read_keys(&at, "KEK", &p->secure_boot.kek);
        if (r == 0) r = read_keys(&at, "db", &p->secure_boot.db);
        return r;
}

static int read_images(const At *top, PolicyDocument *p)
{
        static const char *const keys[] = { "digests", "by_authority", NULL };
        At at;
        int r;

        r = member(top, "images", &at);
        if (r < 0 || !at.v) return r;
        p->images.present = true;
        r = only_keys(&at, keys);
        if (r == 0) r = read_digests(&at, "digests", true, &p->images.digests, NULL);
        if (r == 0) r = read_bool(&at, "by_authority", &p->images.by_authority);
        if (r == 0 && p->images.by_authority && (!p->authorities.present || !p->secure_boot.enabled))
                r = fail(&at, "by_authority needs secure_boot.enabled and authorities");
        return r;
}

static int read_command_line(const At *top, PolicyDocument *p)
{
        static const char *const keys[] = { "exact", "require", "forbid", NULL };
        At at;
        int r;

        r = member(top, "command_line", &at);
        if (r < 0 || !at.v) return r;
        p->command_line.present = true;
        r = only_keys(&at, keys);
        if (r == 0) r = read_texts(&at, "exact", &p->command_line.exact);
        if (r == 0) r = read_texts(&at, "require", &p->command_line.require);
        if (r == 0) r = read_texts(&at, "forbid", &p->command_line.forbid);
        return r;
}

typedef struct Walk {
        const At *of;
        PolicyDocument *p;
} Walk;

static int read_section(const char *key, const JsonValue *value, void *userdata)
{
        const Walk *w = userdata;
        PolicySection *s;
        const char *text;
        At at;
        int r;

        r = member(w->of, key, &at);
        if (r < 0) return r;
        if (w->p->uki.n == POLICY_SECTIONS_MAX) return fail(&at, "too many sections");
        s = &w->p->uki.section[w->p->uki.n];
        if (key[0] != '.' || strlen(key) > POLICY_SECTION_NAME_MAX) return fail(&at, "no name of a section");
        (void)snprintf(s->name, sizeof(s->name), "%s", key);
        w->p->uki.n++;
        if (json_value_kind(value) != JSON_TEXT) return digests_at(&at, true, &s->digests);
        r = text_at(&at, 8, &text);
        if (r == 0 && strcmp(text, "any") != 0) r = fail(&at, "neither digests nor \"any\"");
        s->any = true;
        return r;
}

static int read_uki(const At *top, PolicyDocument *p)
{
        At at;
        int r;

        r = member(top, "uki", &at);
        if (r < 0 || !at.v) return r;
        p->uki.present = true;
        return json_value_kind(at.v) == JSON_OBJECT
                       ? json_value_each(at.v, read_section, &(Walk){ .of = &at, .p = p })
                       : fail(&at, "not an object");
}

static int read_dbx(const At *top, PolicyDocument *p)
{
        static const char *const keys[] = { "include", "count", "monotonic", NULL };
        At at;
        int r;

        r = member(top, "dbx", &at);
        if (r < 0 || !at.v) return r;
        p->dbx.present = true;
        r = only_keys(&at, keys);
        if (r == 0) r = read_digests(&at, "include", false, &p->dbx.include, NULL);
        if (r == 0) r = read_number(&at, "count", &p->dbx.count);
        if (r == 0) r = read_bool(&at, "monotonic", &p->dbx.monotonic);
        return r;
}

static int read_component(const char *key, const JsonValue *value, void *userdata)
{
        const Walk *w = userdata;
        PolicyComponent *c;
        At at;
        int r;

        (void)value;
        r = member(w->of, key, &at);
        if (r < 0) return r;
        if (w->p->sbat.n == POLICY_COMPONENTS_MAX) return fail(&at, "too many components");
        if (!key[0] || strlen(key) > POLICY_SECTION_NAME_MAX) return fail(&at, "no name of a component");
        c = &w->p->sbat.component[w->p->sbat.n++];
        (void)snprintf(c->name, sizeof(c->name), "%s", key);
        return read_number(w->of, key, &c->generation);
}

static int read_sbat(const At *top, PolicyDocument *p)
{
        static const char *const keys[] = { "level", "components", "monotonic", NULL };
        At at, components = { 0 };
        int r;

        r = member(top, "sbat", &at);
        if (r < 0 || !at.v) return r;
        p->sbat.present = true;
        r = only_keys(&at, keys);
        if (r == 0) r = read_number(&at, "level", &p->sbat.level);
        if (r == 0) r = read_bool(&at, "monotonic", &p->sbat.monotonic);
        if (r == 0) r = member(&at, "components", &components);
        if (r < 0 || !components.v) return r;
        if (json_value_kind(components.v) != JSON_OBJECT) return fail(&components, "not an object");
        return json_value_each(components.v, read_component, &(Walk){ .of = &components, .p = p });
}

static int read_firmware(const At *top, PolicyDocument *p)
{
        static const char *const keys[] = { "versions", "minimum", "monotonic", NULL };
        At at;
        int r;

        r = member(top, "firmware", &at);
        if (r < 0 || !at.v) return r;
        p->firmware.present = true;
        r = only_keys(&at, keys);
        if (r == 0) r = read_texts(&at, "versions", &p->firmware.versions);
        if (r == 0) r = read_text(&at, "minimum", p->firmware.minimum, POLICY_VERSION_MAX);
        if (r == 0) r = read_bool(&at, "monotonic", &p->firmware.monotonic);
        return r;
}

/* ---- selection and PCRs --------------------------------------------------------------------------------- */

static int read_label(const char *key, const JsonValue *value, void *userdata)
{
        const Walk *w = userdata;
        const char *text;
        At at;
        int r;

        (void)value;
        r = member(w->of, key, &at);
        if (r == 0) r = text_at(&at, LABEL_VALUE_MAX, &text);
        if (r < 0) return r;
        r = labels_set(&w->p->nodes, key, text);
        return r < 0 ? error_prefix(-EBADMSG, "%s", at.path) : 0;
}

static int read_nodes(const At *top, PolicyDocument *p)
{
        At at;
        int r;

        r = member(top, "nodes", &at);
        if (r < 0) return r;
        if (!at.v || json_value_kind(at.v) != JSON_OBJECT)
                return fail(&at, "which labels must a node have? {} means every node");
        return json_value_each(at.v, read_label, &(Walk){ .of = &at, .p = p });
}

static int read_pcrs(const At *top, PolicyDocument *p)
{
        int64_t pcr = 0;
        size_t n = 0;
        At at, e;
        int r;

        r = member(top, "pcrs", &at);
        if (r < 0 || !at.v) return r;
        r = count_of(&at, POLICY_PCR_COUNT, &n);
        for (size_t i = 0; i < n && r == 0; i++) {
                r = element(&at, i, &e);
                if (r == 0) r = wrong(json_value_int(e.v, 0, POLICY_PCR_COUNT - 1, &pcr), &e);
                if (r == 0 && !(POLICY_DOCUMENT_PCRS >> pcr & 1))
                        r = fail(&e, "this PCR is not quoted, or is the cap's");
                if (r == 0) p->pcrs |= 1U << pcr;
        }
        return r;
}

static int read_value(const char *key, const JsonValue *value, void *userdata)
{
        const Walk *w = userdata;
        unsigned long pcr;
        char *end;
        At at;
        int r;

        (void)value;
        r = member(w->of, key, &at);
        if (r < 0) return r;
        pcr = strtoul(key, &end, 10);
        if (key[0] < '0' || key[0] > '9' || (key[0] == '0' && key[1]) || *end || pcr >= POLICY_PCR_COUNT ||
            !(POLICY_DOCUMENT_PCRS >> pcr & 1))
                return fail(&at, "no number of a quoted PCR");
        r = digests_at(&at, true, &w->p->golden[pcr]);
        if (r == 0 && w->p->golden[pcr].n == 0) r = fail(&at, "empty");
        w->p->golden_pcrs |= 1U << pcr;
        return r;
}

static int read_golden(const At *top, PolicyDocument *p)
{
        At at;
        int r;

        r = member(top, "golden", &at);
        if (r < 0 || !at.v) return r;
        return json_value_kind(at.v) == JSON_OBJECT
                       ? json_value_each(at.v, read_value, &(Walk){ .of = &at, .p = p })
                       : fail(&at, "not an object");
}

/* A PCR is covered by a rule for its events, or by its values. */
static int check_covered(const PolicyDocument *p)
{
        const uint32_t ruled = (p->images.present ? 1U << 4 : 0) |
                               (p->secure_boot.enabled && p->authorities.present ? 1U << 7 : 0) |
                               (p->files.present && p->command_line.present ? 1U << 9 : 0) |
                               (p->uki.present ? 1U << 11 : 0) | (p->command_line.present ? 1U << 12 : 0) |
                               p->golden_pcrs;
        const uint32_t open = p->pcrs & ~ruled;

        if (!open) return 0;
        return error_set(
                -EBADMSG,
                "$.pcrs: PCR %d is covered and nothing says what may be in it (4: images, 7: secure_boot.enabled "
                "and authorities, 9: files and command_line, 11: uki, 12: command_line; or golden)",
                __builtin_ctz(open));
}

/* What shim measures of SBAT is only as good as shim: an old one that an authority vouches for, too, or anything
 * that comes in shim's place, can measure the level it likes. So what is loaded is known by its digest or value,
 * or left to the adopted boot. */
static int check_sbat(const PolicyDocument *p)
{
        if (!p->sbat.present || !(p->pcrs >> 4 & 1) || p->golden_pcrs >> 4 & 1 || !p->images.by_authority)
                return 0;
        return error_set(-EBADMSG,
                         "$.sbat: needs images.digests without by_authority, golden.4, or a PCR 4 that is not "
                         "covered: an old shim measures any level");
}

bool policy_name_is_good(const char *name)
{
        return name[0] && strlen(name) <= POLICY_NAME_MAX &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(name);
}

static int read_head(const At *top, PolicyDocument *p)
{
        static const char *const keys[] = { "version",      "name",        "description", "nodes",
                                            "pcrs",         "secure_boot", "authorities", "images",
                                            "command_line", "files",       "uki",         "dbx",
                                            "sbat",         "firmware",    "golden",      NULL };
        char description[POLICY_TEXT_MAX + 1];
        uint64_t version = 0;
        int r;

        if (json_value_kind(top->v) != JSON_OBJECT) return fail(top, "not an object");
        r = only_keys(top, keys);
        if (r == 0) r = read_number(top, "version", &version);
        if (r == 0 && version != 1) r = error_set(-EBADMSG, "$.version: not 1");
        if (r == 0) r = read_text(top, "name", p->name, POLICY_NAME_MAX);
        if (r == 0 && !policy_name_is_good(p->name))
                r = error_set(-EBADMSG, "$.name: missing, or not of a-z 0-9 . _ - alone");
        if (r == 0) r = read_text(top, "description", description, POLICY_TEXT_MAX);
        return r;
}

static int read_all(const At *top, PolicyDocument *p)
{
        int r;

        r = read_head(top, p);
        if (r == 0) r = read_nodes(top, p);
        if (r == 0) r = read_pcrs(top, p);
        if (r == 0) r = read_secure_boot(top, p);
        if (r == 0) r = read_digests(top, "authorities", false, &p->authorities.digests, &p->authorities.present);
        if (r == 0) r = read_images(top, p);
        if (r == 0) r = read_command_line(top, p);
        if (r == 0) r = read_digests(top, "files", true, &p->files.digests, &p->files.present);
        if (r == 0) r = read_uki(top, p);
        if (r == 0) r = read_dbx(top, p);
        if (r == 0) r = read_sbat(top, p);
        if (r == 0) r = read_firmware(top, p);
        if (r == 0) r = read_golden(top, p);
        if (r == 0) r = check_covered(p);
        if (r == 0) r = check_sbat(p);
        return r;
}

int policy_document_parse(Bytes text, PolicyDocument **ret)
{
        cleanup_policy_document PolicyDocument *p = calloc(1, sizeof(*p));
        cleanup_json JsonValue *json = NULL;
        At top = { .path = "$" };
        int r;

        if (!p) return -ENOMEM;
        r = json_value_parse(text, POLICY_SIZE_MAX, &json);
        if (r < 0) return r;
        top.v = json;
        r = read_all(&top, p);
        if (r < 0) return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static void free_texts(PolicyTexts *t)
{
        for (size_t i = 0; i < t->n; i++) free(t->text[i]);
}

static void free_keys(PolicyKeys *k)
{
        free(k->lists.digest);
        free(k->certificates.digest);
}

void policy_document_free(PolicyDocument *p)
{
        if (!p) return;
        free_keys(&p->secure_boot.pk);
        free_keys(&p->secure_boot.kek);
        free_keys(&p->secure_boot.db);
        free(p->authorities.digests.digest);
        free(p->images.digests.digest);
        free_texts(&p->command_line.exact);
        free_texts(&p->command_line.require);
        free_texts(&p->command_line.forbid);
        free(p->files.digests.digest);
        for (size_t i = 0; i < p->uki.n; i++) free(p->uki.section[i].digests.digest);
        free(p->dbx.include.digest);
        free_texts(&p->firmware.versions);
        for (size_t i = 0; i < POLICY_PCR_COUNT; i++) free(p->golden[i].digest);
        free(p);
}
