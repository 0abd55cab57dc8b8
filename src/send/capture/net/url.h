/* URLs of sources, as people write them: with a user name and a password, percent-encoded or not. Pure, thread-safe. */
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

/* What to say of DD_ERROR_AMBIGUOUS; it goes on after the option's name. */
#define DD_URL_AMBIGUOUS_TEXT                                                                                                    \
    "more than one host can be read from it: give the password in password_file, and write an '@' in the path as %40"

/* Reads a URL that a person wrote. User info is read as RFC 3986 says it (url_parts.h). But user name and password may be written
 * raw, with '@', '/', ':', '?', '#', '\' or '%' in them: then an '@' behind the strict authority ends them, if a ':' stands
 * before it, and a valid host and port behind it. %XX stands for its character where it is valid (and not %00), else for itself.
 * 0; DD_ERROR_AMBIGUOUS if there is more than one reading, the strict one included; DD_ERROR_INPUT if there is none, or the rest
 * holds blanks or control characters; DD_ERROR_SPACE if a part is too long. On errors *url is wiped.
 * Where the strict reading is valid, a raw one does not count
 *   - if the ':' stands behind the strict authority, in a page's URL (http, https), or before a host that is neither an IP
 * literal nor has a port;
 *   - before such a host in the URL of a page that strictly has no user info.
 * Only for URLs of the configuration: of one that a page gives, a raw reading could be another host than the browser's. */
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
