/* Small files, read and written as a whole. Thread-safe. */
#ifndef DD_BASE_FILE_H
#define DD_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Reads path into bytes, at most size. Returns the length, or a negative enum dd_error, logged (DD_ERROR_SPACE: larger
 * than size). With secret, the file is refused if others than its owner and its group can read it, others than its owner can
 * write it, or its owner is neither root nor the user of this process; what was read is wiped on failure. */
long dd_file_read(const char *path, void *bytes, size_t size, bool secret);

/* The same check, for a file that was found to hold a secret after it was read. what names the secret in the message. 0 or a
 * negative enum dd_error, logged. */
int dd_file_check_secret(const char *path, const char *what);

/* Reads the first line of a secret file into text of size bytes, without white space at its end, terminated by NUL. 0 or a
 * negative enum dd_error, logged. */
int dd_file_read_secret_line(const char *path, char *text, size_t size);

/* Replaces the content of path by size bytes, mode 0600. Atomic: after a crash it has either the old or the new content. 0 or a
 * negative enum dd_error, logged. */
int dd_file_replace(const char *path, const void *bytes, size_t size);

/* Chooses the folder for a daemon's state, creates it, checks that nobody else can write in it, and writes its path: wanted, if
 * not empty; else $STATE_DIRECTORY; else /var/lib/PROGRAM for root; else $XDG_STATE_HOME/PROGRAM or ~/.local/state/PROGRAM. 0, or
 * a negative enum dd_error, logged. */
int dd_file_state_dir(const char *program, const char *wanted, char *path, size_t size);

#endif
