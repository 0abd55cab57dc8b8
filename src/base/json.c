/* The only global state: cJSON's hooks are set once, to an allocator that wipes memory when it frees it. */
#include "dd/base/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* struct dd_json is cJSON's node under a name of our own. */
static cJSON *node_of(struct dd_json *node)
{
    return (cJSON *)(void *)node;
}

static const cJSON *const_node_of(const struct dd_json *node)
{
    return (const cJSON *)(const void *)node;
}

static struct dd_json *json_of(cJSON *node)
{
    return (struct dd_json *)(void *)node;
}

static void wiping_free(void *p)
{
    if (p)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

static void set_hooks(void)
{
    cJSON_Hooks hooks = {.malloc_fn = malloc, .free_fn = wiping_free};
    cJSON_InitHooks(&hooks);
}

static void begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_hooks);
}

/* Blanks out what follows // outside of strings. */
static void remove_comments(char *text, size_t size)
{
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        if (in_string && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && text[i] == '/' && i + 1 < size && text[i + 1] == '/') {
            while (i < size && text[i] != '\n')
                text[i++] = ' ';
        }
    }
}

static unsigned line_of(const char *text, const char *at)
{
    unsigned line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

struct dd_json *dd_json_parse(const char *text, size_t size, unsigned *line)
{
    const char *end = NULL;
    cJSON *document = NULL;
    begin();
    *line = 0;
    char *copy = malloc(size + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, size);
    copy[size] = '\0';
    remove_comments(copy, size);
    /* A NUL would end the text early, and the rest would be ignored. */
    if (strlen(copy) == size)
        document = cJSON_ParseWithLengthOpts(copy, size + 1, &end, true);
    if (!document)
        *line = line_of(copy, end ? end : copy + strlen(copy));
    explicit_bzero(copy, size);
    free(copy);
    return json_of(document);
}

/* Each value costs a node, however short its text. */
static bool has_at_most(const char *text, size_t size, size_t values_max)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return count <= values_max;
}

struct dd_json *dd_json_parse_wire(const char *text, size_t size, size_t values_max)
{
    const char *end = NULL;
    begin();
    if (memchr(text, '\0', size) || !has_at_most(text, size, values_max))
        return NULL;
    cJSON *document = cJSON_ParseWithLengthOpts(text, size, &end, false);
    if (!document)
        return NULL;
    while (end < text + size && strchr(" \t\r\n", *end))
        end++;
    if (end == text + size)
        return json_of(document);
    cJSON_Delete(document);
    return NULL;
}

struct dd_json *dd_json_new_object(void)
{
    begin();
    return json_of(cJSON_CreateObject());
}

struct dd_json *dd_json_new_array(void)
{
    begin();
    return json_of(cJSON_CreateArray());
}

void dd_json_free(struct dd_json *document)
{
    cJSON_Delete(node_of(document));
}

enum dd_json_type dd_json_type(const struct dd_json *node)
{
    const cJSON *n = const_node_of(node);
    return cJSON_IsObject(n)   ? DD_JSON_OBJECT
           : cJSON_IsArray(n)  ? DD_JSON_ARRAY
           : cJSON_IsString(n) ? DD_JSON_STRING
           : cJSON_IsNumber(n) ? DD_JSON_NUMBER
           : cJSON_IsBool(n)   ? DD_JSON_BOOLEAN
                               : DD_JSON_NULL;
}

struct dd_json *dd_json_first(const struct dd_json *node)
{
    return node ? json_of(const_node_of(node)->child) : NULL;
}

struct dd_json *dd_json_next(const struct dd_json *node)
{
    return node ? json_of(const_node_of(node)->next) : NULL;
}

struct dd_json *dd_json_member(const struct dd_json *object, const char *name)
{
    return json_of(cJSON_GetObjectItemCaseSensitive(const_node_of(object), name));
}

const char *dd_json_name(const struct dd_json *node)
{
    const cJSON *n = const_node_of(node);
    return n && n->string ? n->string : "";
}

const char *dd_json_string(const struct dd_json *node)
{
    const char *text = cJSON_GetStringValue(const_node_of(node));
    return text ? text : "";
}

double dd_json_number(const struct dd_json *node)
{
    const cJSON *n = const_node_of(node);
    return cJSON_IsNumber(n) ? n->valuedouble : 0;
}

int64_t dd_json_integer(const struct dd_json *node)
{
    const double largest = 9007199254740992; /* 2^53 */
    double number = dd_json_number(node);

    return fabs(number) <= largest && number == floor(number) ? (int64_t)number : 0;
}

bool dd_json_boolean(const struct dd_json *node)
{
    return cJSON_IsTrue(const_node_of(node));
}

/* Takes child. NULL if it could not be added. */
static struct dd_json *add(struct dd_json *to, const char *name, cJSON *child)
{
    bool added =
        to && child && (name ? cJSON_AddItemToObject(node_of(to), name, child) : cJSON_AddItemToArray(node_of(to), child));
    if (!added) {
        cJSON_Delete(child);
        return NULL;
    }
    return json_of(child);
}

struct dd_json *dd_json_add_object(struct dd_json *to, const char *name)
{
    return add(to, name, cJSON_CreateObject());
}

struct dd_json *dd_json_add_array(struct dd_json *to, const char *name)
{
    return add(to, name, cJSON_CreateArray());
}

void dd_json_add_string(struct dd_json *to, const char *name, const char *value)
{
    add(to, name, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void dd_json_add_integer(struct dd_json *to, const char *name, uint64_t value)
{
    /* cJSON itself prints 15 digits, which is not enough for microseconds since 1970. */
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    add(to, name, cJSON_CreateRaw(text));
}

void dd_json_add_number(struct dd_json *to, const char *name, double value, unsigned decimals)
{
    double scale = pow(10, decimals);
    add(to, name, isfinite(value) ? cJSON_CreateNumber(round(value * scale) / scale) : cJSON_CreateNull());
}

void dd_json_add_boolean(struct dd_json *to, const char *name, bool value)
{
    add(to, name, cJSON_CreateBool(value));
}

void dd_json_add_null(struct dd_json *to, const char *name)
{
    add(to, name, cJSON_CreateNull());
}

char *dd_json_print(const struct dd_json *document)
{
    return document ? cJSON_PrintUnformatted(const_node_of(document)) : NULL;
}
