#include "dd/base/memory_table.h"

#include <assert.h>
#include <string.h>

void dd_memory_table_add(struct dd_memory_table *table, const char *role, const char *what, uint64_t bytes)
{
    size_t i = 0;
    while (i < table->count && (strcmp(table->rows[i].role, role) != 0 || strcmp(table->rows[i].what, what) != 0))
        i++;
    assert(i < DD_MEMORY_TABLE_ROWS_MAX);
    if (i == table->count)
        table->rows[table->count++] = (struct dd_memory_table_row){.role = role, .what = what};
    table->rows[i].bytes += bytes;
}

uint64_t dd_memory_table_sum(const struct dd_memory_table *table)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < table->count; i++)
        sum += table->rows[i].bytes;
    return sum;
}

void dd_memory_table_print(const struct dd_memory_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++)
        fprintf(out, "  %-17s %-48s %9.1f MiB\n", table->rows[i].role, table->rows[i].what,
                (double)table->rows[i].bytes / (1024 * 1024));
}
