/* Saves when the newest session of each key started, in one small file per key id in state_dir. So a session after a restart
 * starts later, even if the clock was set back. */
#ifndef DD_SEND_SESSION_STORE_H
#define DD_SEND_SESSION_STORE_H

#include <stdint.h>

/* Returns the saved start for a key id, in µs since 1970; 0 if there is none. A file that cannot be read is logged. */
uint64_t dd_send_session_store_load(const char *state_dir, uint32_t key_id);

/* The same, if the file was replaced since the last call with this *version, which begins as 0; else 0. */
uint64_t dd_send_session_store_load_changed(const char *state_dir, uint32_t key_id, uint64_t *version);

/* Saves start_us for a key id. 0 or a negative enum dd_error, logged. */
int dd_send_session_store_save(const char *state_dir, uint32_t key_id, uint64_t start_us);

#endif
