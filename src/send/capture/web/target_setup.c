#include "send/capture/web/target_setup.h"

#include <math.h>

#include "dd/base/json.h"
#include "send/capture/web/cdp_target.h"
#include "send/capture/web/page_script.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"

struct setup {
    const struct dd_cdp_target *target;
    void (*answered)(void *context, const struct dd_cdp_answer *answer);
    void *context;
    unsigned count; /* of commands that were sent */
};

static void send(struct setup *s, const char *method, struct dd_json *params)
{
    s->count++;
    dd_cdp_target_send(s->target, method, params, s->answered, s->context);
}

static struct dd_json *text_of(const char *name, const char *value)
{
    struct dd_json *params = dd_json_new_object();

    dd_json_add_string(params, name, value);
    return params;
}

static struct dd_json *switch_of(const char *name, bool value)
{
    struct dd_json *params = dd_json_new_object();

    dd_json_add_boolean(params, name, value);
    return params;
}

/* The zoom is CDP's deviceScaleFactor: picture pixels for one CSS pixel. The picture keeps its size, the page has fewer CSS
 * pixels, and everything in it is larger and sharp. Rounding up may add a pixel, which screenshots.c cuts off. */
static void set_size(struct setup *s, const struct dd_web_options *web_options)
{
    double zoom = web_options->options->page_zoom > 0 ? web_options->options->page_zoom : 1;
    struct dd_json *params = dd_json_new_object();

    dd_json_add_integer(params, "width", (uint64_t)ceil(web_options->width / zoom));
    dd_json_add_integer(params, "height", (uint64_t)ceil(web_options->height / zoom));
    dd_json_add_number(params, "deviceScaleFactor", zoom, 4);
    dd_json_add_boolean(params, "mobile", false);
    send(s, "Emulation.setDeviceMetricsOverride", params);
}

static void set_scheme(struct setup *s, bool dark)
{
    struct dd_json *params = dd_json_new_object(), *feature = dd_json_add_object(dd_json_add_array(params, "features"), NULL);

    dd_json_add_string(feature, "name", "prefers-color-scheme");
    dd_json_add_string(feature, "value", dark ? "dark" : "light");
    send(s, "Emulation.setEmulatedMedia", params);
}

static void set_style(struct setup *s, const char *css)
{
    struct dd_json *arguments = dd_json_new_array(), *params;

    dd_json_add_string(arguments, NULL, css);
    char *script = dd_page_script_build("style_sheet.js", arguments, 1);
    if (!script)
        return;
    params = text_of("source", script);
    dd_json_add_string(params, "worldName", DD_CDP_TARGET_WORLD);
    send(s, "Page.addScriptToEvaluateOnNewDocument", params);
    dd_page_script_free(script);
}

unsigned dd_target_setup_send(const struct dd_cdp_target *target, const struct dd_web_options *web_options,
                              void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context)
{
    struct setup s = {.target = target, .answered = answered, .context = context};
    const struct dd_send_stream *options = web_options->options;

    /* Bypass the cache: a stale copy may be why we reload. */
    send(&s, "Network.clearBrowserCache", NULL);
    send(&s, "Page.enable", NULL);
    send(&s, "Page.setLifecycleEventsEnabled", switch_of("enabled", true));
    set_size(&s, web_options);
    if (*options->timezone)
        send(&s, "Emulation.setTimezoneOverride", text_of("timezoneId", options->timezone));
    if (*options->locale)
        send(&s, "Emulation.setLocaleOverride", text_of("locale", options->locale));
    if (options->color_scheme != DD_SEND_SCHEME_AUTO)
        set_scheme(&s, options->color_scheme == DD_SEND_SCHEME_DARK);
    if (*options->css)
        set_style(&s, options->css);
    return s.count;
}
