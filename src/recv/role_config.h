/* The configuration of ddrecv's roles, made of the options: everything is checked, keys are read, nothing is started. */
#ifndef DD_RECV_ROLE_CONFIG_H
#define DD_RECV_ROLE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "dd/base/memory_table.h"
#include "recv/options.h"

struct dd_intake_config;
struct dd_serve_config;

/* A UDP socket that streams share. */
struct dd_recv_role_config_port {
    char host[DD_RECV_SHORT];
    char interface[DD_RECV_SHORT]; /* "": any */
    uint16_t port;
};

struct dd_recv_role_config {
    size_t stream_count, port_count;
    struct dd_recv_role_config_port ports[DD_OPTIONS_STREAMS_MAX];
    struct dd_intake_config *intake; /* owned; holds the keys */
    size_t intake_size;
    struct dd_serve_config *serve; /* owned */
    size_t serve_size;
    struct dd_memory_table memory; /* of all roles */
};

/* Checks the options and reads key files; wipes the secrets from options. 0; or a negative enum dd_error, logged, with *config
 * empty. */
int dd_recv_role_config_build(struct dd_recv_role_config *config, struct dd_options *options);

/* True if the options tell whose stores a command such as --forget-session is for; else logged. */
bool dd_recv_role_config_knows_stores(struct dd_options *options, const char *command);
/* Writes the name of the store of stream i's saved session. */
void dd_recv_role_config_store_name(struct dd_options *options, size_t i, char name[static DD_OPTIONS_NAME_SIZE]);

/* Wipes and frees what the configuration holds. */
void dd_recv_role_config_free(struct dd_recv_role_config *config);

#endif
