/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/policy-judge.h"

#include "base/error.h"
#include "eventlog/describe.h"
#include "eventlog/interpret.h"
#include "eventlog/meaning.h"
#include "verifier/command-line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PCR_FIRMWARE = 0, PCR_IMAGES = 4, PCR_STATE = 7, PCR_FILES = 9, PCR_UKI = 11, PCR_OPTIONS = 12 };

typedef struct Config {
        const Event *event; /* NULL: not seen */
        Bytes value;
} Config;

/* What firmware measures of its configuration in PCR 7, PFP 1.06 section 3.3.4.8. */
enum { CONFIG_PK, CONFIG_KEK, CONFIG_DB, CONFIG_DBX, CONFIG_COUNT = 10 };
static const char *const config_names[CONFIG_COUNT] = { "PK",        "KEK",         "db",         "dbx",
                                                        "dbt",       "dbr",         "SecureBoot", "SetupMode",
                                                        "AuditMode", "DeployedMode" };

/* The lowest value that an event has. */
typedef struct SbatFound {
        const Event *event; /* NULL: none */
        uint64_t value;
} SbatFound;

typedef struct Judge {
        const PolicyDocument *p;
        const PolicyBoot *boot;
        Hasher *hasher;
        halfkey_v1_Refusal *refusal;
        PolicyFloors found;
        Config config[CONFIG_COUNT];
        bool separated; /* PCR 7's separator was seen */
        SbatFound level, generations[POLICY_COMPONENTS_MAX];
        const Event *command_line; /* what proves it; NULL: not asked */
} Judge;

/* "policy web@3, images: event 17 (PCR 4, ...) is not an allowed image" */
static int say(Judge *j, RefusalReason reason, const char *rule, const Event *event, const char *what)
{
        char name[EVENTLOG_TEXT_SIZE] = "";

        if (event) eventlog_event_name(j->boot->log, event, name);
        return refuse(j->refusal, reason, "policy %s@%" PRIu64 ", %s: %.220s%s%.90s", j->p->name, j->p->version,
                      rule, name, event ? " " : "", what);
}

static int meaning(Judge *j, const Event *event, EventlogMeaning *ret)
{
        return eventlog_meaning(j->boot->log, event, j->hasher, j->boot->bank, ret);
}

static bool holds(const PolicyDigests *list, HashAlg alg, Bytes digest)
{
        for (size_t i = 0; i < list->n; i++)
                if (list->digest[i].alg == alg && bytes_equal(digest_bytes(&list->digest[i]), digest)) return true;
        return false;
}

static bool digest_is_in(const Judge *j, const Event *event, const PolicyDigests *list)
{
        Bytes digest;

        return eventlog_event_digest(j->boot->log, event, j->boot->bank, &digest) == 0 &&
               holds(list, j->boot->bank, digest);
}

typedef int (*JudgeEvent)(Judge *j, const Event *event);

static int each_event(Judge *j, uint32_t pcr, JudgeEvent judge)
{
        const EventLog *log = j->boot->log;
        int r = 0;

        for (size_t i = 0; i < log->n_events && r == 0; i++)
                if (log->events[i].pcr == pcr && eventlog_event_extends(&log->events[i]))
                        r = judge(j, &log->events[i]);
        return r;
}

/* ---- PCR 7 ---------------------------------------------------------------------------------------------- */

/* A number of digits alone; 0 where it is something else. */
static uint64_t number_of(Bytes text)
{
        char digits[20] = "";

        if (text.size == 0 || text.size >= sizeof(digits)) return 0; /* that many fit 64 bits */
        for (size_t i = 0; i < text.size; i++) {
                if (text.data[i] < '0' || text.data[i] > '9') return 0;
                digits[i] = (char)text.data[i];
        }
        return strtoull(digits, NULL, 10);
}

/* What is in front of the byte; moves *text behind it. */
static Bytes cut_at(Bytes *text, char byte)
{
        const uint8_t *end = text->size > 0 ? memchr(text->data, byte, text->size) : NULL;
        const size_t n = end ? (size_t)(end - text->data) : text->size, skipped = n + (end != NULL);
        const Bytes ret = BYTES(text->data, n);

        *text = BYTES(text->data + skipped, text->size - skipped);
        return ret;
}

static bool is_text(Bytes b, const char *text)
{
        return bytes_equal(b, BYTES(text, strlen(text)));
}

/* The level of a first line "sbat,1,2023012900"; 0 where it is something else. */
static uint64_t sbat_level(Bytes text)
{
        Bytes line = cut_at(&text, '\n');

        return is_text(cut_at(&line, ','), "sbat") && is_text(cut_at(&line, ','), "1") ? number_of(line) : 0;
}

/* The generation of a line "shim,2", the lowest of several; 0 where there is none, or something else. */
static uint64_t component_generation(Bytes text, const char *name)
{
        uint64_t least = 0;
        bool found = false;

        while (text.size > 0) {
                Bytes line = cut_at(&text, '\n');
                uint64_t generation;

                if (!is_text(cut_at(&line, ','), name)) continue;
                generation = number_of(cut_at(&line, ','));
                if (!found || generation < least) least = generation;
                found = true;
        }
        return least;
}

static void take_least(SbatFound *f, const Event *event, uint64_t value)
{
        if (!f->event || value < f->value) *f = (SbatFound){ event, value };
}

/* Software that runs later can measure a newer one behind the true one: the lowest counts, of each number. */
static void take_sbat(Judge *j, const Event *event, Bytes text)
{
        take_least(&j->level, event, sbat_level(text));
        for (size_t i = 0; i < j->p->sbat.n; i++)
                take_least(&j->generations[i], event, component_generation(text, j->p->sbat.component[i].name));
}

/* Those that turn off what shim or the kernel would check. */
static bool weakens_shim(const EventlogMeaning *m)
{
        return strcmp(m->name, "MokSBState") == 0 || strcmp(m->name, "MokDBState") == 0 ||
               strcmp(m->name, "MokPolicy") == 0;
}

/* A setting is what its name and value are together: 01 is good for MokListTrusted, and not for MokSBState. */
static int judge_setting(Judge *j, const Event *event, const EventlogMeaning *m)
{
        uint8_t hash[SHA256_SIZE];
        int r;

        if (strcmp(m->name, "SbatLevel") == 0) {
                take_sbat(j, event, m->value);
                if (j->p->sbat.present) return 0;
        }
        if (!j->p->authorities.present && !weakens_shim(m)) return 0;
        r = hash_sha256(m->data, hash);
        if (r < 0) return r;
        if (holds(&j->p->authorities.digests, HASH_SHA256, BYTES_ARRAY(hash))) return 0;
        return say(j, REFUSAL_POLICY_AUTHORITY, "authorities", event, "is a setting of shim that is not allowed");
}

static int judge_authority(Judge *j, const Event *event, const EventlogMeaning *m)
{
        EventlogSignature s;
        int r;

        if (m->setting) return judge_setting(j, event, m);
        if (!j->p->authorities.present) return 0;
        r = eventlog_authority(m->value, &s);
        if (r < 0) return r;
        if (holds(&j->p->authorities.digests, HASH_SHA256, BYTES_ARRAY(s.sha256))) return 0;
        return say(j, REFUSAL_POLICY_AUTHORITY, "authorities", event,
                   "vouched for an image and is not allowed to");
}

static int judge_variable(Judge *j, const Event *event, const EventlogMeaning *m)
{
        for (size_t i = 0; i < CONFIG_COUNT && !j->separated && (m->global || m->security); i++) {
                Config *c = &j->config[i];

                if (strcmp(config_names[i], m->name) != 0 || c->event) continue;
                *c = (Config){ event, m->value };
                return 0;
        }
        return judge_authority(j, event, m);
}

static int judge_state_event(Judge *j, const Event *event)
{
        EventlogMeaning m;
        int r;

        r = meaning(j, event, &m);
        if (r < 0) return r;
        switch (m.kind) {
        case EVENTLOG_MEANING_SEPARATOR: j->separated = true; return 0;
        case EVENTLOG_MEANING_VARIABLE: return judge_variable(j, event, &m);
        case EVENTLOG_MEANING_OTHER:
        case EVENTLOG_MEANING_ACTION:
        case EVENTLOG_MEANING_VERSION:
        case EVENTLOG_MEANING_SECTION: break;
        }
        return say(j, REFUSAL_POLICY_EVENT, "PCR 7", event, "is not understood");
}

static int judge_enabled(Judge *j)
{
        bool on = false;
        int r;

        if (!j->p->secure_boot.enabled) return 0;
        error_clear();
        r = eventlog_secure_boot(j->boot->log, j->boot->bank, &on);
        if (r < 0 || (r == 0 && on)) return r;
        return refuse(j->refusal, REFUSAL_POLICY_SECURE_BOOT, "policy %s@%" PRIu64 ", secure_boot: %.250s",
                      j->p->name, j->p->version, r == 0 ? "it is off" : error_detail(r));
}

typedef struct Entries {
        const PolicyDigests *allowed; /* each must be a certificate, and one of these */
        uint64_t n;
        bool foreign;
} Entries;

static int look_at_entry(const EventlogSignature *s, void *userdata)
{
        Entries *e = userdata;

        e->n++;
        if (!(s->certificate && holds(e->allowed, HASH_SHA256, BYTES_ARRAY(s->sha256)))) e->foreign = true;
        return 0;
}

static int judge_keys(Judge *j, const PolicyKeys *keys, const char *rule, const Config *c)
{
        Entries e = { .allowed = &keys->certificates };
        uint8_t hash[SHA256_SIZE];
        int r;

        if (!keys->present) return 0;
        if (!c->event)
                return say(j, REFUSAL_POLICY_SECURE_BOOT, rule, NULL,
                           "it was not measured before PCR 7's separator");
        r = hash_sha256(c->value, hash);
        if (r < 0) return r;
        if (holds(&keys->lists, HASH_SHA256, BYTES_ARRAY(hash))) return 0;
        r = eventlog_signatures_each(c->value, look_at_entry, &e);
        if (r < 0 && r != -EBADMSG) return r;
        if (r == 0 && e.n > 0 && !e.foreign) return 0;
        return say(j, REFUSAL_POLICY_SECURE_BOOT, rule, c->event, "has other keys than are allowed");
}

typedef struct Revoked {
        const Digest *wanted;
        uint64_t n;
        bool found;
} Revoked;

static int look_at_revoked(const EventlogSignature *s, void *userdata)
{
        Revoked *v = userdata;

        v->n++;
        if (v->wanted && bytes_equal(digest_bytes(v->wanted), BYTES_ARRAY(s->sha256))) v->found = true;
        return 0;
}

static int judge_dbx(Judge *j)
{
        const Config *c = &j->config[CONFIG_DBX];
        Revoked v = { 0 };
        int r;

        if (!j->p->dbx.present) return 0;
        if (!c->event)
                return say(j, REFUSAL_POLICY_DBX, "dbx", NULL, "it was not measured before PCR 7's separator");
        r = eventlog_signatures_each(c->value, look_at_revoked, &v);
        if (r < 0 && r != -EBADMSG) return r;
        if (r < 0) return say(j, REFUSAL_POLICY_DBX, "dbx", c->event, "is no list of signatures");
        if (v.n < j->p->dbx.count) return say(j, REFUSAL_POLICY_DBX, "dbx.count", c->event, "has too few entries");
        for (size_t i = 0; i < j->p->dbx.include.n; i++) {
                Revoked one = { .wanted = &j->p->dbx.include.digest[i] };

                IGNORE_RESULT(eventlog_signatures_each(c->value, look_at_revoked, &one)); /* it parsed above */
                if (!one.found) return say(j, REFUSAL_POLICY_DBX, "dbx.include", c->event, "lacks an entry");
        }
        if (!j->p->dbx.monotonic) return 0;
        if (v.n < j->boot->floors.dbx)
                return say(j, REFUSAL_POLICY_DBX, "dbx.monotonic", c->event,
                           "has fewer entries than this node showed before");
        j->found.dbx = v.n;
        return 0;
}

static int judge_sbat(Judge *j)
{
        if (!j->p->sbat.present) return 0;
        if (!j->level.event) return say(j, REFUSAL_POLICY_SBAT, "sbat", NULL, "no event says the SBAT level");
        if (j->level.value < j->p->sbat.level)
                return say(j, REFUSAL_POLICY_SBAT, "sbat.level", j->level.event, "is too low");
        for (size_t i = 0; i < j->p->sbat.n; i++)
                if (j->generations[i].value < j->p->sbat.component[i].generation)
                        return say(j, REFUSAL_POLICY_SBAT, "sbat.components", j->generations[i].event,
                                   "has too low a generation");
        if (!j->p->sbat.monotonic) return 0;
        if (j->level.value < j->boot->floors.sbat)
                return say(j, REFUSAL_POLICY_SBAT, "sbat.monotonic", j->level.event,
                           "is lower than this node showed before");
        j->found.sbat = j->level.value;
        return 0;
}

static int judge_state(Judge *j)
{
        const PolicyDocument *p = j->p;
        int r;

        if (!p->secure_boot.present && !p->authorities.present && !p->dbx.present && !p->sbat.present) return 0;
        r = judge_enabled(j);
        if (r == 0) r = each_event(j, PCR_STATE, judge_state_event);
        if (r == 0 && !j->separated)
                r = say(j, REFUSAL_POLICY_EVENT, "PCR 7", NULL,
                        "it has no separator, so that nothing tells firmware's configuration from what came "
                        "later");
        if (r == 0) r = judge_keys(j, &p->secure_boot.pk, "secure_boot.PK", &j->config[CONFIG_PK]);
        if (r == 0) r = judge_keys(j, &p->secure_boot.kek, "secure_boot.KEK", &j->config[CONFIG_KEK]);
        if (r == 0) r = judge_keys(j, &p->secure_boot.db, "secure_boot.db", &j->config[CONFIG_DB]);
        if (r == 0) r = judge_dbx(j);
        if (r == 0) r = judge_sbat(j);
        return r;
}

/* ---- the other PCRs ------------------------------------------------------------------------------------- */

/* A digest in PCR 4 that is neither a separator nor a text of firmware is an image's, whatever its label. */
static int judge_image_event(Judge *j, const Event *event)
{
        EventlogMeaning m;
        int r;

        r = meaning(j, event, &m);
        if (r < 0) return r;
        if (m.kind == EVENTLOG_MEANING_SEPARATOR || m.kind == EVENTLOG_MEANING_ACTION) return 0;
        if (digest_is_in(j, event, &j->p->images.digests)) return 0;
        if (m.kind == EVENTLOG_MEANING_OTHER && j->p->images.by_authority) return 0;
        return say(j, REFUSAL_POLICY_IMAGE, "images", event, "is not an allowed image");
}

static int judge_file_event(Judge *j, const Event *event)
{
        if (event == j->command_line || digest_is_in(j, event, &j->p->files.digests)) return 0;
        return say(j, REFUSAL_POLICY_FILE, "files", event, "is not an allowed file");
}

static const PolicySection *find_section(const PolicyDocument *p, const char *name)
{
        for (size_t i = 0; i < p->uki.n; i++)
                if (strcmp(p->uki.section[i].name, name) == 0) return &p->uki.section[i];
        return NULL;
}

/* systemd-stub measures a section's name, then its content. */
static int judge_uki(Judge *j)
{
        const EventLog *log = j->boot->log;
        const PolicySection *section = NULL;
        EventlogMeaning m;
        unsigned n = 0;

        if (!j->p->uki.present) return 0;
        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];
                int r;

                if (event->pcr != PCR_UKI || !eventlog_event_extends(event)) continue;
                n++;
                if (section) {
                        if (!section->any && !digest_is_in(j, event, &section->digests))
                                return say(j, REFUSAL_POLICY_UKI, "uki", event,
                                           "is not an allowed content of its section");
                        section = NULL;
                        continue;
                }
                r = meaning(j, event, &m);
                if (r < 0) return r;
                if (m.kind == EVENTLOG_MEANING_SEPARATOR) continue;
                section = m.kind == EVENTLOG_MEANING_SECTION ? find_section(j->p, m.name) : NULL;
                if (!section)
                        return say(j,
                                   m.kind == EVENTLOG_MEANING_SECTION ? REFUSAL_POLICY_UKI : REFUSAL_POLICY_EVENT,
                                   "uki", event, "is not a section that the policy has");
        }
        if (n == 0)
                return say(j, REFUSAL_POLICY_UKI, "uki", NULL, "this was no boot of a UKI: PCR 11 has no events");
        return section ? say(j, REFUSAL_POLICY_UKI, "uki", NULL,
                             "the content of the last section was not measured")
                       : 0;
}

static int judge_option_event(Judge *j, const Event *event)
{
        EventlogMeaning m;
        bool is_line = false;
        int r;

        r = meaning(j, event, &m);
        if (r == 0)
                r = eventlog_is_wide_text(j->boot->log, event, j->hasher, j->boot->bank, j->boot->command_line,
                                          &is_line);
        if (r < 0 && r != -EBADMSG) return r;
        if (is_line || event == j->command_line || m.kind == EVENTLOG_MEANING_SEPARATOR) return 0;
        return say(j, REFUSAL_POLICY_EVENT, "command_line", event, "is not the command line");
}

static int say_word(Judge *j, const char *rule, const char *word, const char *what)
{
        return refuse(j->refusal, REFUSAL_POLICY_COMMAND_LINE,
                      "policy %s@%" PRIu64 ", command_line.%s: the kernel command line %s '%.100s'", j->p->name,
                      j->p->version, rule, what, word);
}

static int judge_command_line(Judge *j)
{
        const PolicyDocument *p = j->p;
        const char *line = j->boot->command_line;
        bool exact = p->command_line.exact.n == 0;
        int r;

        if (!p->command_line.present) return 0;
        error_clear();
        r = eventlog_command_line_check(j->boot->log, j->boot->bank, line, &j->command_line);
        if (r < 0 && r != -EINVAL) return r;
        if (r != 0)
                return refuse(j->refusal, REFUSAL_POLICY_COMMAND_LINE,
                              "policy %s@%" PRIu64 ", command_line: %.250s", p->name, p->version, error_detail(r));
        for (size_t i = 0; i < p->command_line.exact.n; i++)
                exact |= strcmp(line, p->command_line.exact.text[i]) == 0;
        if (!exact) return say_word(j, "exact", line, "is none of those allowed:");
        for (size_t i = 0; i < p->command_line.require.n; i++)
                if (!command_line_requires(line, p->command_line.require.text[i]))
                        return say_word(j, "require", p->command_line.require.text[i],
                                        "lacks, or has with another value too,");
        for (size_t i = 0; i < p->command_line.forbid.n; i++)
                if (command_line_has(line, p->command_line.forbid.text[i]))
                        return say_word(j, "forbid", p->command_line.forbid.text[i], "has");
        return p->pcrs >> PCR_OPTIONS & 1 ? each_event(j, PCR_OPTIONS, judge_option_event) : 0;
}

/* The version firmware measures first, before PCR 0's separator. */
static int find_version(Judge *j, const Event **ret, EventlogMeaning *m)
{
        const EventLog *log = j->boot->log;

        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];
                int r;

                if (event->pcr != PCR_FIRMWARE || !eventlog_event_extends(event)) continue;
                r = meaning(j, event, m);
                if (r < 0) return r;
                if (m->kind == EVENTLOG_MEANING_SEPARATOR) break;
                if (m->kind != EVENTLOG_MEANING_VERSION) continue;
                *ret = event;
                return 0;
        }
        *ret = NULL;
        return 0;
}

static int judge_firmware(Judge *j)
{
        const PolicyDocument *p = j->p;
        const Event *event = NULL;
        bool listed = p->firmware.versions.n == 0;
        EventlogMeaning m;
        int r;

        if (!p->firmware.present) return 0;
        r = find_version(j, &event, &m);
        if (r < 0) return r;
        if (!event || !m.name[0])
                return say(j, REFUSAL_POLICY_FIRMWARE, "firmware", event, "no event proves its version");
        for (size_t i = 0; i < p->firmware.versions.n; i++)
                listed |= strcmp(m.name, p->firmware.versions.text[i]) == 0;
        if (!listed)
                return say(j, REFUSAL_POLICY_FIRMWARE, "firmware.versions", event, "is not an allowed version");
        if (policy_version_compare(m.name, p->firmware.minimum) < 0)
                return say(j, REFUSAL_POLICY_FIRMWARE, "firmware.minimum", event, "is too old");
        if (!p->firmware.monotonic) return 0;
        if (policy_version_compare(m.name, j->boot->floors.firmware) < 0)
                return say(j, REFUSAL_POLICY_FIRMWARE, "firmware.monotonic", event,
                           "is older than this node showed before");
        (void)snprintf(j->found.firmware, sizeof(j->found.firmware), "%s", m.name);
        return 0;
}

/* The last event of a PCR that is not what it must be: where the value differs none can be named better. */
static const Event *last_event(const EventLog *log, uint32_t pcr)
{
        for (size_t i = log->n_events; i > 0; i--)
                if (log->events[i - 1].pcr == pcr && eventlog_event_extends(&log->events[i - 1]))
                        return &log->events[i - 1];
        return NULL;
}

static int judge_golden(Judge *j)
{
        PcrValues values;
        char rule[24];
        int r;

        if (!j->p->golden_pcrs) return 0;
        r = eventlog_replay(j->boot->log, j->boot->bank, &values);
        if (r < 0) return r;
        for (uint32_t pcr = 0; pcr < POLICY_PCR_COUNT; pcr++) {
                if (!(j->p->golden_pcrs >> pcr & 1)) continue;
                if (r == 0 && !(values.incomplete >> pcr & 1) &&
                    holds(&j->p->golden[pcr], j->boot->bank, pcr_value(&values, pcr)))
                        continue;
                (void)snprintf(rule, sizeof(rule), "golden.%u", pcr);
                return say(j, REFUSAL_POLICY_PCR, rule, last_event(j->boot->log, pcr),
                           "does not end in an allowed value");
        }
        return 0;
}

static int judge_all(Judge *j)
{
        int r;

        r = judge_state(j);
        if (r == 0) r = judge_command_line(j);
        if (r == 0 && j->p->images.present) r = each_event(j, PCR_IMAGES, judge_image_event);
        if (r == 0 && j->p->files.present) r = each_event(j, PCR_FILES, judge_file_event);
        if (r == 0) r = judge_uki(j);
        if (r == 0) r = judge_firmware(j);
        if (r == 0) r = judge_golden(j);
        return r;
}

int policy_document_judge(const PolicyDocument *p, const PolicyBoot *boot, PolicyFloors *found,
                          halfkey_v1_Refusal *refusal)
{
        cleanup_hasher Hasher *hasher = NULL;
        Judge j = { .p = p, .boot = boot, .refusal = refusal };
        int r;

        r = hasher_new(boot->bank, &hasher);
        if (r < 0) return r;
        j.hasher = hasher;
        r = judge_all(&j);
        if (r == 0) policy_floors_raise(found, &j.found);
        return r;
}
