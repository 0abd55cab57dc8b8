#include "dd/base/option_value.h"

#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/error.h"

static const char hidden[] = "(hidden)";

struct suffix {
    const char *text;
    double factor;
};

/* Decimal and binary multiples (SI, IEC 80000-13). */
static const struct suffix suffixes[] = {
    {"", 1}, {"K", 1e3}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"Ki", 1024}, {"Mi", 1024.0 * 1024}, {"Gi", 1024.0 * 1024 * 1024}};

size_t dd_option_value_find_row(const struct dd_options_schema *schema, const char *name)
{
    size_t i = 0;
    while (i < schema->row_count && strcmp(schema->rows[i].name, name))
        i++;
    return i;
}

static void *field_of(const struct dd_options_row *row, void *base)
{
    return (char *)base + row->offset;
}

static const void *const_field_of(const struct dd_options_row *row, const void *base)
{
    return (const char *)base + row->offset;
}

static bool has_limits(const struct dd_options_row *row)
{
    return row->min < row->max;
}

int dd_option_value_parse_quantity(const char *text, enum dd_options_type type, double *value)
{
    char *end = NULL;
    *value = 0;
    /* strtod takes more than a number: white space, "nan", "inf", hexadecimal */
    size_t digits = strspn(text, "-0123456789.");
    if (!digits)
        return DD_ERROR_INPUT;
    double number = strtod(text, &end);
    if (end != text + digits)
        return DD_ERROR_INPUT;
    bool scaled = type == DD_OPTIONS_SIZE || type == DD_OPTIONS_RATE;
    for (size_t i = 0; i < (scaled ? sizeof suffixes / sizeof *suffixes : 1); i++) {
        if (strcmp(end, suffixes[i].text) == 0) {
            *value = number * suffixes[i].factor;
            return (type == DD_OPTIONS_INTEGER || scaled) && *value != floor(*value) ? DD_ERROR_INPUT : 0;
        }
    }
    return DD_ERROR_INPUT;
}

static int set_number(const struct dd_options_row *row, void *field, const char *text)
{
    double value;
    if (dd_option_value_parse_quantity(text, row->type, &value))
        return DD_ERROR_INPUT;
    if (has_limits(row) ? value < row->min || value > row->max : fabs(value) > 9e15)
        return DD_ERROR_INPUT;
    if (row->type == DD_OPTIONS_NUMBER)
        *(double *)field = value;
    else
        *(int64_t *)field = row->type == DD_OPTIONS_SECONDS ? llround(value * 1e6) : (int64_t)value;
    return 0;
}

static int set_switch(void *field, const char *text)
{
    if (strcmp(text, "true") && strcmp(text, "false") && strcmp(text, "on") && strcmp(text, "off"))
        return DD_ERROR_INPUT;
    *(bool *)field = strcmp(text, "true") == 0 || strcmp(text, "on") == 0;
    return 0;
}

static int set_choice(const struct dd_options_row *row, void *field, const char *text)
{
    size_t length = strlen(text);
    int64_t index = 0;
    for (const char *choice = row->choices; *choice; index++) {
        size_t n = strcspn(choice, "|");
        if (n == length && strncmp(choice, text, n) == 0) {
            *(int64_t *)field = index;
            return 0;
        }
        choice += n + (choice[n] == '|');
    }
    return DD_ERROR_INPUT;
}

/* The home folder that a path begins with, as ~ or ~user; NULL if there is none. *rest: what follows. */
static const char *find_home(const char *text, const char **rest)
{
    char user[64];
    size_t length = strcspn(text, "/");
    *rest = text + length;
    if (length == 1) {
        const char *home = getenv("HOME");
        const struct passwd *self = home ? NULL : getpwuid(getuid());
        return home ? home : self ? self->pw_dir : NULL;
    }
    if (length - 1 >= sizeof user)
        return NULL;
    memcpy(user, text + 1, length - 1);
    user[length - 1] = '\0';
    const struct passwd *entry = getpwnam(user);
    return entry ? entry->pw_dir : NULL;
}

int dd_option_value_expand_path(const char *text, char *path, size_t size)
{
    const char *rest = text, *home = text[0] == '~' ? find_home(text, &rest) : "";
    if (!home || strlen(home) + strlen(rest) >= size) {
        path[0] = '\0';
        return DD_ERROR_INPUT;
    }
    snprintf(path, size, "%s%s", home, rest);
    return 0;
}

static int set_text(const struct dd_options_row *row, char *field, const char *text, char *why, size_t why_size)
{
    const char *rest = text;
    bool is_path = row->type == DD_OPTIONS_PATH;
    if (is_path && text[0] == '~' && !find_home(text, &rest)) {
        snprintf(why, why_size, "a path; there is no such home folder");
        return DD_ERROR_INPUT;
    }
    if ((text[0] || row->flags & DD_OPTIONS_CHECK_EMPTY) && row->check && row->check(text, why, why_size))
        return DD_ERROR_INPUT;
    if (is_path ? dd_option_value_expand_path(text, field, row->size) != 0 : strlen(text) >= row->size) {
        snprintf(why, why_size, "at most %zu characters", row->size - 1);
        return DD_ERROR_INPUT;
    }
    if (!is_path)
        snprintf(field, row->size, "%s", text);
    return 0;
}

int dd_option_value_set(const struct dd_options_row *row, void *base, const char *text, char *why, size_t why_size)
{
    void *field = field_of(row, base);
    dd_option_value_allowed(row, why, why_size);
    switch (row->type) {
    case DD_OPTIONS_STRING:
    case DD_OPTIONS_LIST:
    case DD_OPTIONS_PATH:
        return set_text(row, field, text, why, why_size);
    case DD_OPTIONS_SWITCH:
        return set_switch(field, text);
    case DD_OPTIONS_CHOICE:
        return set_choice(row, field, text);
    case DD_OPTIONS_INTEGER:
    case DD_OPTIONS_SIZE:
    case DD_OPTIONS_RATE:
    case DD_OPTIONS_SECONDS:
    case DD_OPTIONS_NUMBER:
        return set_number(row, field, text);
    }
    return DD_ERROR_INPUT;
}

static void print_quantity(double value, enum dd_options_type type, char *text, size_t size)
{
    bool binary = type == DD_OPTIONS_SIZE;
    const struct suffix *best = &suffixes[0];
    for (size_t i = 1; i < sizeof suffixes / sizeof *suffixes && (binary || type == DD_OPTIONS_RATE); i++) {
        const struct suffix *s = &suffixes[i];
        bool fits = (strlen(s->text) == 2) == binary && s->text[0] != 'k';
        if (fits && value >= s->factor && fmod(value, s->factor) == 0 && s->factor > best->factor)
            best = s;
    }
    snprintf(text, size, "%.15g%s", value / best->factor, best->text);
}

static void print_choice(const struct dd_options_row *row, int64_t index, char *text, size_t size)
{
    const char *choice = row->choices;
    for (; index > 0 && *choice; index--) {
        choice += strcspn(choice, "|");
        choice += *choice == '|';
    }
    snprintf(text, size, "%.*s", (int)strcspn(choice, "|"), choice);
}

bool dd_option_value_holds_secret(const struct dd_options_row *row, const char *text)
{
    if (row->flags & DD_OPTIONS_SECRET)
        return text[0] != '\0';
    /* user info; or parameters, in which some cameras expect a password */
    return row->flags & DD_OPTIONS_HAS_SECRET && strpbrk(text, "@?;&=") != NULL;
}

/* A URL with secrets: its scheme, and what stands between its user info and its parameters. */
static void mask_url(const char *text, char *masked, size_t size)
{
    const char *scheme = strstr(text, "://"), *at = strrchr(text, '@');
    int scheme_length = scheme ? (int)(scheme + 3 - text) : 0;
    const char *rest = at ? at : text + scheme_length;
    size_t shown = strcspn(rest, "?;&=");
    snprintf(masked, size, "%.*s%s%.*s%s", scheme_length, text, at ? hidden : "", (int)shown, rest, rest[shown] ? hidden : "");
}

void dd_option_value_mask(const struct dd_options_row *row, const char *text, char *masked, size_t size)
{
    if (!dd_option_value_holds_secret(row, text))
        snprintf(masked, size, "%s", text);
    else if (row->flags & DD_OPTIONS_SECRET)
        snprintf(masked, size, "%s", hidden);
    else
        mask_url(text, masked, size);
}

void dd_option_value_print(const struct dd_options_row *row, const void *base, char *text, size_t size)
{
    const void *field = const_field_of(row, base);
    switch (row->type) {
    case DD_OPTIONS_STRING:
    case DD_OPTIONS_LIST:
    case DD_OPTIONS_PATH:
        dd_option_value_mask(row, field, text, size);
        break;
    case DD_OPTIONS_SWITCH:
        snprintf(text, size, "%s", *(const bool *)field ? "true" : "false");
        break;
    case DD_OPTIONS_CHOICE:
        print_choice(row, *(const int64_t *)field, text, size);
        break;
    case DD_OPTIONS_NUMBER:
        snprintf(text, size, "%.15g", *(const double *)field);
        break;
    case DD_OPTIONS_SECONDS:
        snprintf(text, size, "%.15g", (double)*(const int64_t *)field / 1e6);
        break;
    case DD_OPTIONS_INTEGER:
    case DD_OPTIONS_SIZE:
    case DD_OPTIONS_RATE:
        print_quantity((double)*(const int64_t *)field, row->type, text, size);
        break;
    }
}

static const char *unit_of(enum dd_options_type type)
{
    switch (type) {
    case DD_OPTIONS_SIZE:
        return "bytes, as 4096 or \"8Mi\"";
    case DD_OPTIONS_RATE:
        return "bit/s, as 1000000 or \"100M\"";
    case DD_OPTIONS_SECONDS:
        return "seconds";
    case DD_OPTIONS_INTEGER:
        return "a whole number";
    case DD_OPTIONS_NUMBER:
        return "a number";
    default:
        return "";
    }
}

void dd_option_value_allowed(const struct dd_options_row *row, char *text, size_t size)
{
    char low[40], high[40];
    text[0] = '\0';
    if (row->type == DD_OPTIONS_SWITCH) {
        snprintf(text, size, "true or false");
    } else if (row->type == DD_OPTIONS_CHOICE) {
        snprintf(text, size, "one of %s", row->choices);
    } else if (unit_of(row->type)[0] && has_limits(row)) {
        print_quantity(row->min, row->type, low, sizeof low);
        print_quantity(row->max, row->type, high, sizeof high);
        snprintf(text, size, "%s, from %s to %s", unit_of(row->type), low, high);
    } else {
        snprintf(text, size, "%s", unit_of(row->type));
    }
}
