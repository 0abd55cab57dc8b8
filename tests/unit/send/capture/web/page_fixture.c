#include "page_fixture.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/buffer.h"
#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "send/capture/web/page_script.h"
#include "send/capture/web/web_options.h"

struct page_fixture fixture;

const char fixture_white[] = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAADklEQVR4nGP4DwYMEAoAU7oL9ZisIGcAAAAASUVORK5CYII=";
const char fixture_dark[] =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGPgEpEDIgYIBQAGTgDxOGMygQAAAABJRU5ErkJggg==";

static struct dd_web_options web_options;
static int to_us, from_us; /* the browser's ends of the pipe */
static char inbox[1 << 20];
static size_t inbox_size;
static char loader_id[16];

/* ---- clock and memory ---- */

int __real_dd_buffer_assign(struct dd_buffer *buffer, const void *bytes, size_t size);
int __wrap_dd_buffer_assign(struct dd_buffer *buffer, const void *bytes, size_t size);
int __wrap_dd_buffer_assign(struct dd_buffer *buffer, const void *bytes, size_t size)
{
    if (!fixture.no_memory)
        return __real_dd_buffer_assign(buffer, bytes, size);
    buffer->size = 0;
    return DD_ERROR_MEMORY;
}

char *__real_dd_page_script_build(const char *file, struct dd_json *arguments, size_t count);
char *__wrap_dd_page_script_build(const char *file, struct dd_json *arguments, size_t count);
char *__wrap_dd_page_script_build(const char *file, struct dd_json *arguments, size_t count)
{
    if (!fixture.no_scripts)
        return __real_dd_page_script_build(file, arguments, count);
    dd_json_free(arguments);
    return NULL;
}

void fixture_pass_ms(uint64_t ms)
{
    fixture.now_us += ms * DD_CLOCK_US_PER_MS;
    suite_stop_clock(fixture.now_us);
}

uint64_t fixture_in_ms(uint64_t ms)
{
    return fixture.now_us + ms * DD_CLOCK_US_PER_MS;
}

/* ---- the browser ---- */

static void handle_event(void *context, const struct dd_cdp_event *event)
{
    (void)context;
    if (!(fixture.screenshots && dd_screenshots_event(fixture.screenshots, event)))
        dd_page_event(fixture.page, event);
}

static void feed(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void feed(const char *format, ...)
{
    static char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ck_assert_int_eq(dd_cdp_feed(fixture.cdp, text, strlen(text) + 1), 0);
}

const char *fixture_command(void)
{
    unsigned line;
    ssize_t n = read(from_us, inbox + inbox_size, sizeof inbox - inbox_size);
    if (n > 0)
        inbox_size += (size_t)n;
    if (!inbox_size)
        return "";
    size_t length = strlen(inbox) + 1;
    dd_json_free(fixture.command);
    fixture.command = dd_json_parse(inbox, length - 1, &line);
    fixture.command_id = dd_json_integer(dd_json_member(fixture.command, "id"));
    inbox_size -= length;
    memmove(inbox, inbox + length, inbox_size);
    return dd_json_string(dd_json_member(fixture.command, "method"));
}

const struct dd_json *fixture_param(const char *name)
{
    return dd_json_member(dd_json_member(fixture.command, "params"), name);
}

bool fixture_expression_has(const char *text)
{
    return strstr(dd_json_string(fixture_param("expression")), text) != NULL;
}

void fixture_answer_to(int64_t id, const char *result)
{
    feed("{\"id\":%d,\"result\":%s,\"sessionId\":\"S\"}", (int)id, result);
}

void fixture_answer(const char *result)
{
    fixture_answer_to(fixture.command_id, result);
}

void fixture_answer_value(const char *value)
{
    feed("{\"id\":%d,\"result\":{\"result\":{\"value\":%s}},\"sessionId\":\"S\"}", (int)fixture.command_id, value);
}

void fixture_answer_picture_to(int64_t id, const char *data)
{
    feed("{\"id\":%d,\"result\":{\"data\":\"%s\"},\"sessionId\":\"S\"}", (int)id, data);
}

void fixture_answer_picture(const char *data)
{
    fixture_answer_picture_to(fixture.command_id, data);
}

void fixture_refuse(void)
{
    feed("{\"id\":%d,\"error\":{\"message\":\"no\"},\"sessionId\":\"S\"}", (int)fixture.command_id);
}

void fixture_frame(const char *data, unsigned age_ms)
{
    /* one with a stamp of the future has no age */
    double stamp = age_ms ? dd_clock_seconds(dd_clock_wall_us()) - age_ms / 1000.0 : 1e12;
    struct dd_json *command = fixture.command;
    int64_t id = fixture.command_id;
    fixture.command = NULL;
    feed("{\"method\":\"Page.screencastFrame\",\"params\":{\"data\":\"%s\",\"metadata\":{\"timestamp\":%.6f},\"sessionId\":7},"
         "\"sessionId\":\"S\"}",
         data, stamp);
    EXPECT_COMMAND("Page.screencastFrameAck");
    ck_assert_int_eq(dd_json_integer(fixture_param("sessionId")), 7);
    /* the command before can still be answered */
    dd_json_free(fixture.command);
    fixture.command = command;
    fixture.command_id = id;
}

static void send_navigated(void)
{
    feed("{\"method\":\"Page.frameNavigated\",\"params\":{\"frame\":{\"id\":\"F\",\"loaderId\":\"%s\",\"url\":\"http://h/\"}},"
         "\"sessionId\":\"S\"}",
         loader_id);
}

static void send_lifecycle(void)
{
    static const char *const names[] = {"DOMContentLoaded", "load", "networkAlmostIdle"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        feed("{\"method\":\"Page.lifecycleEvent\",\"params\":{\"frameId\":\"F\",\"loaderId\":\"%s\",\"name\":\"%s\"},"
             "\"sessionId\":\"S\"}",
             loader_id, names[i]);
}

static void answer_evaluation(void)
{
    if (fixture_expression_has("responseStatus")) {
        fixture_answer_value("200");
        send_lifecycle();
    } else {
        fixture_answer_value("\"right\"");
    }
}

void fixture_become_ready(void)
{
    for (int i = 0; i < 100 && dd_page_state(fixture.page) == DD_PAGE_LOADING; i++) {
        const char *method = fixture_command();
        if (strcmp(method, "Target.createTarget") == 0) {
            fixture_answer("{\"targetId\":\"T\"}");
        } else if (strcmp(method, "Target.attachToTarget") == 0) {
            fixture_answer("{\"sessionId\":\"S\"}");
        } else if (strcmp(method, "Page.navigate") == 0) {
            fixture_answer("{}");
            send_navigated();
        } else if (strcmp(method, "Page.createIsolatedWorld") == 0) {
            fixture_answer("{\"executionContextId\":3}");
        } else if (strcmp(method, "Runtime.evaluate") == 0) {
            answer_evaluation();
        } else if (*method) {
            fixture_answer("{}");
        } else {
            dd_page_step(fixture.page);
        }
    }
    ck_assert_int_eq(dd_page_state(fixture.page), DD_PAGE_READY);
}

void fixture_begin_document(const char *loader)
{
    snprintf(loader_id, sizeof loader_id, "%s", loader);
    send_navigated();
}

void fixture_navigate(const char *loader)
{
    fixture_begin_document(loader);
    fixture_become_ready();
}

/* ---- life ---- */

void fixture_set_options(int64_t interval_ms)
{
    fixture.options =
        (struct dd_send_stream){.interval = interval_ms * DD_CLOCK_US_PER_MS, .timeout = 30 * DD_CLOCK_US_PER_S, .page_zoom = 1};
    snprintf(fixture.options.source, sizeof fixture.options.source, "http://h/");
    snprintf(fixture.options.capture_resolution, sizeof fixture.options.capture_resolution, "800x600");
}

void fixture_open(void)
{
    int in[2], out[2];
    char why[256];
    const char *fault;
    fixture.now_us = 1000 * DD_CLOCK_US_PER_S;
    suite_stop_clock(fixture.now_us);
    ck_assert_int_eq(dd_web_options_parse(&web_options, &fixture.options, &fault, why, sizeof why), 0);
    ck_assert_int_eq(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    to_us = in[1];
    from_us = out[0];
    fcntl(from_us, F_SETFL, O_NONBLOCK);
    const struct dd_cdp_config config = {.read_fd = in[0], .write_fd = out[1], .event = handle_event};
    fixture.cdp = dd_cdp_new(&config);
    fixture.page = dd_page_open(fixture.cdp, &web_options, fixture_in_ms(30000));
    snprintf(loader_id, sizeof loader_id, "L1");
    fixture_become_ready();
    fixture.screenshots = dd_screenshots_new(fixture.page, &web_options);
    ck_assert_ptr_nonnull(fixture.screenshots);
}

void fixture_open_to_screenshot(void)
{
    fixture_open();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_frame(fixture_white, 0);
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_pass_ms(500);
}

void fixture_open_to_idle(void)
{
    fixture_open_to_screenshot();
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("0");
    EXPECT_NEXT(DD_SCREENSHOTS_SAME);
    EXPECT_NO_COMMAND();
}

void fixture_close(void)
{
    dd_screenshots_free(fixture.screenshots);
    dd_page_close(fixture.page);
    dd_cdp_free(fixture.cdp);
    dd_json_free(fixture.command);
    close(to_us);
    close(from_us);
    fixture = (struct page_fixture){0};
    suite_stop_clock(0);
    inbox_size = 0;
}

/* ---- the code under test ---- */

int fixture_next(uint64_t due_us)
{
    fixture.picture = (struct dd_picture){0};
    return dd_screenshots_next(fixture.screenshots, &fixture.io, due_us, &fixture.picture);
}

uint64_t fixture_wake_us(void)
{
    return dd_screenshots_wake_us(fixture.screenshots, fixture.now_us);
}
