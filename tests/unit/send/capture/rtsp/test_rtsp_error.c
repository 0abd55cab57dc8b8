/* The errors of a camera, for viewers and for the log. */
#include <errno.h>

#include <libavutil/error.h>

#include "send/capture/rtsp/rtsp_error.h"
#include "suite.h"

START_TEST(finds_what_an_error_means)
{
    static const struct {
        int error;
        enum dd_wire_reason reason;
    } rows[] = {
        {AVERROR(ECONNREFUSED), DD_WIRE_REASON_UNREACHABLE},
        {AVERROR_EOF, DD_WIRE_REASON_ENDED},
        {AVERROR_HTTP_UNAUTHORIZED, DD_WIRE_REASON_CREDENTIALS},
        {AVERROR_HTTP_NOT_FOUND, DD_WIRE_REASON_NOT_FOUND},
        {AVERROR_INVALIDDATA, DD_WIRE_REASON_BROKEN},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct dd_rtsp_error *found = dd_rtsp_error_find(rows[i].error);
        ck_assert_ptr_nonnull(found);
        ck_assert_int_eq(found->av_error, rows[i].error);
        ck_assert_int_eq(found->reason, rows[i].reason);
        ck_assert_str_ne(found->text, "");
    }
}
END_TEST

/* The caller knows whether it is a time-out, a stop or a redirection. */
START_TEST(leaves_others_to_the_caller)
{
    static const int others[] = {0, AVERROR_EXIT, AVERROR(ETIMEDOUT), AVERROR(EINVAL), AVERROR(EAGAIN), AVERROR_BUG};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_ptr_null(dd_rtsp_error_find(others[i]));
}
END_TEST

SUITE("send/capture/rtsp/rtsp_error", finds_what_an_error_means, leaves_others_to_the_caller)
