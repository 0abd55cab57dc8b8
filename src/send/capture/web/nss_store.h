/* The NSS certificate store in a browser's home directory, from which Chromium on Linux takes the authorities that it trusts
 * besides its own. */
#ifndef DD_SEND_CAPTURE_WEB_NSS_STORE_H
#define DD_SEND_CAPTURE_WEB_NSS_STORE_H

struct dd_source_io;

/* Makes the store at home/.pki/nssdb with certutil(1), and adds the certificates of the PEM text as trusted authorities. Waits
 * for certutil until io's deadline. 0; DD_ERROR_SOURCE, set with dd_source_fail(), without certutil; DD_ERROR_STOPPED; or another
 * negative enum dd_error, logged. */
int dd_nss_store_create(const char *home, const char *pem, struct dd_source_io *io);

#endif
