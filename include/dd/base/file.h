/* Small files, read and written whole. */
#ifndef DD_BASE_FILE_H
#define DD_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Reads path into bytes, at most size. Returns the length, or a negative enum dd_error, logged (DD_ERROR_SPACE: larger
 * than size). With secret, a file that others than its owner's group can read or that anyone else can write is refused,
 * and what was read is wiped on failure. */
long dd_file_read(const char *path, void *bytes, size_t size, bool secret);

/* The same check for a file that turned out to hold a secret. 0 or a negative enum dd_error, logged. */
int dd_file_check_secret(const char *path);

/* Reads the first line of a file with a secret into text (ended by NUL; white space at its end removed). 0 or a negative
 * enum dd_error, logged. */
int dd_file_read_secret_line(const char *path, char *text, size_t size);

/* Replaces path by size bytes (mode 0600) so that either the old or the new content is there, whatever happens. 0 or a
 * negative enum dd_error, logged. */
int dd_file_replace(const char *path, const void *bytes, size_t size);

/* Finds and makes the folder for a daemon's state: wanted, if not empty; else $STATE_DIRECTORY; else /var/lib/PROGRAM for
 * root; else $XDG_STATE_HOME/PROGRAM or ~/.local/state/PROGRAM. 0, or a negative enum dd_error, logged. */
int dd_file_state_dir(const char *program, const char *wanted, char *path, size_t size);

#endif
