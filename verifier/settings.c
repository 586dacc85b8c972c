/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/settings.h"

#include "base/error.h"
#include "base/fd.h"
#include "json/value.h"
#include "json/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLUSTER_JSON_MAX = 65536 };

char *settings_path(const char *dir, const char *name)
{
        char *path;

        return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

int settings_check_dir(const char *dir)
{
        struct stat st;

        if (stat(dir, &st) < 0)
                return error_set(-errno, "%s: %m (a new cluster: halfkey cluster init --dir %s)", dir, dir);
        if (!S_ISDIR(st.st_mode)) return error_set(-ENOTDIR, "%s: not a directory", dir);
        if (st.st_uid != geteuid() && st.st_uid != 0)
                return error_set(-EPERM, "%s: belongs to user %u, not to this one: chown it", dir, st.st_uid);
        if (st.st_mode & 077) return error_set(-EPERM, "%s: open to others: chmod 700 %s", dir, dir);
        return 0;
}

int address_list_add(AddressList *l, const char *address)
{
        const char *colon = strrchr(address, ':');
        char *end;
        long port;

        if (strlen(address) > SETTINGS_ADDRESS_MAX) return error_set(-EMSGSIZE, "an address is too long");
        if (l->n == SETTINGS_ADDRESSES_MAX)
                return error_set(-ENOSPC, "more than %d addresses", SETTINGS_ADDRESSES_MAX);
        if (!colon || colon == address || !colon[1]) return error_set(-EINVAL, "'%s' is not HOST:PORT", address);
        port = strtol(colon + 1, &end, 10);
        if (*end || colon[1] < '0' || colon[1] > '9' || port > 65535)
                return error_set(-EINVAL, "'%s' has no port number behind its colon", address);
        (void)snprintf(l->text[l->n++], SETTINGS_ADDRESS_MAX + 1, "%s", address);
        return 0;
}

static int read_text(const JsonValue *top, const char *key, char *dst, size_t max)
{
        const JsonValue *v;
        const char *text;
        int r;

        r = json_value_member(top, key, &v);
        if (r < 0) return error_set(-EBADMSG, "\"%s\" is missing", key);
        r = json_value_text(v, &text);
        if (r < 0) return error_prefix(r, "\"%s\"", key);
        if (!*text || strlen(text) > max)
                return error_set(-EBADMSG, "\"%s\" is empty or longer than %zu characters", key, max);
        (void)snprintf(dst, max + 1, "%s", text);
        return 0;
}

static const char *const ek_trust_words[] = { "none", "either", "both", NULL };

/* The number of a word; absent means the first. */
static int read_word(const JsonValue *top, const char *key, const char *const *words, unsigned *ret)
{
        const JsonValue *v;
        const char *text;
        int r;

        *ret = 0;
        r = json_value_member(top, key, &v);
        if (r == -ENOENT) return 0;
        if (r == 0) r = json_value_text(v, &text);
        if (r < 0) return error_prefix(r, "\"%s\"", key);
        for (unsigned i = 0; words[i]; i++)
                if (strcmp(text, words[i]) == 0) {
                        *ret = i;
                        return 0;
                }
        return error_set(-EBADMSG, "\"%s\" cannot be \"%.40s\"", key, text);
}

/* A word out of two; absent means the first. */
static int read_choice(const JsonValue *top, const char *key, const char *const words[2], bool *ret)
{
        const JsonValue *v;
        const char *text;
        int r;

        r = json_value_member(top, key, &v);
        if (r == -ENOENT) {
                *ret = false;
                return 0;
        }
        if (r == 0) r = json_value_text(v, &text);
        if (r < 0) return error_prefix(r, "\"%s\"", key);
        if (strcmp(text, words[0]) != 0 && strcmp(text, words[1]) != 0)
                return error_set(-EBADMSG, "\"%s\" is neither \"%s\" nor \"%s\"", key, words[0], words[1]);
        *ret = strcmp(text, words[1]) == 0;
        return 0;
}

static int read_addresses(const JsonValue *top, const char *key, AddressList *ret)
{
        const JsonValue *list, *v;
        const char *text;
        int r;

        r = json_value_member(top, key, &list);
        if (r < 0) return error_set(-EBADMSG, "\"%s\" is missing", key);
        if (json_value_kind(list) != JSON_ARRAY || json_value_count(list) == 0)
                return error_set(-EBADMSG, "\"%s\" is not a list of addresses", key);
        for (size_t i = 0; i < json_value_count(list); i++) {
                r = json_value_element(list, i, &v);
                if (r == 0) r = json_value_text(v, &text);
                if (r == 0) r = address_list_add(ret, text);
                if (r < 0) return error_prefix(-EBADMSG, "\"%s\"", key);
        }
        return 0;
}

static int parse(const JsonValue *top, Settings *c)
{
        static const char *const keys[] = { "version",   "name",         "listen",
                                            "addresses", "admin_socket", "secure_boot",
                                            "adopt",     "ek_trust",     "platform_certificate",
                                            NULL };
        static const char *const platform[] = { "ignored", "required" };
        static const char *const secure_boot[] = { "any", "required" }, *const adopt[] = { "ask", "auto" };
        const JsonValue *v;
        unsigned ek_trust = 0;
        int64_t version;
        int r;

        r = json_value_only_keys(top, keys);
        if (r < 0) return r;
        r = json_value_member(top, "version", &v);
        if (r == 0) r = json_value_int(v, 1, 1, &version);
        if (r < 0) return error_set(-EBADMSG, "\"version\" is not 1");
        r = read_text(top, "name", c->name, SETTINGS_NAME_MAX);
        if (r == 0) r = read_text(top, "admin_socket", c->admin_socket, SETTINGS_PATH_MAX);
        if (r == 0) r = read_addresses(top, "listen", &c->listen);
        if (r == 0) r = read_addresses(top, "addresses", &c->addresses);
        if (r == 0) r = read_choice(top, "secure_boot", secure_boot, &c->secure_boot_required);
        if (r == 0) r = read_choice(top, "adopt", adopt, &c->adopt_auto);
        if (r == 0) r = read_word(top, "ek_trust", ek_trust_words, &ek_trust);
        if (r == 0) r = read_choice(top, "platform_certificate", platform, &c->platform_required);
        c->ek_trust = (EkTrust)ek_trust;
        return r;
}

int settings_read(const char *dir, Settings *ret)
{
        cleanup_free char *path = settings_path(dir, "cluster.json");
        cleanup_free uint8_t *text = NULL;
        cleanup_json JsonValue *top = NULL;
        Settings c = { 0 };
        size_t size;
        int r;

        if (!path) return -ENOMEM;
        r = file_read(path, CLUSTER_JSON_MAX, &text, &size);
        if (r < 0) return r;
        r = json_value_parse(BYTES(text, size), CLUSTER_JSON_MAX, &top);
        if (r == 0) r = parse(top, &c);
        if (r < 0) return error_prefix(r, "%s", path);
        *ret = c;
        return 0;
}

static void put_addresses(JsonWriter *w, const char *key, const AddressList *l)
{
        json_writer_open_array(w, key);
        for (size_t i = 0; i < l->n; i++) json_writer_text(w, NULL, l->text[i]);
        json_writer_close(w);
}

int settings_write(const char *dir, const Settings *c)
{
        cleanup_free char *path = settings_path(dir, "cluster.json");
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_JSON_MAX);
        JsonWriter w = JSON_WRITER_INIT(&out);
        Bytes text;
        int r;

        if (!path) return -ENOMEM;
        json_writer_open_object(&w, NULL);
        json_writer_int(&w, "version", 1);
        json_writer_text(&w, "name", c->name);
        put_addresses(&w, "listen", &c->listen);
        put_addresses(&w, "addresses", &c->addresses);
        json_writer_text(&w, "admin_socket", c->admin_socket);
        json_writer_text(&w, "secure_boot", c->secure_boot_required ? "required" : "any");
        json_writer_text(&w, "adopt", c->adopt_auto ? "auto" : "ask");
        json_writer_text(&w, "ek_trust", ek_trust_words[c->ek_trust]);
        json_writer_text(&w, "platform_certificate", c->platform_required ? "required" : "ignored");
        json_writer_close(&w);
        r = json_writer_finish(&w);
        if (r == 0) r = writer_finish(&out, &text);
        if (r < 0) return r;
        return file_write_atomic(path, text, 0600);
}
