/* Error codes of all functions that return int: 0 is success, a negative enum dd_error is the kind of failure.
 * Who detects an error logs it, with what it was about; callers only pass the code on. */
#ifndef DD_BASE_ERROR_H
#define DD_BASE_ERROR_H

enum dd_error {
    DD_ERROR_MEMORY = -1,     /* memory or another resource of the process is exhausted */
    DD_ERROR_SYSTEM = -2,     /* a system call failed */
    DD_ERROR_INPUT = -3,      /* what was given is not valid */
    DD_ERROR_SPACE = -4,      /* it does not fit, or is above a limit */
    DD_ERROR_CRYPTO = -5,     /* the cryptographic library refused */
    DD_ERROR_TIMEOUT = -6,    /* a wait reached its limit */
    DD_ERROR_STOPPED = -7,    /* the process is to stop */
    DD_ERROR_AGAIN = -8,      /* nothing there yet; not an error to log */
    DD_ERROR_GONE = -9,       /* what was asked for is no longer there */
    DD_ERROR_SOURCE = -10,    /* a source cannot be watched; its reason says why */
    DD_ERROR_AMBIGUOUS = -11, /* what was given can be read in more than one way */
};

/* A few words for error, which may be 0; never NULL, static. */
const char *dd_error_text(int error);

#endif
