/* The certificates of a private authority, where a browser looks for them: in the NSS store of its home folder. */
#ifndef DD_SEND_CAPTURE_WEB_NSS_STORE_H
#define DD_SEND_CAPTURE_WEB_NSS_STORE_H

struct dd_source_io;

/* Makes the store below home, with the certificates of the PEM text, by certutil(1), within io's deadline. 0; or
 * DD_ERROR_SOURCE, told in io; or another negative enum dd_error, logged. */
int dd_nss_store_create(const char *home, const char *pem, struct dd_source_io *io);

#endif
