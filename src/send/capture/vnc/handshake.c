#include "send/capture/vnc/handshake.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dd/base/cursor.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/net/channel.h"
#include "send/capture/source.h"
#include "send/capture/vnc/password.h"
#include "send/capture/vnc/security_type.h"

enum {
    VERSION_BYTES = 12, /* "RFB 003.008\n" */
    TEXT_MAX = 1 << 20, /* of a reason or a name, none of which is needed */
    TEXT_KEPT = 200,
    TYPES_MAX = 255,
    PLAIN_MAX = 1023,
    INIT_BYTES = 24,
};

struct visit {
    struct dd_channel *line;
    const struct dd_vnc_handshake_config *login;
    struct dd_vnc_handshake_result *result;
    int minor; /* of version 3 */
};

/* ---- errors ---- */

static int fail_line(const struct visit *v, int error)
{
    struct dd_source_io *io = v->line->io;

    if (error == DD_ERROR_TIMEOUT && io->checkpoint(io->context))
        return DD_ERROR_STOPPED;
    if (error == DD_ERROR_TIMEOUT)
        return dd_source_fail(io, DD_WIRE_REASON_TIMEOUT,
                              "%s: no answer within the timeout; is it a VNC server, and not one that waits for TLS first?",
                              v->login->name);
    if (error == DD_ERROR_GONE)
        return dd_source_fail(io, DD_WIRE_REASON_ENDED, "%s: the VNC server closed the connection while it was set up",
                              v->login->name);
    return error;
}

static int fail_broken(const struct visit *v)
{
    return dd_source_fail(v->line->io, DD_WIRE_REASON_BROKEN, "%s: what it answers is not VNC; check the address and port",
                          v->login->name);
}

static int take(const struct visit *v, void *bytes, size_t size)
{
    int error = dd_channel_read(v->line, bytes, size);

    return error ? fail_line(v, error) : 0;
}

static int take_u8(const struct visit *v, uint8_t *value)
{
    *value = 0;
    return take(v, value, 1);
}

static int take_u32(const struct visit *v, uint32_t *value)
{
    uint8_t bytes[4] = {0};
    int error = take(v, bytes, sizeof bytes);
    struct dd_cursor c = dd_cursor_reader(bytes, sizeof bytes);

    *value = dd_cursor_read_u32(&c);
    return error;
}

static int put(const struct visit *v, const void *bytes, size_t size)
{
    int error = dd_channel_write(v->line, bytes, size);

    return error ? fail_line(v, error) : 0;
}

static int put_u32(const struct visit *v, uint32_t value)
{
    uint8_t bytes[4];
    struct dd_cursor c = dd_cursor_writer(bytes, sizeof bytes);

    dd_cursor_write_u32(&c, value);
    return put(v, bytes, sizeof bytes);
}

/* A text of the server's, as far as it is of use; what is too long for a text is an error. */
static int take_text(const struct visit *v, char text[static TEXT_KEPT + 1])
{
    uint32_t size;
    int error = take_u32(v, &size);

    text[0] = '\0';
    if (error)
        return error;
    if (size > TEXT_MAX)
        return fail_broken(v);
    size_t kept = size < TEXT_KEPT ? size : TEXT_KEPT;
    error = take(v, text, kept);
    text[error ? 0 : kept] = '\0';
    if (!error) {
        int rest = dd_channel_skip(v->line, size - kept);
        error = rest ? fail_line(v, rest) : 0;
    }
    return error;
}

static int fail_attempts(const struct visit *v)
{
    return dd_source_fail(v->line->io, DD_WIRE_REASON_CREDENTIALS,
                          "%s: too many attempts with a wrong password; the VNC server lets nobody in for a while",
                          v->login->name);
}

static int fail_credentials(const struct visit *v)
{
    return dd_source_fail(v->line->io, DD_WIRE_REASON_CREDENTIALS, "%s: wrong %spassword", v->login->name,
                          v->login->username[0] ? "user name or " : "");
}

/* The server said no, and says why in its own words. */
static int fail_refused(const struct visit *v)
{
    char text[TEXT_KEPT + 1];
    int error = take_text(v, text);

    if (error)
        return error;
    dd_log_debug("%s: the VNC server says: %s", v->login->name, text);
    /* TigerVNC, RealVNC: "Too many security failures", "Too many authentication failures" */
    if (strcasestr(text, "too many") && (strcasestr(text, "fail") || strcasestr(text, "attempt")))
        return fail_attempts(v);
    return dd_source_fail(v->line->io, DD_WIRE_REASON_ENDED,
                          "%s: the VNC server refuses the connection; its log says why, and so does this one with --debug",
                          v->login->name);
}

/* ---- which way ---- */

static int fail_no_way(const struct visit *v, const uint32_t *types, size_t count, const struct dd_vnc_security_type *lacking)
{
    struct dd_source_io *io = v->line->io;
    char list[TEXT_KEPT];
    size_t length = 0;
    bool tls = false;

    if (lacking)
        return dd_source_fail(io, DD_WIRE_REASON_CREDENTIALS, "%s: the VNC server wants a %spassword; set %spassword_file",
                              v->login->name, lacking->proof == DD_VNC_SECURITY_PLAIN ? "user name and a " : "",
                              lacking->proof == DD_VNC_SECURITY_PLAIN ? "username and " : "");
    if (v->login->authorities[0])
        return dd_source_fail(io, DD_WIRE_REASON_CERTIFICATE,
                              "%s: the VNC server has no TLS with a certificate (VeNCrypt X509), which ca_file asks for",
                              v->login->name);
    list[0] = '\0';
    for (size_t i = 0; i < count && length < sizeof list; i++) {
        tls = tls || types[i] == DD_VNC_SECURITY_TLS ||
              (types[i] >= DD_VNC_SECURITY_TLS_NONE && types[i] <= DD_VNC_SECURITY_TLS_PLAIN);
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%u", i ? ", " : "", types[i]);
    }
    if (tls)
        return dd_source_fail(io, DD_WIRE_REASON_CERTIFICATE,
                              "%s: the VNC server has TLS only without a certificate; give it one, or set tls_anonymous",
                              v->login->name);
    return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE,
                          "%s: the VNC server has no way to log in that is known here (security types %s); allow VncAuth, or "
                          "better X509Vnc, there",
                          v->login->name, list);
}

static void tell_way(const struct visit *v, const struct dd_vnc_security_type *way)
{
    static const struct dd_vnc_security_type *said; /* a role has one server */

    if (said != way)
        dd_log_notice("%s: logs in with %s", v->login->name, dd_vnc_security_type_text(way));
    said = way;
}

/* The best of the ways that the server has; NULL, told in io. */
static const struct dd_vnc_security_type *choose(const struct visit *v, const uint32_t *types, size_t count)
{
    const struct dd_vnc_handshake_config *login = v->login;
    const struct dd_vnc_security_type_request wish = {
        .certificate = login->authorities[0] != '\0',
        .anonymous = login->anonymous,
        .has_username = login->username[0] != '\0',
        .has_password = login->password[0] != '\0',
    };
    const struct dd_vnc_security_type *lacking, *way = dd_vnc_security_type_choose(types, count, &wish, &lacking);

    if (way)
        tell_way(v, way);
    else
        fail_no_way(v, types, count, lacking);
    return way;
}

/* ---- the ways ---- */

static int secure(struct visit *v, enum dd_vnc_security_type_cover cover)
{
    const struct dd_vnc_handshake_config *login = v->login;
    char text[DD_TLS_TEXT_SIZE];
    bool refused;
    int error =
        dd_channel_start_tls(v->line,
                             cover == DD_VNC_SECURITY_ANONYMOUS ? dd_tls_new_anonymous(v->line->fd)
                                                                : dd_tls_new(v->line->fd, login->host, login->authorities),
                             text, &refused);

    if (error == DD_ERROR_INPUT)
        return dd_source_fail(v->line->io, refused ? DD_WIRE_REASON_CERTIFICATE : DD_WIRE_REASON_BROKEN, "%s: %s", login->name,
                              text);
    if (error)
        return fail_line(v, error);
    v->result->unchecked = cover == DD_VNC_SECURITY_CERTIFICATE && !login->authorities[0];
    return 0;
}

static void warn_long(const struct visit *v)
{
    static bool is_said; /* a role has one server, and connects to it again and again */

    if (!is_said && strlen(v->login->password) > DD_VNC_PASSWORD_MAX)
        dd_log_warning("%s: only the first %d characters of the password count for this VNC server, and it need not know more",
                       v->login->name, DD_VNC_PASSWORD_MAX);
    is_said = true;
}

static int answer_challenge(const struct visit *v)
{
    uint8_t challenge[DD_VNC_PASSWORD_CHALLENGE], answer[DD_VNC_PASSWORD_CHALLENGE];
    int error = take(v, challenge, sizeof challenge);

    warn_long(v);
    if (!error)
        error = dd_vnc_password_answer(v->login->password, challenge, answer);
    return error ? error : put(v, answer, sizeof answer);
}

static int send_plain(const struct visit *v)
{
    size_t name = strnlen(v->login->username, PLAIN_MAX), password = strnlen(v->login->password, PLAIN_MAX);
    uint8_t bytes[8 + 2 * PLAIN_MAX];
    struct dd_cursor c = dd_cursor_writer(bytes, sizeof bytes);

    dd_cursor_write_u32(&c, (uint32_t)name);
    dd_cursor_write_u32(&c, (uint32_t)password);
    dd_cursor_write_bytes(&c, v->login->username, name);
    dd_cursor_write_bytes(&c, v->login->password, password);
    int error = put(v, bytes, c.at);
    explicit_bzero(bytes, sizeof bytes);
    return error;
}

static int take_result(const struct visit *v, enum dd_vnc_security_type_proof proof)
{
    char text[TEXT_KEPT + 1];
    uint8_t bytes[4];

    if (proof == DD_VNC_SECURITY_NO_PROOF && v->minor < 8)
        return 0;
    int error = dd_channel_read(v->line, bytes, sizeof bytes);
    /* rather than knocking again at once with what may be wrong */
    if (error == DD_ERROR_GONE && proof != DD_VNC_SECURITY_NO_PROOF)
        return dd_source_fail(v->line->io, DD_WIRE_REASON_CREDENTIALS,
                              "%s: the VNC server closed the connection at the log-in; check the password", v->login->name);
    if (error)
        return fail_line(v, error);
    struct dd_cursor c = dd_cursor_reader(bytes, sizeof bytes);
    uint32_t result = dd_cursor_read_u32(&c);
    if (result == 0)
        return 0;
    if (proof == DD_VNC_SECURITY_NO_PROOF)
        return v->minor < 8 ? fail_broken(v) : fail_refused(v);
    if (result == 2)
        return fail_attempts(v);
    /* the reason is only for the log: a server that is lazy about it must not hide that the password is wrong */
    if (v->minor >= 8 && take_text(v, text) == 0) {
        dd_log_debug("%s: the VNC server says: %s", v->login->name, text);
        if (strcasestr(text, "too many"))
            return fail_attempts(v);
    }
    return v->line->io->checkpoint(v->line->io->context) ? DD_ERROR_STOPPED : fail_credentials(v);
}

static int prove(const struct visit *v, enum dd_vnc_security_type_proof proof)
{
    int error = proof == DD_VNC_SECURITY_CHALLENGE ? answer_challenge(v) : proof == DD_VNC_SECURITY_PLAIN ? send_plain(v) : 0;

    return error ? error : take_result(v, proof);
}

static int run_vencrypt(struct visit *v)
{
    static const uint8_t version[2] = {0, 2};
    uint8_t theirs[2], refused, count, ready;
    uint32_t types[TYPES_MAX];
    int error = take(v, theirs, sizeof theirs);

    if (!error && theirs[0] == 0 && theirs[1] < 2)
        error = dd_source_fail(v->line->io, DD_WIRE_REASON_UNSUITABLE, "%s: the VNC server has VeNCrypt before 0.2; update it",
                               v->login->name);
    if (!error)
        error = put(v, version, sizeof version);
    if (!error)
        error = take_u8(v, &refused);
    if (!error && refused)
        error = fail_broken(v);
    if (!error)
        error = take_u8(v, &count);
    for (size_t i = 0; !error && i < count; i++)
        error = take_u32(v, &types[i]);
    if (error)
        return error;

    const struct dd_vnc_security_type *way = choose(v, types, count);
    if (!way)
        return DD_ERROR_SOURCE;
    error = put_u32(v, way->type);
    if (!error && way->cover != DD_VNC_SECURITY_CLEAR) {
        error = take_u8(v, &ready);
        if (!error && ready != 1)
            error = fail_broken(v);
        if (!error)
            error = secure(v, way->cover);
    }
    return error ? error : prove(v, way->proof);
}

/* The types of versions 3.7 and later, or those within TLS. */
static int take_types(const struct visit *v, uint32_t *types, size_t *count)
{
    uint8_t bytes[TYPES_MAX], n;
    int error = take_u8(v, &n);

    *count = 0;
    if (!error && n == 0)
        return fail_refused(v);
    if (!error)
        error = take(v, bytes, n);
    for (; !error && *count < n; ++*count)
        types[*count] = bytes[*count];
    return error;
}

static bool has_type(const uint32_t *types, size_t count, uint32_t type)
{
    for (size_t i = 0; i < count; i++)
        if (types[i] == type)
            return true;
    return false;
}

static int put_type(const struct visit *v, uint32_t type)
{
    const uint8_t byte = (uint8_t)type;

    return put(v, &byte, 1);
}

/* None or VncAuth of a list. */
static int run_simple(const struct visit *v, const uint32_t *types, size_t count)
{
    const struct dd_vnc_security_type *way = choose(v, types, count);

    if (!way)
        return DD_ERROR_SOURCE;
    int error = put_type(v, way->type);
    return error ? error : prove(v, way->proof);
}

/* TLS without certificates, as it was before VeNCrypt. */
static int run_tls(struct visit *v)
{
    uint32_t types[TYPES_MAX];
    size_t count;
    int error = put_type(v, DD_VNC_SECURITY_TLS);

    if (!error)
        error = secure(v, DD_VNC_SECURITY_ANONYMOUS);
    if (!error)
        error = take_types(v, types, &count);
    return error ? error : run_simple(v, types, count);
}

/* Before 3.7 the server decides. */
static int run_old(struct visit *v)
{
    uint32_t type;
    int error = take_u32(v, &type);

    if (error)
        return error;
    if (type == DD_VNC_SECURITY_INVALID)
        return fail_refused(v);
    const struct dd_vnc_security_type *way = choose(v, &type, 1);
    return way ? prove(v, way->proof) : DD_ERROR_SOURCE;
}

static int authenticate(struct visit *v)
{
    uint32_t types[TYPES_MAX];
    size_t count;

    if (v->minor < 7)
        return run_old(v);
    int error = take_types(v, types, &count);
    if (error)
        return error;
    if (has_type(types, count, DD_VNC_SECURITY_VENCRYPT)) {
        error = put_type(v, DD_VNC_SECURITY_VENCRYPT);
        return error ? error : run_vencrypt(v);
    }
    if (has_type(types, count, DD_VNC_SECURITY_TLS) && v->login->anonymous && !v->login->authorities[0])
        return run_tls(v);
    return run_simple(v, types, count);
}

/* ---- before and after ---- */

static int agree_version(struct visit *v)
{
    char text[VERSION_BYTES + 1] = "";
    unsigned major, minor;
    int end = 0, error = take(v, text, VERSION_BYTES);

    if (error)
        return error;
    if (sscanf(text, "RFB %3u.%3u\n%n", &major, &minor, &end) != 2 || end != VERSION_BYTES || major < 3)
        return fail_broken(v);
    /* 3.5 never was; 3.889 is Apple's, 4 and 5 RealVNC's */
    v->minor = major > 3 || minor >= 8 ? 8 : minor == 7 ? 7 : 3;
    snprintf(text, sizeof text, "RFB 003.%03d\n", v->minor);
    return put(v, text, VERSION_BYTES);
}

static int start_session(const struct visit *v)
{
    static const uint8_t shared = 1; /* others stay connected */
    uint8_t bytes[INIT_BYTES - 4];
    char name[TEXT_KEPT + 1];
    int error = put(v, &shared, 1);

    if (!error)
        error = take(v, bytes, sizeof bytes);
    if (error)
        return error;
    struct dd_cursor c = dd_cursor_reader(bytes, sizeof bytes);
    v->result->width = dd_cursor_read_u16(&c);
    v->result->height = dd_cursor_read_u16(&c);
    return take_text(v, name);
}

static int ask_format(const struct visit *v)
{
    static const uint8_t format[] = {
        0,  0,   0, 0,           /* SetPixelFormat */
        32, 24,  0, 1,           /* bits, depth, little-endian, true colour */
        0,  255, 0, 255, 0, 255, /* the largest red, green and blue, */
        16, 8,   0, 0,   0, 0,   /* and where they are */
    };
    /* ZRLE, Hextile, CopyRect, Raw; DesktopSize tells a new size (libvncclient passes over an extended one whose screen has the
     * number 0). No cursor: the server draws it. */
    static const int32_t encodings[] = {16, 5, 1, 0, -223};
    enum { COUNT = sizeof encodings / sizeof *encodings };
    uint8_t bytes[4 + 4 * COUNT];
    struct dd_cursor c = dd_cursor_writer(bytes, sizeof bytes);
    int error = put(v, format, sizeof format);

    dd_cursor_write_u16(&c, 2 << 8); /* SetEncodings */
    dd_cursor_write_u16(&c, COUNT);
    for (int i = 0; i < COUNT; i++)
        dd_cursor_write_u32(&c, (uint32_t)encodings[i]);
    return error ? error : put(v, bytes, sizeof bytes);
}

int dd_vnc_handshake_run(struct dd_channel *line, const struct dd_vnc_handshake_config *login,
                         struct dd_vnc_handshake_result *result)
{
    struct visit v = {.line = line, .login = login, .result = result};

    *result = (struct dd_vnc_handshake_result){0};
    int error = agree_version(&v);
    if (!error)
        error = authenticate(&v);
    if (!error)
        error = start_session(&v);
    return error ? error : ask_format(&v);
}
