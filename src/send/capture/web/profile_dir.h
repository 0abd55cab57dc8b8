/* The private directory of a browser: in $TMPDIR or /tmp, with mode 0700, and locked (flock(2)) for as long as it is in use. */
#ifndef DD_SEND_CAPTURE_WEB_PROFILE_DIR_H
#define DD_SEND_CAPTURE_WEB_PROFILE_DIR_H

/* Chromium's option for its profile, which is a directory within this one. */
#define DD_PROFILE_DIR_ARGUMENT "--user-data-dir="

enum { DD_PROFILE_DIR_PATH_SIZE = 64 }; /* the browser has Unix sockets in it, and their paths are limited */

struct dd_profile_dir {
    char path[DD_PROFILE_DIR_PATH_SIZE]; /* "": none */
    int fd;                              /* of the directory; holds the lock */
};

/* Makes a new directory. First removes those that roles of this user left behind when they were killed, and kills the browsers
 * that still use them. 0; or DD_ERROR_SYSTEM, logged, with *dir empty. */
int dd_profile_dir_create(struct dd_profile_dir *dir);

/* Removes the directory and all files in it, but keeps the lock. The browser may still write new ones: dd_profile_dir_remove().
 */
void dd_profile_dir_clear(struct dd_profile_dir *dir);

/* Removes the directory with all files in it, and frees the lock. Does nothing if *dir is empty. */
void dd_profile_dir_remove(struct dd_profile_dir *dir);

#endif
