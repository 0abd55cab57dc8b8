/* What a daemon can take of memory at most: by role, and by what it is for. The bound that --check-config prints, and the table
 * in docs/configuration.md. Not in it is what every process has: its program, its libraries, its stacks. */
#ifndef DD_BASE_MEMORY_TABLE_H
#define DD_BASE_MEMORY_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { DD_MEMORY_TABLE_ROWS_MAX = 24 };

/* All zero: an empty table. */
struct dd_memory_table {
    size_t count;
    struct dd_memory_table_row {
        const char *role, *what; /* static */
        uint64_t bytes;
    } rows[DD_MEMORY_TABLE_ROWS_MAX];
};

/* Adds bytes to the row of role and what, both static; a new one comes last. */
void dd_memory_table_add(struct dd_memory_table *table, const char *role, const char *what, uint64_t bytes);

/* The sum of all rows, in bytes. */
uint64_t dd_memory_table_sum(const struct dd_memory_table *table);

/* Prints a line for each row: role, what, MiB. */
void dd_memory_table_print(const struct dd_memory_table *table, FILE *out);

#endif
