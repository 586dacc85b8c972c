/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "proto/message.h"
#include "proto/node.pb.h"

#include <errno.h>

static void goes_there_and_back(void)
{
        static halfkey_v1_UnlockRequest sent, got;
        uint8_t *encoded = NULL;
        size_t size;

        sent = (halfkey_v1_UnlockRequest){ .which_step = halfkey_v1_UnlockRequest_proof_tag };
        sent.step.proof.has_evidence = true;
        CHECK_OK(PROTO_SET(sent.step.proof.evidence.quote, BYTES_LITERAL("quote")));
        PROTO_SET_TEXT(sent.step.proof.evidence.command_line, "root=/dev/vda2 quiet");
        sent.step.proof.volume_count = 1;
        PROTO_SET_TEXT(sent.step.proof.volume[0].role, "root");
        CHECK_OK(proto_encode(halfkey_v1_UnlockRequest_fields, &sent, &encoded, &size));
        CHECK_OK(proto_decode(halfkey_v1_UnlockRequest_fields, BYTES(encoded, size), &got));
        CHECK(got.which_step == halfkey_v1_UnlockRequest_proof_tag);
        CHECK_BYTES(PROTO_BYTES(got.step.proof.evidence.quote), BYTES_LITERAL("quote"));
        CHECK_TEXT(got.step.proof.volume[0].role, "root");
        proto_free(encoded, size);
}

/* A Refusal whose first field (tag 1, string) is the given bytes. */
static int decode_reason(Bytes reason, halfkey_v1_Refusal *ret)
{
        uint8_t encoded[64] = { 0x0a, (uint8_t)reason.size };

        memcpy(encoded + 2, reason.data, reason.size);
        return proto_decode(halfkey_v1_Refusal_fields, BYTES(encoded, reason.size + 2), ret);
}

static void strings_are_plain_text_or_refused(void)
{
        halfkey_v1_Refusal refusal;

        CHECK_OK(decode_reason(BYTES_LITERAL("node-pending"), &refusal));
        CHECK_OK(decode_reason(BYTES_LITERAL("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91"), &refusal));
        CHECK_RESULT(decode_reason(BYTES_LITERAL("a\0b"), &refusal), -EBADMSG);
        CHECK_RESULT(decode_reason(BYTES_LITERAL("\x1b[2J"), &refusal), -EBADMSG);
        CHECK_RESULT(decode_reason(BYTES_LITERAL("\xc0\xaf"), &refusal), -EBADMSG);
        CHECK_RESULT(decode_reason(BYTES_LITERAL("\xed\xa0\x80"), &refusal), -EBADMSG);
        CHECK_RESULT(decode_reason(BYTES_LITERAL("\xc2\x9b"), &refusal), -EBADMSG);
        CHECK_RESULT(decode_reason(BYTES_LITERAL("\xe2\x82"), &refusal), -EBADMSG);
}

/* A text of two-byte characters that does not fit is cut between two of them. */
static void cut_strings_can_be_decoded(void)
{
        halfkey_v1_Refusal sent = { 0 }, got;
        uint8_t *encoded = NULL;
        char text[101] = "";
        size_t size;

        for (size_t i = 0; i < 50; i++) memcpy(text + 2 * i, "\xc3\xa9", 2);
        PROTO_SET_TEXT(sent.role, text + 1);
        PROTO_SET_TEXT(sent.reason, text + 2); /* 48 fit */
        CHECK_OK(proto_encode(halfkey_v1_Refusal_fields, &sent, &encoded, &size));
        CHECK_OK(proto_decode(halfkey_v1_Refusal_fields, BYTES(encoded, size), &got));
        CHECK(strlen(got.reason) == 48 && got.role[0] == '?' && strlen(got.role) == 39);
        proto_free(encoded, size);
}

static void what_does_not_fit_is_refused(void)
{
        halfkey_v1_Refusal refusal;
        halfkey_v1_Evidence evidence = { 0 };
        static const uint8_t long_id[33];

        CHECK_RESULT(decode_reason(BYTES_LITERAL("1234567890123456789012345678901234567890123456789"), &refusal),
                     -EBADMSG);
        CHECK_RESULT(proto_decode(halfkey_v1_Refusal_fields,
                                  BYTES_LITERAL("\x0a\x05"
                                                "abc"),
                                  &refusal),
                     -EBADMSG);
        CHECK_RESULT(PROTO_SET(evidence.node_id, BYTES_ARRAY(long_id)), -EMSGSIZE);
        CHECK(evidence.node_id.size == 0);
}

int main(void)
{
        RUN(goes_there_and_back);
        RUN(strings_are_plain_text_or_refused);
        RUN(cut_strings_can_be_decoded);
        RUN(what_does_not_fit_is_refused);
        return 0;
}
