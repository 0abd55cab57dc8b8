#include "send/capture/web/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/source.h"
#include "send/capture/web/cdp.h"
#include "send/capture/web/nss_store.h"
#include "send/capture/web/process_spawn.h"
#include "send/capture/web/process_tree.h"
#include "send/capture/web/profile_dir.h"
#include "send/options.h"

enum {
    STOP_MS = 150, /* from closing the pipe to SIGKILL; alone it takes 100 to 400 ms, and the role has 1200 ms for everything */
    KILL_MS = 500, /* from SIGKILL until no process may be left */
    POLL_EVERY_MS = 10,
    LIST_EVERY_MS = 30, /* longer, since each time all processes of the machine are listed */
    READ_BYTES = 4096,
    READS_MAX = 16, /* READ_BYTES times this is what a pipe holds; a browser that goes on writing must not keep us here */
    TEXT_SIZE = DD_PROFILE_DIR_PATH_SIZE + 64,
    ARGUMENTS_MAX = 64,
};

struct dd_browser {
    struct dd_profile_dir profile_dir;
    struct dd_cdp *cdp;
    int stderr_fd; /* its standard error */
    pid_t pid;
    uint64_t started_us;
};

/* Browsers of this process: at most two, the one that shows the page and its replacement. */
static unsigned browser_count;

#define DISABLED_FEATURES                                                                                                        \
    "AutofillServerCommunication,CertificateTransparencyComponentUpdater,DialMediaRouteProvider,HttpsUpgrades,"                  \
    "InterestFeedContentSuggestions,MediaRouter,OptimizationHints,Translate"

static const char *const flags[] = {
    "--headless",
    "--remote-debugging-pipe",
    "about:blank",
    /* no network traffic of its own */
    "--disable-background-networking",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-pings",
    "--no-proxy-server",
    "--disable-features=" DISABLED_FEATURES,
    /* there is no user to ask or to inform */
    "--block-new-web-contents",
    "--deny-permission-prompts",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-component-extensions-with-background-pages",
    "--disable-hang-monitor",
    "--disable-notifications",
    "--disable-prompt-on-repost",
    "--disable-search-engine-choice-screen",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--noerrdialogs",
    "--password-store=basic",
    /* no crash reports: the processes that write them would outlive the browser */
    "--disable-breakpad",
    "--disable-crash-reporter",
    /* a page is never in the background */
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    /* the same pixels on every machine */
    "--disable-gpu",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    /* /dev/shm is small in containers */
    "--disable-dev-shm-usage",
    "--disk-cache-size=67108864",
};

/* ---- program, arguments, environment ---- */

static int find_program(char *path, size_t size, struct dd_source_io *io)
{
    static const char *const names[] = {"chromium-headless-shell", "chromium"};
    const char *wanted = io->options->browser;

    if (*wanted && dd_process_spawn_find(wanted, path, size))
        return 0;
    if (*wanted)
        return dd_source_fail(io, DD_WIRE_REASON_CAPTURE, "browser %s: there is no such program, or this user may not execute it",
                              wanted);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (dd_process_spawn_find(names[i], path, size))
            return 0;
    return dd_source_fail(io, DD_WIRE_REASON_CAPTURE,
                          "there is no browser: install the Debian package chromium-headless-shell or chromium, or set browser");
}

/* Holds the formatted arguments and environment variables for one start. */
struct text_pool {
    char texts[16][TEXT_SIZE + DD_SEND_SHORT];
    size_t count;
};

static const char *format_text(struct text_pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *format_text(struct text_pool *pool, const char *format, ...)
{
    char *text = pool->texts[pool->count++];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof pool->texts[0], format, arguments);
    va_end(arguments);
    return text;
}

/* Points D-Bus at sockets that do not exist: the browser needs no system service. */
static void fill_environment(struct text_pool *pool, const char *dir, const char **environment)
{
    const char *path = getenv("PATH");
    size_t n = 0;

    if (!path || strlen(path) + sizeof "PATH=" > sizeof pool->texts[0])
        path = "/usr/local/bin:/usr/bin:/bin";
    environment[n++] = format_text(pool, "PATH=%s", path);
    environment[n++] = format_text(pool, "HOME=%s", dir);
    environment[n++] = format_text(pool, "TMPDIR=%s", dir);
    environment[n++] = format_text(pool, "XDG_RUNTIME_DIR=%s", dir);
    environment[n++] = format_text(pool, "LANG=%s", getenv("LANG") ? getenv("LANG") : "C.UTF-8");
    environment[n++] = format_text(pool, "DBUS_SESSION_BUS_ADDRESS=unix:path=%s/none", dir);
    environment[n++] = format_text(pool, "DBUS_SYSTEM_BUS_ADDRESS=unix:path=%s/none", dir);
    environment[n] = NULL;
}

static void fill_arguments(struct text_pool *pool, const struct dd_browser *b, const struct dd_browser_config *config,
                           const struct dd_send_stream *options, const char **argv)
{
    size_t n = 1;

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        argv[n++] = flags[i];
    argv[n++] = format_text(pool, DD_PROFILE_DIR_ARGUMENT "%s/profile", b->profile_dir.path);
    argv[n++] = format_text(pool, "--window-size=%d,%d", config->width, config->height);
    if (*options->locale)
        argv[n++] = format_text(pool, "--accept-lang=%s", options->locale);
    if (options->ignore_certificate_errors)
        argv[n++] = format_text(pool, "--ignore-certificate-errors");
    argv[n] = NULL;
}

/* ---- start ---- */

static int open_pipes(struct dd_process_spawn *spawn, int parent_fds[static 3])
{
    static const int child_fds[3] = {3, 4, 2}; /* --remote-debugging-pipe: it reads 3 and writes 4; 2 is its standard error */
    int fds[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};

    for (int i = 0; i < 3; i++) {
        if (pipe2(fds[i], O_CLOEXEC) < 0)
            goto fail;
        spawn->fds[child_fds[i]] = fds[i][i == 0 ? 0 : 1];
        parent_fds[i] = fds[i][i == 0 ? 1 : 0];
    }
    /* a full pipe loses output of standard error: the browser must not wait for us */
    fcntl(fds[2][0], F_SETFL, O_NONBLOCK);
    fcntl(fds[2][1], F_SETFL, O_NONBLOCK);
    return 0;

fail:
    dd_log_error("cannot make a pipe to the browser: %s", strerror(errno));
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            if (fds[i][k] >= 0)
                close(fds[i][k]);
    return DD_ERROR_SYSTEM;
}

static int launch(struct dd_browser *b, const struct dd_browser_config *config, const char *path, struct dd_source_io *io)
{
    struct text_pool *pool = calloc(1, sizeof *pool);
    const char *argv[ARGUMENTS_MAX], *environment[16];
    struct dd_process_spawn spawn = {.path = path, .argv = argv, .environment = environment, .fds = {-1, -1, -1, -1, -1}};
    int parent_fds[3], error = pool ? open_pipes(&spawn, parent_fds) : DD_ERROR_MEMORY;

    if (error)
        goto done;
    argv[0] = path;
    fill_arguments(pool, b, config, io->options, argv);
    fill_environment(pool, b->profile_dir.path, environment);
    dd_process_tree_auto_reap(true);
    b->pid = dd_process_spawn_start(&spawn);
    b->started_us = dd_clock_now_us();
    b->stderr_fd = parent_fds[2];
    close(spawn.fds[2]);
    close(spawn.fds[3]);
    close(spawn.fds[4]);
    const struct dd_cdp_config cdp_config = {
        .read_fd = parent_fds[1], .write_fd = parent_fds[0], .event = config->event, .context = config->context};
    b->cdp = dd_cdp_new(&cdp_config);
    error = b->pid < 0 ? DD_ERROR_SYSTEM : b->cdp ? 0 : DD_ERROR_MEMORY;
done:
    free(pool);
    return error;
}

static int create_profile(struct dd_browser *b, struct dd_source_io *io)
{
    int error = dd_profile_dir_create(&b->profile_dir);

    if (!error && *io->options->ca_pem)
        error = dd_nss_store_create(b->profile_dir.path, io->options->ca_pem, io);
    return error;
}

int dd_browser_start(struct dd_browser **browser, const struct dd_browser_config *config, struct dd_source_io *io)
{
    char path[PATH_MAX];
    struct dd_browser *b = NULL;
    int error = find_program(path, sizeof path, io);

    *browser = NULL;
    if (error)
        return error;
    b = calloc(1, sizeof *b);
    if (!b) {
        dd_log_error("no memory for the browser");
        return DD_ERROR_MEMORY;
    }
    b->stderr_fd = b->profile_dir.fd = -1;
    browser_count++;
    error = create_profile(b, io);
    if (!error)
        error = launch(b, config, path, io);
    if (error) {
        dd_browser_stop(b);
        return error;
    }
    dd_log_debug("%s runs as process %d in %s", path, (int)b->pid, b->profile_dir.path);
    *browser = b;
    return 0;
}

/* ---- stop ---- */

static struct dd_process_tree process_tree(const struct dd_browser *b)
{
    /* a single browser owns all descendants of this process */
    return (struct dd_process_tree){.leader = b->pid, .profile_dir = browser_count > 1 ? b->profile_dir.path : NULL};
}

void dd_browser_begin_stop(struct dd_browser *browser)
{
    dd_cdp_free(browser->cdp);
    browser->cdp = NULL;
}

/* Gives the browser a moment to end by itself, and then kills what is left: it would only write to its profile directory. The
 * directory is emptied before the wait for the last process: on a busy machine that may take longer than there is time. */
static void kill_processes(struct dd_browser *b)
{
    const struct dd_process_tree tree = process_tree(b);
    /* a pause of this process ends both waits early: then the browser is killed a moment sooner */
    uint64_t begun_us = dd_clock_now_us(), deadline_us = begun_us + (STOP_MS + KILL_MS) * UINT64_C(1000);

    while (kill(b->pid, 0) == 0 && dd_clock_now_us() < begun_us + STOP_MS * UINT64_C(1000))
        poll(NULL, 0, POLL_EVERY_MS);
    dd_process_tree_signal(&tree, SIGKILL);
    dd_profile_dir_clear(&b->profile_dir);
    while (dd_process_tree_signal(&tree, SIGKILL) > 0) {
        if (dd_clock_now_us() >= deadline_us) {
            dd_log_warning("processes of the browser were killed, but take long to end; is this machine short of CPU?");
            return;
        }
        poll(NULL, 0, LIST_EVERY_MS);
    }
}

void dd_browser_stop(struct dd_browser *browser)
{
    if (!browser)
        return;
    dd_browser_begin_stop(browser);
    if (browser->pid > 0)
        kill_processes(browser);
    browser_count--;
    dd_profile_dir_remove(&browser->profile_dir);
    if (browser->stderr_fd >= 0)
        close(browser->stderr_fd);
    free(browser);
}

void dd_browser_last_line(struct dd_browser *browser, char *text, size_t size)
{
    char output[READ_BYTES];
    ssize_t length;
    size_t end, start;

    text[0] = '\0';
    for (int i = 0; i < READS_MAX && (length = read(browser->stderr_fd, output, sizeof output)) > 0; i++) {
        for (end = (size_t)length; end > 0 && output[end - 1] == '\n'; end--)
            ;
        for (start = end; start > 0 && output[start - 1] != '\n'; start--)
            ;
        snprintf(text, size, "%.*s", (int)(end - start), output + start);
    }
}

/* ---- queries ---- */

struct dd_cdp *dd_browser_cdp(const struct dd_browser *browser)
{
    return browser->cdp;
}

uint64_t dd_browser_memory(const struct dd_browser *browser)
{
    const struct dd_process_tree tree = process_tree(browser);
    size_t count;

    return dd_process_tree_memory(&tree, &count);
}

uint64_t dd_browser_started_us(const struct dd_browser *browser)
{
    return browser->started_us;
}
