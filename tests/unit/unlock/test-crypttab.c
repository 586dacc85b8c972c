/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "unlock/crypttab.h"

#include <errno.h>

static Crypttab parsed(const char *text)
{
        Crypttab t = { 0 };

        CHECK_OK(crypttab_parse(BYTES(text, strlen(text)), &t));
        return t;
}

static CrypttabKernel parsed_kernel(const char *text)
{
        CrypttabKernel k = { 0 };

        CHECK_OK(crypttab_parse_kernel(BYTES(text, strlen(text)), &k));
        return k;
}

static void reads_lines(void)
{
        cleanup_crypttab Crypttab t = parsed("# root\n"
                                             "\n"
                                             "root UUID=ABCD-01 /etc/key luks,discard\n"
                                             "  data\t/dev/vdb   none\n"
                                             "swap PARTUUID=9 - swap,x-initrd.attach # more\n"
                                             "last LABEL=x");

        CHECK(t.n == 4 && t.n_passed_over == 0);
        CHECK_TEXT(t.entries[0].name, "root");
        CHECK_TEXT(t.entries[0].source, "UUID=ABCD-01");
        CHECK_TEXT(t.entries[0].key_file, "/etc/key");
        CHECK_TEXT(t.entries[0].options, "luks,discard");
        CHECK(t.entries[0].line == 3);
        CHECK(!t.entries[1].key_file && !t.entries[1].options);
        CHECK(!t.entries[2].key_file);
        CHECK_TEXT(t.entries[2].options, "swap,x-initrd.attach");
        CHECK_TEXT(t.entries[3].source, "LABEL=x");
}

static void passes_over_what_is_no_volume(void)
{
        cleanup_crypttab Crypttab t = parsed("alone\n"
                                             "a/b UUID=1\n"
                                             ".. UUID=1\n"
                                             "ok UUID=1\n"
                                             "ok UUID=2\n"
                                             "\x01 UUID=3\n");

        CHECK(t.n == 1 && t.n_passed_over == 5 && t.passed_over == 1);
        CHECK_TEXT(t.entries[0].source, "UUID=1");
}

static void refuses_foreign_bytes(void)
{
        Crypttab t = { .n = 77 };

        CHECK_RESULT(crypttab_parse(BYTES("a b\0c", 5), &t), -EBADMSG);
        CHECK(t.n == 77);
}

static void reads_the_command_line(void)
{
        cleanup_crypttab_kernel CrypttabKernel k = parsed_kernel(
                "root=/dev/x rd.luks.uuid=luks-AB-1 rd.luks.name=cd-2=\"my root\" quiet "
                "rd.luks.key=CD-2=/key rd.luks.options=discard luks_x rd.luks.uuid=nonsense "
                "rd.luks.name=broken rd.luks.options=ee-3=never\n");

        CHECK(k.enabled && k.read_crypttab && k.volumes.n == 2);
        CHECK_TEXT(k.volumes.entries[0].name, "luks-ab-1");
        CHECK_TEXT(k.volumes.entries[0].source, "UUID=ab-1");
        CHECK(!k.volumes.entries[0].key_file);
        CHECK_TEXT(k.volumes.entries[0].options, "discard");
        CHECK_TEXT(k.volumes.entries[1].name, "my root");
        CHECK_TEXT(k.volumes.entries[1].key_file, "/key");
}

static void reads_the_switches(void)
{
        cleanup_crypttab_kernel CrypttabKernel off = parsed_kernel("rd.luks=no rd.luks.uuid=ab");
        cleanup_crypttab_kernel CrypttabKernel no_file = parsed_kernel("luks.crypttab=0");
        cleanup_crypttab_kernel CrypttabKernel on = parsed_kernel("rd.luks");
        cleanup_crypttab Crypttab file = parsed("root UUID=ab\n"), merged = { 0 }, alone = { 0 };

        CHECK(!off.enabled && !no_file.read_crypttab && on.enabled && on.read_crypttab);
        CHECK_OK(crypttab_merge(&file, &off, &merged));
        CHECK(merged.n == 0);
        CHECK_OK(crypttab_merge(&file, &no_file, &alone));
        CHECK(alone.n == 0);
}

static void merges_as_systemd_does(void)
{
        cleanup_crypttab Crypttab file = parsed("root UUID=AB /key luks\n"
                                                "luks-cd /dev/vdb\n"
                                                "data UUID=ef\n");
        cleanup_crypttab_kernel CrypttabKernel none = parsed_kernel("quiet");
        cleanup_crypttab_kernel CrypttabKernel some = parsed_kernel(
                "rd.luks.uuid=ab rd.luks.options=ab=discard rd.luks.name=cd=other rd.luks.uuid=99");
        cleanup_crypttab Crypttab all = { 0 }, listed = { 0 };

        CHECK_OK(crypttab_merge(&file, &none, &all));
        CHECK(all.n == 3);
        CHECK_OK(crypttab_merge(&file, &some, &listed));
        CHECK(listed.n == 3);
        CHECK_TEXT(listed.entries[0].name, "root");
        CHECK_TEXT(listed.entries[0].options, "discard");
        CHECK_TEXT(listed.entries[0].key_file, "/key");
        CHECK_TEXT(listed.entries[1].name, "luks-cd");
        CHECK_TEXT(listed.entries[2].name, "luks-99");
}

static void finds_uuids_and_options(void)
{
        char uuid[40] = "untouched";
        Bytes value;

        CHECK_RESULT(crypttab_source_uuid("/dev/vda", uuid), -ENOENT);
        CHECK_RESULT(crypttab_source_uuid("PARTUUID=ab", uuid), -ENOENT);
        CHECK_RESULT(crypttab_source_uuid("UUID=", uuid), -ENOENT);
        CHECK_RESULT(crypttab_source_uuid("UUID=../../x", uuid), -ENOENT);
        CHECK_TEXT(uuid, "untouched");
        CHECK_OK(crypttab_source_uuid("UUID=\"AB-cd\"", uuid));
        CHECK_TEXT(uuid, "ab-cd");
        CHECK_OK(crypttab_source_uuid("/dev/disk/by-uuid/1", uuid));
        CHECK_TEXT(uuid, "1");
        CHECK_OK(crypttab_option("luks,tries=3,discard", "discard", NULL));
        CHECK_OK(crypttab_option("luks,tries=3,discard", "tries", &value));
        CHECK_BYTES(value, BYTES_LITERAL("3"));
        CHECK_RESULT(crypttab_option("luks,tries=3", "trie", NULL), -ENOENT);
        CHECK_RESULT(crypttab_option(NULL, "luks", NULL), -ENOENT);
        CHECK_RESULT(crypttab_option(",,", "luks", NULL), -ENOENT);
}

int main(void)
{
        RUN(reads_lines);
        RUN(passes_over_what_is_no_volume);
        RUN(refuses_foreign_bytes);
        RUN(reads_the_command_line);
        RUN(reads_the_switches);
        RUN(merges_as_systemd_does);
        RUN(finds_uuids_and_options);
        return 0;
}
