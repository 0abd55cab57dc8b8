/* Messages of a hostile browser, first for the CDP transport alone, then with a page and its screenshots behind it. The first
 * byte of the input is the size of the pieces in which the rest arrives: the events must be the same as in one piece. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "fuzz.h"
#include "send/capture/web/cdp.h"
#include "send/capture/web/page.h"
#include "send/capture/web/screenshots.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"
#include "send/picture.h"

static struct dd_send_stream options;
static struct dd_web_options web_options;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char why[256];
    const char *fault;
    (void)argc;
    (void)argv;
    dd_log_open("fuzz", DD_LOG_ERROR);
    snprintf(options.source, sizeof options.source, "http://joe:pass@h/");
    snprintf(options.capture_resolution, sizeof options.capture_resolution, "64x48");
    snprintf(options.web_capture_element, sizeof options.web_capture_element, "#e");
    snprintf(options.expect_selector, sizeof options.expect_selector, "#x");
    snprintf(options.login_user_selector, sizeof options.login_user_selector, "#u");
    snprintf(options.login_password_selector, sizeof options.login_password_selector, "#p");
    snprintf(options.login_submit_selector, sizeof options.login_submit_selector, "#s");
    snprintf(options.headers, sizeof options.headers, "X-Token: t\n");
    options.page_zoom = 1;
    options.timeout = 30 * DD_CLOCK_US_PER_S;
    MUST(dd_web_options_parse(&web_options, &options, &fault, why, sizeof why) == 0);
    return 0;
}

static struct dd_cdp *open_cdp(void (*event)(void *context, const struct dd_cdp_event *event), void *context)
{
    const struct dd_cdp_config config = {
        .read_fd = open("/dev/null", O_RDONLY), .write_fd = open("/dev/null", O_WRONLY), .event = event, .context = context};
    struct dd_cdp *cdp = dd_cdp_new(&config);
    MUST(cdp);
    return cdp;
}

/* ---- the transport alone ---- */

static void hash_event(void *context, const struct dd_cdp_event *event)
{
    uint64_t *sum = context;
    MUST(event->session_id && *event->method);
    MUST(!event->params || dd_json_type(event->params) == DD_JSON_OBJECT);
    for (const char *c = event->method; *c; c++)
        *sum = *sum * 31 + (uint8_t)*c;
    for (const char *c = event->session_id; *c; c++)
        *sum = *sum * 37 + (uint8_t)*c;
    *sum += 1;
}

static int feed(struct dd_cdp *cdp, const uint8_t *data, size_t size, size_t piece)
{
    int error = 0;
    for (size_t at = 0; at < size && !error; at += piece)
        error = dd_cdp_feed(cdp, data + at, piece < size - at ? piece : size - at);
    return error;
}

static void compare_pieces(const uint8_t *data, size_t size, size_t piece)
{
    uint64_t hash_whole = 0, hash_pieces = 0;
    struct dd_cdp *a = open_cdp(hash_event, &hash_whole), *b = open_cdp(hash_event, &hash_pieces);
    int error = dd_cdp_feed(a, data, size);
    MUST(error == 0 || error == DD_ERROR_INPUT);
    MUST(feed(b, data, size, piece) == error);
    MUST(hash_whole == hash_pieces);
    dd_cdp_free(a);
    dd_cdp_free(b);
}

/* ---- with a page ---- */

/* How far an input brings the page. */
enum outcome { ANY, FAILED, SHOWN };

struct page_run {
    enum outcome outcome;
    const uint8_t *data; /* all that the browser says */
    size_t size;
    struct dd_page *page;
    struct dd_screenshots *screenshots;
};

static bool checkpoint(void *context)
{
    (void)context;
    return false;
}

/* True if a message has the password in it, and does not quote the browser, which was not told it. */
static bool leaks_password(const struct page_run *v, const char *message)
{
    return strstr(message, "pass:") && !memmem(v->data, v->size, "pass:", 5);
}

static void step_page(struct page_run *v, struct dd_source_io *io)
{
    struct dd_picture picture;
    dd_page_step(v->page);
    if (dd_page_state(v->page) == DD_PAGE_FAILED) {
        v->outcome = FAILED;
        MUST(dd_page_report(v->page, io) == DD_ERROR_SOURCE && io->message[0] && !leaks_password(v, io->message));
    }
    if (dd_page_state(v->page) != DD_PAGE_READY)
        return;
    if (!v->screenshots)
        v->screenshots = dd_screenshots_new(v->page, &web_options);
    MUST(v->screenshots);
    int result = dd_screenshots_next(v->screenshots, io, 0, &picture);
    if (result == DD_SCREENSHOTS_PICTURE) {
        v->outcome = SHOWN;
        MUST(picture.width > 0 && picture.height > 0 && picture.plane[0] && picture.captured_us <= dd_clock_now_us());
    }
}

static void handle_event(void *context, const struct dd_cdp_event *event)
{
    struct page_run *v = context;
    if (v->page && !(v->screenshots && dd_screenshots_event(v->screenshots, event)))
        dd_page_event(v->page, event);
}

static enum outcome expected_outcome(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct page_run page_run = {0};
    struct dd_source_io io = {.options = &options, .checkpoint = checkpoint, .stop_fd = -1, .deadline_us = UINT64_MAX};
    if (size < 2)
        return 0;
    const enum outcome expected = expected_outcome(data, size);
    size_t piece = data[0] ? data[0] : 1;
    data++;
    size--;
    compare_pieces(data, size, piece);
    page_run.data = data;
    page_run.size = size;

    struct dd_cdp *cdp = open_cdp(handle_event, &page_run);
    page_run.page = dd_page_open(cdp, &web_options, UINT64_MAX);
    MUST(page_run.page);
    /* message by message, and between them what is due by then */
    for (const uint8_t *end = data + size, *next; data < end; data = next) {
        const uint8_t *nul = memchr(data, 0, (size_t)(end - data));
        next = nul ? nul + 1 : end;
        if (dd_cdp_feed(cdp, data, (size_t)(next - data)))
            break;
        step_page(&page_run, &io);
    }
    MUST(expected == ANY || page_run.outcome == expected);
    dd_screenshots_free(page_run.screenshots);
    dd_page_close(page_run.page);
    dd_cdp_free(cdp);
    return 0;
}

/* ---- seeds: the life of a page ---- */

#define FRAME "\"frameId\":\"F\",\"loaderId\":\"L\""
#define SESSION ",\"sessionId\":\"S\"}\0"
#define OPENED "{\"id\":1,\"result\":{\"targetId\":\"T\"}}\0{\"id\":2,\"result\":{\"sessionId\":\"S\"}}\0"
#define SET_UP                                                                                                                   \
    "{\"id\":3,\"result\":{}" SESSION "{\"id\":4,\"result\":{}" SESSION "{\"id\":5,\"result\":{}" SESSION                        \
    "{\"id\":6,\"result\":{}" SESSION "{\"id\":7,\"result\":{}" SESSION
#define ARRIVED                                                                                                                  \
    "{\"method\":\"Page.frameNavigated\",\"params\":{\"frame\":{\"id\":\"F\",\"loaderId\":\"L\",\"url\":\"http://h/\"}}" SESSION \
    "{\"id\":8,\"result\":{" FRAME "}" SESSION "{\"id\":9,\"result\":{\"executionContextId\":3}" SESSION
#define STATUS(code) "{\"id\":10,\"result\":{\"result\":{\"type\":\"number\",\"value\":" code "}}" SESSION
#define LIFECYCLE(name) "{\"method\":\"Page.lifecycleEvent\",\"params\":{" FRAME ",\"name\":\"" name "\"}" SESSION
#define STATE(id, word) "{\"id\":" id ",\"result\":{\"result\":{\"value\":\"" word "\"}}" SESSION
#define READY OPENED SET_UP ARRIVED STATUS("200") LIFECYCLE("DOMContentLoaded") LIFECYCLE("load") LIFECYCLE("networkAlmostIdle")
#define SCREENCAST                                                                                                               \
    "{\"method\":\"Page.screencastFrame\",\"params\":{\"data\":\"" PNG                                                           \
    "\",\"metadata\":{\"timestamp\":1},\"sessionId\":1}" SESSION
#define PNG "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
#define BOX(id) "{\"id\":" id ",\"result\":{\"result\":{\"value\":[0,0,0,0,30,20,64,48]}}" SESSION
#define SCREENSHOT(id) "{\"id\":" id ",\"result\":{\"data\":\"" PNG "\"}" SESSION

static const struct {
    enum outcome outcome;
    struct fuzz_bytes input;
} seeds[] = {
    {ANY, FUZZ_BYTES("\x07{\"method\":\"A.b\"}\0{\"method\":\"C.d\",\"sessionId\":\"S\",\"params\":{\"v\":[1,{}]}}\0")},
    {FAILED, FUZZ_BYTES("\x40" OPENED SET_UP "{\"id\":8,\"result\":{\"errorText\":\"net::ERR_CERT_AUTHORITY_INVALID\"}" SESSION)},
    {FAILED, FUZZ_BYTES("\x40" OPENED SET_UP ARRIVED STATUS("404"))},
    {FAILED, FUZZ_BYTES("\x40" OPENED "{\"id\":3,\"error\":{\"code\":-32602,\"message\":\"Invalid timezone id\"}" SESSION)},
    {SHOWN, FUZZ_BYTES("\xff" READY STATE("11", "right") SCREENCAST BOX("14") SCREENSHOT("15") BOX("16") STATE("17", "right")
                           SCREENCAST SCREENCAST)},
    {ANY, FUZZ_BYTES("\xff" READY STATE("11", "form") STATE("12", "submitted"))},
    {FAILED, FUZZ_BYTES("\xff" READY STATE("11", "form") STATE("12", "elsewhere"))},
    {ANY,
     FUZZ_BYTES("\xff" OPENED SET_UP
                "{\"method\":\"Fetch.authRequired\",\"params\":{\"requestId\":\"R\",\"request\":{\"url\":\"http://h/\"},"
                "\"authChallenge\":{\"source\":\"Server\",\"origin\":\"http://h\",\"scheme\":\"basic\",\"realm\":\"x\"}}" SESSION
                "{\"method\":\"Fetch.requestPaused\",\"params\":{\"requestId\":\"R\",\"request\":{\"url\":\"http://other/\","
                "\"headers\":{\"X-Token\":\"t\",\"Accept\":\"*\"}}}" SESSION)},
    {FAILED, FUZZ_BYTES("\xff" READY "{\"method\":\"Page.javascriptDialogOpening\",\"params\":{\"type\":\"beforeunload\"}" SESSION
                        "{\"method\":\"Target.targetCrashed\",\"params\":{\"targetId\":\"T\"}}\0")},
    {FAILED, FUZZ_BYTES("\xff" READY STATE(
                 "11", "right") "{\"method\":\"Target.detachedFromTarget\",\"params\":{\"sessionId\":\"S\"}}\0")},
};

/* Each seed has to have the outcome that it is written for. */
static enum outcome expected_outcome(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        if (size == seeds[i].input.size && memcmp(data, seeds[i].input.bytes, size) == 0)
            return seeds[i].outcome;
    return ANY;
}

size_t fuzz_seed(size_t i, uint8_t seed[static FUZZ_SEED_SIZE])
{
    if (i >= sizeof seeds / sizeof *seeds)
        return 0;
    MUST(seeds[i].input.size <= FUZZ_SEED_SIZE);
    memcpy(seed, seeds[i].input.bytes, seeds[i].input.size);
    return seeds[i].input.size;
}
