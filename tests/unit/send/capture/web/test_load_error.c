#include "send/capture/web/load_error.h"

#include <stdio.h>
#include <string.h>

#include "dd/link/wire.h"
#include "suite.h"

START_TEST(errors_of_the_network_have_reasons)
{
    static const struct {
        const char *error;
        unsigned reason;
    } rows[] = {
        {"net::ERR_NAME_NOT_RESOLVED", DD_WIRE_REASON_UNREACHABLE},
        {"net::ERR_CONNECTION_REFUSED", DD_WIRE_REASON_UNREACHABLE},
        {"net::ERR_ADDRESS_UNREACHABLE", DD_WIRE_REASON_UNREACHABLE},
        {"net::ERR_CONNECTION_TIMED_OUT", DD_WIRE_REASON_UNREACHABLE},
        {"net::ERR_TIMED_OUT", DD_WIRE_REASON_TIMEOUT},
        {"net::ERR_CONNECTION_RESET", DD_WIRE_REASON_ENDED},
        {"net::ERR_EMPTY_RESPONSE", DD_WIRE_REASON_ENDED},
        {"net::ERR_CERT_DATE_INVALID", DD_WIRE_REASON_CERTIFICATE},
        {"net::ERR_SSL_PROTOCOL_ERROR", DD_WIRE_REASON_CERTIFICATE},
        {"net::ERR_SOMETHING_NEW", DD_WIRE_REASON_BROKEN},
        {"rubbish", DD_WIRE_REASON_BROKEN},
        {"", DD_WIRE_REASON_BROKEN},
    };
    struct dd_load_error refusal;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dd_load_error_from_net(rows[i].error, &refusal);
        ck_assert_msg(refusal.reason == rows[i].reason, "%s", rows[i].error);
        ck_assert_msg(strstr(refusal.text, rows[i].error) != NULL, "%s", refusal.text);
    }
}
END_TEST

START_TEST(a_certificate_names_both_ways_out)
{
    struct dd_load_error refusal;

    dd_load_error_from_net("net::ERR_CERT_AUTHORITY_INVALID", &refusal);
    ck_assert_ptr_nonnull(strstr(refusal.text, "ca_file"));
    ck_assert_ptr_nonnull(strstr(refusal.text, "ignore_certificate_errors"));
    dd_load_error_from_net("net::ERR_CERT_COMMON_NAME_INVALID", &refusal);
    ck_assert_ptr_nonnull(strstr(refusal.text, "host"));
    ck_assert_ptr_nonnull(strstr(refusal.text, "ignore_certificate_errors"));
}
END_TEST

START_TEST(answers_from_400_on_refuse)
{
    static const struct {
        int status;
        unsigned reason; /* NONE: it does not refuse */
    } rows[] = {
        {0, DD_WIRE_REASON_NONE},          {200, DD_WIRE_REASON_NONE},      {304, DD_WIRE_REASON_NONE},
        {399, DD_WIRE_REASON_NONE},        {400, DD_WIRE_REASON_BROKEN},    {401, DD_WIRE_REASON_CREDENTIALS},
        {403, DD_WIRE_REASON_CREDENTIALS}, {404, DD_WIRE_REASON_NOT_FOUND}, {410, DD_WIRE_REASON_NOT_FOUND},
        {418, DD_WIRE_REASON_BROKEN},      {500, DD_WIRE_REASON_BROKEN},    {503, DD_WIRE_REASON_BROKEN},
        {504, DD_WIRE_REASON_TIMEOUT},     {-1, DD_WIRE_REASON_NONE},
    };
    struct dd_load_error refusal;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        refusal.reason = DD_WIRE_REASON_NONE;
        ck_assert_int_eq(dd_load_error_from_http(rows[i].status, &refusal), rows[i].reason != DD_WIRE_REASON_NONE);
        ck_assert_msg(refusal.reason == rows[i].reason, "%d", rows[i].status);
    }
}
END_TEST

SUITE("send/capture/web/load_error", errors_of_the_network_have_reasons, a_certificate_names_both_ways_out,
      answers_from_400_on_refuse)
