#include "send/session_store.h"

#include <stdio.h>
#include <unistd.h>

#include "suite.h"

START_TEST(stores_starts_by_key_id)
{
    char dir[] = "/tmp/dd-test-store-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_uint_eq(dd_send_session_store_load(dir, 1), 0);
    ck_assert_int_eq(dd_send_session_store_save(dir, 1, UINT64_C(1795377688941791)), 0);
    ck_assert_int_eq(dd_send_session_store_save(dir, 0xfedcba98, 5), 0);
    ck_assert_uint_eq(dd_send_session_store_load(dir, 1), UINT64_C(1795377688941791));
    ck_assert_uint_eq(dd_send_session_store_load(dir, 0xfedcba98), 5);
    ck_assert_int_eq(dd_send_session_store_save(dir, 1, 6), 0);
    ck_assert_uint_eq(dd_send_session_store_load(dir, 1), 6);

    static const char *const damaged[] = {"", "\n", "x\n", "12", "12\n3", "-1\n", "9999999999999999999\n"};
    snprintf(path, sizeof path, "%s/session-00000001", dir);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        FILE *f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        fputs(damaged[i], f);
        fclose(f);
        ck_assert_uint_eq(dd_send_session_store_load(dir, 1), 0);
    }
    unlink(path);
    snprintf(path, sizeof path, "%s/session-fedcba98", dir);
    unlink(path);
    rmdir(dir);
    ck_assert_int_lt(dd_send_session_store_save(dir, 1, 6), 0);
}
END_TEST

START_TEST(tells_of_files_that_were_replaced)
{
    char dir[] = "/tmp/dd-test-store-XXXXXX", path[64];
    uint64_t version = 0;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_uint_eq(dd_send_session_store_load_changed(dir, 1, &version), 0);
    for (uint64_t start_us = 100; start_us < 110; start_us++) {
        ck_assert_int_eq(dd_send_session_store_save(dir, 1, start_us), 0);
        ck_assert_uint_eq(dd_send_session_store_load_changed(dir, 1, &version), start_us);
        ck_assert_uint_eq(dd_send_session_store_load_changed(dir, 1, &version), 0);
    }
    snprintf(path, sizeof path, "%s/session-00000001", dir);
    unlink(path);
    ck_assert_uint_eq(dd_send_session_store_load_changed(dir, 1, &version), 0);
    rmdir(dir);
}
END_TEST

SUITE("send/session_store", stores_starts_by_key_id, tells_of_files_that_were_replaced)
