/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/hex.h"
#include "check.h"
#include "eventlog/replay.h"
#include "synth.h"

#include <errno.h>

static const HashAlg banks[] = { HASH_SHA256, HASH_SHA384 };

static void check_hex(const PcrValues *v, uint32_t pcr, const char *expected)
{
        char hex[2 * HASH_SIZE_MAX + 1];

        hex_encode(pcr_value(v, pcr), hex);
        CHECK_TEXT(hex, expected);
}

/* The values the PC Client platform is known by: a lone separator of zeros. */
static void separators_give_the_known_value(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        PcrValues v;

        synth_init(&s, banks, 2);
        synth_separators(&s);
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_OK(eventlog_replay(log, HASH_SHA256, &v));
        CHECK(v.extended == 0xff && v.incomplete == 0 && v.bank == HASH_SHA256);
        check_hex(&v, 2, "3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969");
        check_hex(&v, 8, "0000000000000000000000000000000000000000000000000000000000000000");
        check_hex(&v, 17, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
        check_hex(&v, 23, "0000000000000000000000000000000000000000000000000000000000000000");
}

static void no_action_extends_nothing(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        PcrValues v;

        synth_init(&s, banks, 2);
        synth_text(&s, 3, EV_NO_ACTION, "with a digest");
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_OK(eventlog_replay(log, HASH_SHA384, &v));
        CHECK(v.extended == 0);
}

static void value_of_pcr0(void (*before)(Synth *s), PcrValues *ret)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        synth_init(&s, banks, 2);
        before(&s);
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_OK(eventlog_replay(log, HASH_SHA256, ret));
}

static void locality_3(Synth *s)
{
        synth_locality(s, 3);
        synth_text(s, 0, EV_S_CRTM_VERSION, "x");
}

static void locality_late(Synth *s)
{
        synth_text(s, 0, EV_S_CRTM_VERSION, "x");
        synth_locality(s, 3);
}

static void plain(Synth *s)
{
        synth_text(s, 0, EV_S_CRTM_VERSION, "x");
}

static void hcrtm(Synth *s)
{
        synth_text(s, 0, EV_EFI_HCRTM_EVENT, "x");
}

static void expect_start(uint8_t start, const PcrValues *v)
{
        uint8_t expected[32] = { 0 }, x[32];
        const Bytes parts[] = { BYTES_ARRAY(expected), BYTES_ARRAY(x) };

        expected[31] = start;
        CHECK_OK(hash_sha256(BYTES_LITERAL("x"), x));
        CHECK_OK(hash_parts(HASH_SHA256, parts, 2, expected));
        CHECK_BYTES(pcr_value(v, 0), BYTES_ARRAY(expected));
}

static void pcr0_starts_where_the_log_says(void)
{
        PcrValues v;

        value_of_pcr0(plain, &v);
        expect_start(0, &v);
        value_of_pcr0(locality_3, &v);
        expect_start(3, &v);
        value_of_pcr0(hcrtm, &v);
        expect_start(4, &v);
        value_of_pcr0(locality_late, &v);
        expect_start(0, &v);
}

static void a_bank_the_log_lacks_is_refused(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        PcrValues v = { .extended = 77 };

        synth_init(&s, banks, 2);
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_RESULT(eventlog_replay(log, HASH_SHA1, &v), EVENTLOG_E_NO_BANK);
        CHECK(v.extended == 77);
}

/* An event of two digests in a log of two banks, and one that lacks the second. */
static void a_missing_digest_makes_the_pcr_unknown(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        PcrValues v;

        synth_init(&s, banks, 2);
        synth_text(&s, 4, EV_ACTION, "x");
        s.n_banks = 1;
        synth_text(&s, 4, EV_ACTION, "y");
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_OK(eventlog_replay(log, HASH_SHA256, &v));
        CHECK(v.incomplete == 0);
        CHECK_OK(eventlog_replay(log, HASH_SHA384, &v));
        CHECK(v.incomplete == 1U << 4);
}

static void stated_words_extend_pcr_11_only(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        PcrValues v;

        synth_init(&s, banks, 2);
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_OK(eventlog_replay(log, HASH_SHA256, &v));
        CHECK_RESULT(eventlog_replay_extend_word(&v, 11, BYTES_LITERAL("enter-initrd2")), EVENTLOG_E_WORD);
        CHECK_RESULT(eventlog_replay_extend_word(&v, 12, BYTES_LITERAL("enter-initrd")), EVENTLOG_E_WORD);
        CHECK_RESULT(eventlog_replay_extend_word(&v, UINT32_MAX, BYTES_LITERAL("ready")), EVENTLOG_E_WORD);
        CHECK_RESULT(eventlog_replay_extend_word(&v, 11, BYTES("ready", 6)), EVENTLOG_E_WORD);
        CHECK(v.extended == 0);
        CHECK_OK(eventlog_replay_extend_word(&v, 11, BYTES_LITERAL("enter-initrd")));
        CHECK_OK(eventlog_replay_extend_word(&v, 11, BYTES_LITERAL("leave-initrd")));
        CHECK_OK(eventlog_replay_extend_word(&v, 11, BYTES_LITERAL("sysinit")));
        CHECK_OK(eventlog_replay_extend_word(&v, 11, BYTES_LITERAL("ready")));
        CHECK(v.extended == 1U << 11);
        /* Computed with sha256sum: value = H(value || H(word)), from zeros. */
        check_hex(&v, 11, "38d2047d0545f701a253005037bd1d1662e5f59388885f9e9443f38e2f23531e");
}

static void a_cap_extends_like_the_tpm(void)
{
        PcrValues v = { .bank = HASH_SHA256 };
        uint8_t cap[32] = { 1 };

        CHECK_RESULT(eventlog_replay_extend(&v, 24, BYTES_ARRAY(cap)), -EINVAL);
        CHECK_RESULT(eventlog_replay_extend(&v, 15, BYTES(cap, 20)), -EINVAL);
        CHECK(v.extended == 0);
        CHECK_OK(eventlog_replay_extend(&v, 15, BYTES_ARRAY(cap)));
        CHECK(v.extended == 1U << 15);
        check_hex(&v, 15, "cb592844121d926f1ca3ad4e1d6fb9d8e260ed6e3216361f7732e975a0e8bbf6");
}

int main(void)
{
        RUN(separators_give_the_known_value);
        RUN(no_action_extends_nothing);
        RUN(pcr0_starts_where_the_log_says);
        RUN(a_bank_the_log_lacks_is_refused);
        RUN(a_missing_digest_makes_the_pcr_unknown);
        RUN(stated_words_extend_pcr_11_only);
        RUN(a_cap_extends_like_the_tpm);
        return 0;
}
