#include "base/option_help.h"

#include <string.h>

#include "dd/base/log.h"
#include "dd/base/option_value.h"
#include "dd/base/options.h"

static void print_name(FILE *out, const struct dd_options_row *row)
{
    fputs("  --", out);
    for (const char *c = row->name; *c; c++)
        fputc(*c == '_' ? '-' : *c, out);
    if (row->argument)
        fprintf(out, " %s", row->argument);
    fputc('\n', out);
}

static void print_row(FILE *out, const struct dd_options_row *row)
{
    char allowed[256] = "";
    print_name(out, row);
    fprintf(out, "        %s", row->help);
    if (row->type != DD_OPTIONS_SWITCH)
        dd_option_value_allowed(row, allowed, sizeof allowed);
    if (allowed[0])
        fprintf(out, "; %s", allowed);
    if (row->fallback && row->fallback[0])
        fprintf(out, " [%s]", row->fallback);
    if (row->flags & DD_OPTIONS_NO_EFFECT)
        fputs(" (accepted, but has no effect yet)", out);
    fputc('\n', out);
}

void dd_option_help_print(const struct dd_options_schema *schema, FILE *out)
{
    static const char *const headings[] = {[DD_OPTIONS_STREAM] = "Of a stream:", [DD_OPTIONS_DAEMON] = "Of the daemon:"};
    fputs(schema->summary, out);
    fputs("\nDefaults stand in brackets. A switch takes no value, or true or false. In a file the names have '_' where '-' "
          "stands here.\n",
          out);
    for (int scope = DD_OPTIONS_STREAM; scope <= DD_OPTIONS_DAEMON; scope++) {
        fprintf(out, "\n%s\n", headings[scope]);
        for (size_t i = 0; i < schema->row_count; i++)
            if ((int)schema->rows[i].scope == scope)
                print_row(out, &schema->rows[i]);
    }
}

static void print_instance(struct dd_options *o, size_t instance, FILE *out)
{
    const struct dd_options_schema *schema = dd_options_schema_of(o);
    const void *base = instance ? dd_options_stream(o, instance - 1) : dd_options_daemon(o);
    enum dd_options_scope scope = instance ? DD_OPTIONS_STREAM : DD_OPTIONS_DAEMON;
    fprintf(out, "%-26s %-14s %-24s %-24s %s\n", instance ? dd_options_stream_name(o, instance - 1) : schema->section, "default",
            "file", "command line", "final");
    for (size_t i = 0; i < schema->row_count; i++) {
        const struct dd_options_row *row = &schema->rows[i];
        const char *file = dd_options_text_in_file(o, instance, i), *line = dd_options_text_on_line(o, instance, i);
        char final[DD_OPTION_VALUE_TEXT];
        if (row->scope != scope)
            continue;
        dd_option_value_print(row, base, final, sizeof final);
        fprintf(out, "  %-24s %-14s %-24s %-24s %s\n", row->name, row->fallback && row->fallback[0] ? row->fallback : "-",
                file ? file : "-", line ? line : "-", final[0] ? final : "-");
    }
}

void dd_option_help_table(struct dd_options *o, FILE *out)
{
    for (size_t instance = 0; instance <= dd_options_stream_count(o); instance++)
        print_instance(o, instance, out);
    fflush(out);
}

void dd_option_help_report_no_effect(struct dd_options *o)
{
    const struct dd_options_schema *schema = dd_options_schema_of(o);
    for (size_t i = 0; i < schema->row_count; i++) {
        const struct dd_options_row *row = &schema->rows[i];
        size_t last = row->scope == DD_OPTIONS_STREAM ? dd_options_stream_count(o) : 1;
        for (size_t j = 0; j < last && row->flags & DD_OPTIONS_NO_EFFECT; j++)
            if (dd_options_is_set(o, j, row->name))
                dd_log_warning("%s has no effect yet in this version", dd_options_where(o, j, row->name));
    }
}
