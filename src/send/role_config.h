/* The configuration of ddsend's roles, made of the options: everything is checked, secrets are read, nothing is started. */
#ifndef DD_SEND_ROLE_CONFIG_H
#define DD_SEND_ROLE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "dd/base/memory_table.h"

struct dd_capture_config;
struct dd_options;
struct dd_transmit_config;

enum { DD_SEND_ROLE_CONFIG_LABEL = 1024 };

struct dd_send_role_config {
    size_t stream_count;
    struct dd_transmit_config *transmit; /* owned; holds the keys */
    size_t transmit_size;
    struct dd_capture_config *captures;        /* owned, one per stream; hold the sources' passwords */
    uint32_t *key_ids;                         /* owned, one per stream */
    char (*labels)[DD_SEND_ROLE_CONFIG_LABEL]; /* owned, one per stream: what it watches and where it goes, without secrets */
    struct dd_memory_table memory;             /* of all roles, and of their browsers */
};

/* Checks the options and reads key and password files; wipes the secrets from options. 0; or a negative enum dd_error, logged,
 * with the configuration empty. */
int dd_send_role_config_build(struct dd_send_role_config *config, struct dd_options *options);

/* Logs what each stream watches, and where it goes. */
void dd_send_role_config_log(const struct dd_send_role_config *config);

/* Wipes and frees what the configuration holds. */
void dd_send_role_config_free(struct dd_send_role_config *config);

#endif
