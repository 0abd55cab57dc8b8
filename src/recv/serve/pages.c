#include "recv/serve/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/log.h"
#include "recv/serve/assets.h"
#include "recv/serve/serve_role.h"

static const char html_type[] = "text/html; charset=utf-8";
static const char block_start[] = "{{#streams}}";
static const char block_end[] = "{{/streams}}";

struct text {
    char *bytes;
    size_t size;
};

struct dd_pages {
    const struct dd_serve_config *config;
    size_t *order; /* indexes of the streams, in the order in which the site lists them */
    struct text index;
    struct text streams[];
};

/* A part of a template. */
struct span {
    const char *start, *end;
};

static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static const char *find(struct span in, const char *what)
{
    const char *at = memmem(in.start, (size_t)(in.end - in.start), what, strlen(what));
    return at ? at : in.end;
}

static void put_value(FILE *out, struct span name, const struct dd_serve_config *config, const struct dd_serve_stream *stream)
{
    const struct {
        const char *name, *value;
    } values[] = {
        {"{{title}}", config->html_title},
        {"{{stream}}", stream ? stream->name : ""},
        {"{{name}}", stream ? stream->title : ""},
        {"{{description}}", stream ? stream->description : ""},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strlen(values[i].name) == (size_t)(name.end - name.start) &&
            memcmp(values[i].name, name.start, strlen(values[i].name)) == 0)
            put_escaped(out, values[i].value);
}

/* Writes in, which has no blocks. An unknown name becomes nothing. */
static void put_plain(FILE *out, struct span in, const struct dd_serve_config *config, const struct dd_serve_stream *stream)
{
    while (in.start < in.end) {
        const char *open = find(in, "{{");
        fwrite(in.start, 1, (size_t)(open - in.start), out);
        struct span name = {open, open};
        if (open < in.end) {
            const char *close = find((struct span){open, in.end}, "}}");
            name.end = close < in.end ? close + 2 : in.end;
        }
        put_value(out, name, config, stream);
        in.start = name.end;
    }
}

/* Writes in, which has at most one block. */
static void put_template(FILE *out, struct span in, const struct dd_pages *pages, const struct dd_serve_stream *stream)
{
    const struct dd_serve_config *config = pages->config;
    const char *start = find(in, block_start);
    put_plain(out, (struct span){in.start, start}, config, stream);
    if (start == in.end)
        return;
    struct span block = {start + strlen(block_start), in.end};
    block.end = find(block, block_end);
    for (size_t i = 0; i < config->stream_count; i++)
        put_plain(out, block, config, &config->streams[pages->order[i]]);
    if (block.end < in.end)
        put_plain(out, (struct span){block.end + strlen(block_end), in.end}, config, stream);
}

/* 0, or -1 if there is no memory. */
static int render(struct text *text, const char *file, const struct dd_pages *pages, const struct dd_serve_stream *stream)
{
    struct span in = {NULL, NULL};
    const struct dd_embedded_file *template = dd_embedded_file_find(dd_assets, file);
    if (template)
        in = (struct span){template->bytes, template->bytes + template->size};
    FILE *out = open_memstream(&text->bytes, &text->size);
    if (!out)
        return -1;
    if (in.start)
        put_template(out, in, pages, stream);
    return fclose(out) == 0 ? 0 : -1;
}

static int compare_order(const void *a, const void *b, void *config)
{
    size_t i = *(const size_t *)a;
    size_t j = *(const size_t *)b;
    const struct dd_serve_stream *streams = ((const struct dd_serve_config *)config)->streams;
    if (streams[i].order != streams[j].order)
        return streams[i].order < streams[j].order ? -1 : 1;
    return i < j ? -1 : i > j;
}

static int build(struct dd_pages *pages)
{
    size_t count = pages->config->stream_count;
    pages->order = calloc(count ? count : 1, sizeof *pages->order);
    if (!pages->order)
        return -1;
    for (size_t i = 0; i < count; i++)
        pages->order[i] = i;
    /* qsort_r takes no pointer to const, and compare_order only reads. */
    union {
        const struct dd_serve_config *given;
        void *taken;
    } config = {.given = pages->config};
    qsort_r(pages->order, count, sizeof *pages->order, compare_order, config.taken);
    for (size_t i = 0; i < count; i++)
        if (render(&pages->streams[i], "stream.html", pages, &pages->config->streams[i]) != 0)
            return -1;
    return render(&pages->index, "overview.html", pages, NULL);
}

struct dd_pages *dd_pages_new(const struct dd_serve_config *config)
{
    struct dd_pages *pages = calloc(1, sizeof *pages + config->stream_count * sizeof *pages->streams);
    if (pages)
        pages->config = config;
    if (!pages || build(pages) != 0) {
        dd_log_error("no memory for the pages of %u streams", config->stream_count);
        dd_pages_free(pages);
        return NULL;
    }
    return pages;
}

void dd_pages_free(struct dd_pages *pages)
{
    if (!pages)
        return;
    for (size_t i = 0; i < pages->config->stream_count; i++)
        free(pages->streams[i].bytes);
    free(pages->index.bytes);
    free(pages->order);
    free(pages);
}

struct dd_pages_file dd_pages_index(const struct dd_pages *pages)
{
    return (struct dd_pages_file){.bytes = pages->index.bytes, .size = pages->index.size, .type = html_type};
}

struct dd_pages_file dd_pages_stream(const struct dd_pages *pages, size_t stream)
{
    const struct text *text = &pages->streams[stream];
    return (struct dd_pages_file){.bytes = text->bytes, .size = text->size, .type = html_type};
}

/* Content-Type by the name's extension; NULL for templates, which are not served as they are. */
static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot && strcmp(dot, ".js") == 0)
        return "text/javascript; charset=utf-8";
    if (dot && strcmp(dot, ".css") == 0)
        return "text/css; charset=utf-8";
    if (dot && strcmp(dot, ".svg") == 0)
        return "image/svg+xml";
    return NULL;
}

struct dd_pages_file dd_pages_find(const char *name)
{
    /* Browsers request this name by themselves, and go by the type of the response. */
    if (strcmp(name, "favicon.ico") == 0)
        name = "icon.svg";
    const struct dd_embedded_file *file = dd_embedded_file_find(dd_assets, name);
    return file ? (struct dd_pages_file){.bytes = file->bytes, .size = file->size, .type = type_of(name)}
                : (struct dd_pages_file){0};
}
