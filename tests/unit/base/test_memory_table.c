#include "dd/base/memory_table.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

START_TEST(adds_up_by_role_and_purpose)
{
    struct dd_memory_table table = {0};
    ck_assert_uint_eq(dd_memory_table_sum(&table), 0);
    dd_memory_table_add(&table, "a", "pictures", 1 << 20);
    dd_memory_table_add(&table, "b", "pictures", 2 << 20);
    dd_memory_table_add(&table, "a", "marks", 3 << 20);
    dd_memory_table_add(&table, "a", "pictures", 4 << 20);
    ck_assert_uint_eq(table.count, 3);
    ck_assert_uint_eq(table.rows[0].bytes, 5 << 20);
    ck_assert_str_eq(table.rows[2].what, "marks");
    ck_assert_uint_eq(dd_memory_table_sum(&table), 10 << 20);
}
END_TEST

START_TEST(prints_a_line_for_each_row)
{
    struct dd_memory_table table = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    dd_memory_table_add(&table, "intake", "the rings", UINT64_C(1536) << 20);
    dd_memory_table_add(&table, "serve", "viewers", 0);
    dd_memory_table_print(&table, out);
    fclose(out);
    ck_assert_str_eq(text, "  intake            the rings                                           1536.0 MiB\n"
                           "  serve             viewers                                                0.0 MiB\n");
    free(text);
}
END_TEST

SUITE("base/memory_table", adds_up_by_role_and_purpose, prints_a_line_for_each_row)
