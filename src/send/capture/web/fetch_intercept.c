#include "send/capture/web/fetch_intercept.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dd/base/json.h"
#include "dd/base/log.h"
#include "send/capture/web/login_form.h"
#include "send/capture/web/web_options.h"

static bool has_credentials(const struct dd_web_options *web_options)
{
    return web_options->username[0] || web_options->password[0];
}

static bool is_same_origin(const struct dd_fetch_intercept *intercept, const struct dd_json *url)
{
    struct dd_origin origin;

    return dd_origin_parse(&origin, dd_json_string(url)) == 0 && dd_origin_equal(&origin, &intercept->web_options->origin);
}

void dd_fetch_intercept_start(struct dd_fetch_intercept *intercept,
                              void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context)
{
    struct dd_json *params = dd_json_new_object(), *pattern = dd_json_add_object(dd_json_add_array(params, "patterns"), NULL);
    char own_pattern[320];

    /* With headers or a log-in form, every request is intercepted: a redirection takes both along to where it leads. With a
     * password only, those to the page's own origin. With neither, documents: their authentication challenges are cancelled, or
     * they would wait for a user. */
    bool all_requests = intercept->web_options->header_count || dd_login_form_is_configured(intercept->web_options);
    dd_origin_write(&intercept->web_options->origin, own_pattern, sizeof own_pattern - 2);
    strcat(own_pattern, "/*");
    dd_json_add_string(pattern, "urlPattern", all_requests || !has_credentials(intercept->web_options) ? "*" : own_pattern);
    if (!all_requests && !has_credentials(intercept->web_options))
        dd_json_add_string(pattern, "resourceType", "Document");
    dd_json_add_boolean(params, "handleAuthRequests", true);
    dd_cdp_target_send(intercept->target, "Fetch.enable", params, answered, context);
}

/* The header of headers_file with this name. NULL: there is none. */
static const struct dd_web_options_header *find_header(const struct dd_fetch_intercept *intercept, const char *name)
{
    for (size_t k = 0; k < intercept->web_options->header_count; k++)
        if (strcasecmp(intercept->web_options->headers[k].name, name) == 0)
            return &intercept->web_options->headers[k];
    return NULL;
}

static void add_header(struct dd_json *headers, const char *name, const char *value)
{
    struct dd_json *header = dd_json_add_object(headers, NULL);

    dd_json_add_string(header, "name", name);
    dd_json_add_string(header, "value", value);
}

/* True if this request may take a submitted log-in form to another origin: after a 307 or 308 the browser posts the form again to
 * where the redirection points (RFC 9110, 15.4.8 and 15.4.9). */
static bool is_redirected_login(const struct dd_fetch_intercept *intercept, const struct dd_json *params)
{
    const struct dd_json *request = dd_json_member(params, "request");

    return dd_login_form_is_configured(intercept->web_options) &&
           *dd_json_string(dd_json_member(params, "redirectedRequestId")) &&
           strcmp(dd_json_string(dd_json_member(request, "method")), "GET") != 0 &&
           !is_same_origin(intercept, dd_json_member(request, "url"));
}

static void continue_request(struct dd_fetch_intercept *intercept, const struct dd_json *params)
{
    const struct dd_json *request = dd_json_member(params, "request"), *page_headers = dd_json_member(request, "headers");
    struct dd_json *answer = dd_json_new_object();

    dd_json_add_string(answer, "requestId", dd_json_string(dd_json_member(params, "requestId")));
    if (is_redirected_login(intercept, params)) {
        dd_log_warning("%s: a redirection leads its log-in form, or another one, to another origin: the request is blocked",
                       intercept->web_options->name);
        dd_json_add_string(answer, "errorReason", "BlockedByClient");
        dd_cdp_target_send(intercept->target, "Fetch.failRequest", answer, NULL, NULL);
        return;
    }
    if (intercept->web_options->header_count) {
        bool same_origin = is_same_origin(intercept, dd_json_member(request, "url"));
        struct dd_json *headers = dd_json_add_array(answer, "headers");
        /* Our headers replace the page's. Those that a redirection carried from the page's origin to another one are dropped. */
        for (const struct dd_json *h = dd_json_first(page_headers); h; h = dd_json_next(h)) {
            const struct dd_web_options_header *ours = find_header(intercept, dd_json_name(h));
            if (!ours || (!same_origin && strcmp(ours->value, dd_json_string(h)) != 0))
                add_header(headers, dd_json_name(h), dd_json_string(h));
        }
        for (size_t k = 0; k < intercept->web_options->header_count && same_origin; k++)
            add_header(headers, intercept->web_options->headers[k].name, intercept->web_options->headers[k].value);
    }
    dd_cdp_target_send(intercept->target, "Fetch.continueRequest", answer, NULL, NULL);
}

/* True if this request was given the password before. */
static bool was_answered(const struct dd_fetch_intercept *intercept, const char *id)
{
    for (size_t k = 0; k < DD_FETCH_INTERCEPT_ANSWERED_MAX; k++)
        if (strcmp(intercept->answered_ids[k], id) == 0)
            return true;
    return false;
}

static void answer_challenge(struct dd_fetch_intercept *intercept, const struct dd_json *params)
{
    const struct dd_json *challenge = dd_json_member(params, "authChallenge");
    struct dd_json *answer = dd_json_new_object(), *response = dd_json_add_object(answer, "authChallengeResponse");
    const char *id = dd_json_string(dd_json_member(params, "requestId"));
    char copy[DD_CDP_TARGET_ID_SIZE];

    if (was_answered(intercept, id))
        intercept->credentials_refused = true;
    bool provide = !intercept->credentials_refused && has_credentials(intercept->web_options) &&
                   dd_cdp_target_copy_id(copy, id) && strcmp(dd_json_string(dd_json_member(challenge, "source")), "Proxy") != 0 &&
                   is_same_origin(intercept, dd_json_member(challenge, "origin")) &&
                   is_same_origin(intercept, dd_json_member(dd_json_member(params, "request"), "url"));
    dd_json_add_string(answer, "requestId", id);
    dd_json_add_string(response, "response", provide ? "ProvideCredentials" : "CancelAuth");
    if (provide) {
        dd_json_add_string(response, "username", intercept->web_options->username);
        dd_json_add_string(response, "password", intercept->web_options->password);
        memcpy(intercept->answered_ids[intercept->next_answered], copy, sizeof copy);
        intercept->next_answered = (intercept->next_answered + 1) % DD_FETCH_INTERCEPT_ANSWERED_MAX;
    }
    dd_cdp_target_send(intercept->target, "Fetch.continueWithAuth", answer, NULL, NULL);
}

bool dd_fetch_intercept_event(struct dd_fetch_intercept *intercept, const struct dd_cdp_event *event)
{
    if (strcmp(event->method, "Fetch.requestPaused") == 0)
        continue_request(intercept, event->params);
    else if (strcmp(event->method, "Fetch.authRequired") == 0)
        answer_challenge(intercept, event->params);
    else
        return false;
    return true;
}

void dd_fetch_intercept_reset(struct dd_fetch_intercept *intercept)
{
    intercept->credentials_refused = false;
    memset(intercept->answered_ids, 0, sizeof intercept->answered_ids);
}
