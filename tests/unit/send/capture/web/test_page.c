/* What a page needs to become ready. */
#include "send/capture/web/page.h"

#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "page_fixture.h"

START_TEST(a_page_fails_without_memory_for_asking_its_status)
{
    fixture_set_options(2000);
    fixture_open();
    fixture.no_scripts = true;
    fixture_begin_document("L2");
    EXPECT_COMMAND("Page.createIsolatedWorld");
    fixture_answer("{\"executionContextId\":3}");
    ck_assert_int_eq(dd_page_state(fixture.page), DD_PAGE_FAILED);
    ck_assert_int_eq(dd_page_report(fixture.page, &fixture.io), DD_ERROR_SOURCE);
    ck_assert_uint_eq(fixture.io.reason, DD_WIRE_REASON_CAPTURE);
    fixture_close();
}
END_TEST

SUITE("send/capture/web/page", a_page_fails_without_memory_for_asking_its_status)
