/* From options to what the roles of ddsend are told: everything checked, secrets read, nothing started. */
#ifndef DD_SEND_ROLE_CONFIG_H
#define DD_SEND_ROLE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

struct dd_capture_config;
struct dd_options;
struct dd_transmit_config;

struct dd_send_role_config {
    size_t stream_count;
    struct dd_transmit_config *transmit; /* owned; holds the keys */
    size_t transmit_size;
    struct dd_capture_config *captures; /* owned, one per stream; hold the sources' passwords */
    uint32_t *key_ids;                  /* owned, one per stream */
    uint64_t memory_bytes;              /* that frames take at most */
};

/* Checks the options and reads key and password files. 0; or a negative enum dd_error after it was logged, with plan
 * empty. What is secret in options is wiped from them. */
int dd_send_role_config_build(struct dd_send_role_config *plan, struct dd_options *options);

/* Wipes and frees what plan holds. */
void dd_send_role_config_free(struct dd_send_role_config *plan);

#endif
