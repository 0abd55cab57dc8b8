#include "send/capture/web/cdp.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "suite.h"

static struct dd_cdp *cdp;
static int browser_write_fd, browser_read_fd; /* the ends of the pipes that the browser has */
static char events[1024];                     /* "session method value;" … */
static struct {
    int count, error;
    double value;
    char text[64];
} answers;

static void on_event(void *context, const struct dd_cdp_event *event)
{
    (void)context;
    snprintf(events + strlen(events), sizeof events - strlen(events), "%s %s %g;", event->session_id, event->method,
             dd_json_number(dd_json_member(event->params, "v")));
}

static void on_answer(void *context, const struct dd_cdp_answer *answer)
{
    (void)context;
    answers.count++;
    answers.error = answer->error;
    answers.value = dd_json_number(dd_json_member(answer->result, "v"));
    snprintf(answers.text, sizeof answers.text, "%s", answer->text);
}

static void open_cdp(void)
{
    int in[2], out[2];
    ck_assert_int_eq(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    browser_write_fd = in[1];
    browser_read_fd = out[0];
    fcntl(browser_read_fd, F_SETFL, O_NONBLOCK);
    const struct dd_cdp_config config = {.read_fd = in[0], .write_fd = out[1], .event = on_event};
    cdp = dd_cdp_new(&config);
    ck_assert_ptr_nonnull(cdp);
}

static void close_cdp(void)
{
    dd_cdp_free(cdp);
    close(browser_write_fd);
    close(browser_read_fd);
}

static int send_command(const char *method, struct dd_json *params, uint64_t timeout_us)
{
    static int context;
    const struct dd_cdp_command command = {.session_id = "S",
                                           .method = method,
                                           .params = params,
                                           .deadline_us = dd_clock_now_us() + timeout_us,
                                           .answered = on_answer,
                                           .context = &context};
    return dd_cdp_send(cdp, &command);
}

static int feed(const char *text)
{
    return dd_cdp_feed(cdp, text, strlen(text) + 1);
}

START_TEST(writes_commands_and_matches_answers)
{
    char text[256] = "";
    struct dd_json *params = dd_json_new_object();
    open_cdp();
    dd_json_add_string(params, "url", "a\"b");
    ck_assert_int_eq(send_command("Page.navigate", params, DD_CLOCK_US_PER_S), 0);
    ck_assert_int_eq(send_command("Page.enable", NULL, DD_CLOCK_US_PER_S), 0);
    ssize_t length = read(browser_read_fd, text, sizeof text);
    ck_assert_str_eq(text, "{\"id\":1,\"method\":\"Page.navigate\",\"sessionId\":\"S\",\"params\":{\"url\":\"a\\\"b\"}}");
    ck_assert_str_eq(text + strlen(text) + 1, "{\"id\":2,\"method\":\"Page.enable\",\"sessionId\":\"S\"}");
    ck_assert_int_eq(text[length - 1], '\0');

    ck_assert_int_eq(feed("{\"id\":2,\"result\":{\"v\":7}}"), 0);
    ck_assert_int_eq(answers.count, 1);
    ck_assert_double_eq(answers.value, 7);
    ck_assert_int_eq(feed("{\"id\":1,\"error\":{\"code\":-1,\"message\":\"no\"}}"), 0);
    ck_assert_int_eq(answers.count, 2);
    ck_assert_int_eq(answers.error, DD_ERROR_INPUT);
    ck_assert_str_eq(answers.text, "no");
    /* a second answer to a command, and answers to commands that were never sent */
    ck_assert_int_eq(feed("{\"id\":1,\"result\":{}}") | feed("{\"id\":99,\"result\":{}}") | feed("{\"id\":-1}"), 0);
    ck_assert_int_eq(answers.count, 2);
    close_cdp();
}
END_TEST

START_TEST(events_arrive_whole_from_any_pieces)
{
    static const char text[] = "{\"method\":\"A.a\",\"params\":{\"v\":1}}\0{\"method\":\"B.b\",\"sessionId\":\"X\"}";
    open_cdp();
    for (size_t i = 0; i < sizeof text; i++)
        ck_assert_int_eq(dd_cdp_feed(cdp, text + i, 1), 0);
    ck_assert_str_eq(events, " A.a 1;X B.b 0;");
    ck_assert_int_eq(dd_cdp_feed(cdp, text, sizeof text), 0);
    ck_assert_str_eq(events, " A.a 1;X B.b 0; A.a 1;X B.b 0;");
    close_cdp();
}
END_TEST

START_TEST(an_invalid_message_is_final)
{
    static const char *const wrong[] = {"", "x", "[]", "1", "{", "{}}", "{\"method\":\"A.a\"} // no comments"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        open_cdp();
        ck_assert_msg(feed(wrong[i]) == DD_ERROR_INPUT, "%s", wrong[i]);
        /* the error is final */
        ck_assert_int_eq(feed("{\"method\":\"A.a\"}"), DD_ERROR_INPUT);
        ck_assert_int_eq(send_command("A.a", NULL, 0), DD_ERROR_GONE);
        close_cdp();
    }
    ck_assert_str_eq(events, "");
}
END_TEST

START_TEST(messages_are_limited)
{
    static char part[1024 * 1024];
    int error = 0;
    memset(part, 'a', sizeof part);
    open_cdp();
    for (size_t sent = 0; sent <= DD_CDP_MESSAGE_MAX && !error; sent += sizeof part)
        error = dd_cdp_feed(cdp, part, sizeof part);
    ck_assert_int_eq(error, DD_ERROR_INPUT);
    close_cdp();
    /* few bytes, but many JSON values, which need much more memory */
    open_cdp();
    memset(part, ',', sizeof part);
    part[0] = '[';
    part[sizeof part - 1] = '\0';
    ck_assert_int_eq(dd_cdp_feed(cdp, part, sizeof part), DD_ERROR_INPUT);
    close_cdp();
}
END_TEST

START_TEST(a_command_times_out)
{
    open_cdp();
    ck_assert_int_eq(send_command("A.a", NULL, 0), 0);
    ck_assert_int_eq(dd_cdp_step(cdp), 0);
    ck_assert_int_eq(answers.count, 1);
    ck_assert_int_eq(answers.error, DD_ERROR_TIMEOUT);
    ck_assert_int_eq(feed("{\"id\":1,\"result\":{}}"), 0);
    ck_assert_int_eq(answers.count, 1);
    close_cdp();
}
END_TEST

START_TEST(commands_without_an_answer_are_limited)
{
    struct pollfd fds[2];
    int sent = 0, error = 0;
    open_cdp();
    while (sent <= DD_CDP_COMMANDS_MAX && !(error = send_command("A.a", NULL, DD_CLOCK_US_PER_S)))
        sent++;
    ck_assert_int_eq(error, DD_ERROR_SPACE);
    ck_assert_int_eq(sent, DD_CDP_COMMANDS_MAX);
    close_cdp();
    /* commands whose answers do not matter are limited by the bytes that the browser has not read */
    open_cdp();
    static char text[100000];
    memset(text, 'x', sizeof text - 1);
    for (sent = 0, error = 0; !error && sent < 1000; sent++) {
        struct dd_json *params = dd_json_new_object();
        dd_json_add_string(params, "t", text);
        const struct dd_cdp_command command = {.session_id = "", .method = "A.a", .params = params};
        error = dd_cdp_send(cdp, &command);
    }
    ck_assert_int_eq(error, DD_ERROR_SPACE);
    dd_cdp_poll(cdp, fds);
    ck_assert_int_ge(fds[1].fd, 0);
    close_cdp();
}
END_TEST

static int flood_events;

/* Takes a millisecond. */
static void on_flood_event(void *context, const struct dd_cdp_event *event)
{
    (void)context;
    (void)event;
    flood_events++;
    suite_stop_clock(dd_clock_now_us() + DD_CLOCK_US_PER_MS);
}

START_TEST(a_flood_does_not_hold_up_a_step)
{
    static const char event[] = "{\"method\":\"Network.dataReceived\"}";
    int in[2], out[2], sent = 0, steps = 0;
    ck_assert_int_eq(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    const struct dd_cdp_config config = {.read_fd = in[0], .write_fd = out[1], .event = on_flood_event};
    cdp = dd_cdp_new(&config);
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    while (write(in[1], event, sizeof event) == sizeof event)
        sent++;
    suite_stop_clock(1);

    for (; flood_events < sent && steps < 100; steps++)
        ck_assert_int_eq(dd_cdp_step(cdp), 0);
    ck_assert_int_eq(flood_events, sent);
    ck_assert_int_gt(steps, 1);
    dd_cdp_free(cdp);
    close(in[1]);
    close(out[0]);
}
END_TEST

START_TEST(a_closed_pipe_is_noticed)
{
    open_cdp();
    ck_assert_int_eq(write(browser_write_fd, "{\"method\":\"A.a\"}\0{\"meth", 23), 23);
    ck_assert_int_eq(dd_cdp_step(cdp), 0);
    close(browser_write_fd);
    ck_assert_int_eq(dd_cdp_step(cdp), DD_ERROR_GONE);
    ck_assert_str_eq(events, " A.a 0;");
    dd_cdp_free(cdp);
    close(browser_read_fd);
}
END_TEST

SUITE("send/capture/web/cdp", writes_commands_and_matches_answers, events_arrive_whole_from_any_pieces,
      an_invalid_message_is_final, messages_are_limited, a_command_times_out, commands_without_an_answer_are_limited,
      a_flood_does_not_hold_up_a_step, a_closed_pipe_is_noticed)
