#include "send/session_store.h"

#include <stdio.h>
#include <unistd.h>

#include "suite.h"

START_TEST(keeps_starts_by_key_id)
{
    char folder[] = "/tmp/dd-test-store-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_uint_eq(dd_send_session_store_load(folder, 1), 0);
    ck_assert_int_eq(dd_send_session_store_save(folder, 1, UINT64_C(1795377688941791)), 0);
    ck_assert_int_eq(dd_send_session_store_save(folder, 0xfedcba98, 5), 0);
    ck_assert_uint_eq(dd_send_session_store_load(folder, 1), UINT64_C(1795377688941791));
    ck_assert_uint_eq(dd_send_session_store_load(folder, 0xfedcba98), 5);
    ck_assert_int_eq(dd_send_session_store_save(folder, 1, 6), 0);
    ck_assert_uint_eq(dd_send_session_store_load(folder, 1), 6);

    static const char *const damaged[] = {"", "\n", "x\n", "12", "12\n3", "-1\n", "9999999999999999999\n"};
    snprintf(path, sizeof path, "%s/session-00000001", folder);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        FILE *f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        fputs(damaged[i], f);
        fclose(f);
        ck_assert_uint_eq(dd_send_session_store_load(folder, 1), 0);
    }
    unlink(path);
    snprintf(path, sizeof path, "%s/session-fedcba98", folder);
    unlink(path);
    rmdir(folder);
    ck_assert_int_lt(dd_send_session_store_save(folder, 1, 6), 0);
}
END_TEST

SUITE("send/session_store", keeps_starts_by_key_id)
