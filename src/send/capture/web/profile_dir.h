/* The private folder of a browser: in $TMPDIR or /tmp, mode 0700, locked for as long as it is in use. */
#ifndef DD_SEND_CAPTURE_WEB_PROFILE_DIR_H
#define DD_SEND_CAPTURE_WEB_PROFILE_DIR_H

/* The option of the browser that names it, with a folder of its own in it. */
#define DD_PROFILE_DIR_ARGUMENT "--user-data-dir="

enum { DD_PROFILE_DIR_PATH_SIZE = 64 }; /* sockets of the browser are in it, whose paths are short */

struct dd_profile_dir {
    char path[DD_PROFILE_DIR_PATH_SIZE]; /* "": none */
    int fd;                              /* locked */
};

/* Removes the folders that this user's roles left behind when they were killed, ends the browsers that are still in them, and
 * makes a new one. 0 or a negative enum dd_error, logged, and folder is empty. */
int dd_profile_dir_create(struct dd_profile_dir *dir);

/* Removes what is there of it by now; it stays locked, for the next call of remove. */
void dd_profile_dir_clear(struct dd_profile_dir *dir);

/* Removes it with all that is in it. An empty folder is fine. */
void dd_profile_dir_remove(struct dd_profile_dir *dir);

#endif
