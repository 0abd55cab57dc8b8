#include "send/capture/rtsp/rtsp_error.h"

#include <errno.h>
#include <stddef.h>

#include <libavutil/error.h>

static const struct dd_rtsp_error errors[] = {
    {AVERROR(ECONNREFUSED), DD_WIRE_REASON_UNREACHABLE,
     "connection refused; check the address and port, and that the camera's RTSP service is on"},
    {AVERROR(EHOSTUNREACH), DD_WIRE_REASON_UNREACHABLE, "no way to this host; check the address, the network and the firewall"},
    {AVERROR(ENETUNREACH), DD_WIRE_REASON_UNREACHABLE,
     "no route to this network; check the address and the routes of this machine"},
    {AVERROR(EACCES), DD_WIRE_REASON_UNREACHABLE, "this machine's firewall forbids the connection"},
    {AVERROR(EPERM), DD_WIRE_REASON_UNREACHABLE, "this machine's firewall forbids the connection"},
    {AVERROR(ECONNRESET), DD_WIRE_REASON_ENDED, "the camera cut the connection"},
    {AVERROR(EPIPE), DD_WIRE_REASON_ENDED, "the camera cut the connection"},
    {AVERROR_EOF, DD_WIRE_REASON_ENDED, "the camera closed the connection"},
    {AVERROR(EIO), DD_WIRE_REASON_ENDED, "the camera closed the connection in the middle of an answer"},
    {AVERROR(ENOMEM), DD_WIRE_REASON_BROKEN, "its stream takes more memory than allowed"},
    {AVERROR_HTTP_UNAUTHORIZED, DD_WIRE_REASON_CREDENTIALS, "wrong user name or password; set username and password"},
    {AVERROR_HTTP_FORBIDDEN, DD_WIRE_REASON_CREDENTIALS,
     "this user may not watch it; set another username, or allow it at the camera"},
    {AVERROR_HTTP_NOT_FOUND, DD_WIRE_REASON_NOT_FOUND, "no such path; check what follows the host in the URL"},
    {AVERROR_HTTP_BAD_REQUEST, DD_WIRE_REASON_BROKEN, "the camera calls the request bad; check the URL"},
    {AVERROR_HTTP_OTHER_4XX, DD_WIRE_REASON_BROKEN,
     "the camera refuses the request; check the URL and try the other rtsp_transport"},
    {AVERROR_HTTP_SERVER_ERROR, DD_WIRE_REASON_BROKEN, "the camera reports an error of its own; it may have too many viewers"},
    {AVERROR(EPROTONOSUPPORT), DD_WIRE_REASON_UNSUITABLE, "the camera does not offer this rtsp_transport; set the other one"},
    {AVERROR_INVALIDDATA, DD_WIRE_REASON_BROKEN, "its answer cannot be understood; is it an RTSP service?"},
};

const struct dd_rtsp_error *dd_rtsp_error_find(int av_error)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].av_error == av_error)
            return &errors[i];
    return NULL;
}
