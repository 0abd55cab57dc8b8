#include "dd/base/error.h"

const char *dd_error_text(int error)
{
    switch (error) {
    case 0:
        return "success";
    case DD_ERROR_MEMORY:
        return "out of memory";
    case DD_ERROR_SYSTEM:
        return "the system refused";
    case DD_ERROR_INPUT:
        return "not valid";
    case DD_ERROR_SPACE:
        return "too large";
    case DD_ERROR_CRYPTO:
        return "the cryptographic library refused";
    case DD_ERROR_TIMEOUT:
        return "timed out";
    case DD_ERROR_STOPPED:
        return "stopped";
    case DD_ERROR_AGAIN:
        return "nothing there yet";
    case DD_ERROR_GONE:
        return "no longer there";
    case DD_ERROR_SOURCE:
        return "the source cannot be watched";
    case DD_ERROR_AMBIGUOUS:
        return "ambiguous";
    default:
        return "unknown error";
    }
}
