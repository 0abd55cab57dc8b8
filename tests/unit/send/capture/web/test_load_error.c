#include "send/capture/web/load_error.h"

#include <stdio.h>
#include <string.h>

#include "dd/link/wire.h"
#include "suite.h"

START_TEST(network_errors_have_reasons)
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
    struct dd_load_error load_error;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dd_load_error_from_net(rows[i].error, &load_error);
        ck_assert_msg(load_error.reason == rows[i].reason, "%s", rows[i].error);
        ck_assert_msg(strstr(load_error.text, rows[i].error) != NULL, "%s", load_error.text);
    }
}
END_TEST

START_TEST(certificate_errors_name_both_remedies)
{
    struct dd_load_error load_error;

    dd_load_error_from_net("net::ERR_CERT_AUTHORITY_INVALID", &load_error);
    ck_assert_ptr_nonnull(strstr(load_error.text, "ca_file"));
    ck_assert_ptr_nonnull(strstr(load_error.text, "ignore_certificate_errors"));
    dd_load_error_from_net("net::ERR_CERT_COMMON_NAME_INVALID", &load_error);
    ck_assert_ptr_nonnull(strstr(load_error.text, "host"));
    ck_assert_ptr_nonnull(strstr(load_error.text, "ignore_certificate_errors"));
}
END_TEST

START_TEST(http_statuses_from_400_on_are_errors)
{
    static const struct {
        int status;
        unsigned reason; /* NONE: no error */
    } rows[] = {
        {0, DD_WIRE_REASON_NONE},          {200, DD_WIRE_REASON_NONE},      {304, DD_WIRE_REASON_NONE},
        {399, DD_WIRE_REASON_NONE},        {400, DD_WIRE_REASON_BROKEN},    {401, DD_WIRE_REASON_CREDENTIALS},
        {403, DD_WIRE_REASON_CREDENTIALS}, {404, DD_WIRE_REASON_NOT_FOUND}, {410, DD_WIRE_REASON_NOT_FOUND},
        {418, DD_WIRE_REASON_BROKEN},      {500, DD_WIRE_REASON_BROKEN},    {503, DD_WIRE_REASON_BROKEN},
        {504, DD_WIRE_REASON_TIMEOUT},     {-1, DD_WIRE_REASON_NONE},
    };
    struct dd_load_error load_error;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        load_error.reason = DD_WIRE_REASON_NONE;
        ck_assert_int_eq(dd_load_error_from_http(rows[i].status, &load_error), rows[i].reason != DD_WIRE_REASON_NONE);
        ck_assert_msg(load_error.reason == rows[i].reason, "%d", rows[i].status);
    }
}
END_TEST

SUITE("send/capture/web/load_error", network_errors_have_reasons, certificate_errors_name_both_remedies,
      http_statuses_from_400_on_are_errors)
