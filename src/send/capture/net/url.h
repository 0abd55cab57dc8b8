/* URLs with a user name and a password in them, as people write them: percent-encoded or not. Nothing is fetched here. */
#ifndef DD_SEND_CAPTURE_NET_URL_H
#define DD_SEND_CAPTURE_NET_URL_H

#include <stdbool.h>
#include <stddef.h>

enum { DD_URL_SIZE = 2048, DD_URL_USER_SIZE = 1024 };

struct dd_url {
    char scheme[16];                 /* in lower case, without "://" */
    bool has_user;                   /* there is user info; username and password may still be empty */
    char username[DD_URL_USER_SIZE]; /* decoded */
    char password[DD_URL_USER_SIZE]; /* decoded; secret: dd_url_wipe() */
    char host[256];                  /* without the brackets of an IPv6 literal */
    int port;                        /* 0: none */
    char rest[DD_URL_SIZE];          /* path, query and fragment as they were */
};

/* Takes text apart: as RFC 3986 says at first. But a password may be written raw, with '@', '/', ':', '?', '#' or '%' in
 * it: when that reading gives no valid host and port, or has no full user info and there is an '@' further behind, after
 * "user:…" and before an IP address or a host with a port, then the last such '@' ends the user info. %XX stands for its
 * character where it is valid (and not %00), else for itself. 0; or DD_ERROR_INPUT if it is no URL or holds blanks or
 * control characters outside its user info; DD_ERROR_SPACE if a part is too long. On errors *url is wiped. */
int dd_url_parse(struct dd_url *url, const char *text);

/* Write the URL with its user info percent-encoded (all but unreserved characters), or as for logs and messages: without
 * user info, and up to where parameters start ("..."), in which some cameras take a password. 0 or DD_ERROR_SPACE. */
int dd_url_write(const struct dd_url *url, char *text, size_t size);
int dd_url_write_plain(const struct dd_url *url, char *text, size_t size);

/* Writes "username:password", percent-encoded. The length, or 0 if it does not fit. */
size_t dd_url_write_user(const struct dd_url *url, char *text, size_t size);

/* Blanks out user info of the URL in text, for messages of others: the password raw and encoded, user name and
 * password together, raw, encoded and in the base64 of HTTP's Basic, and the parameters in its path or query. */
void dd_url_scrub(const struct dd_url *url, char *text);

void dd_url_wipe(struct dd_url *url);

#endif
