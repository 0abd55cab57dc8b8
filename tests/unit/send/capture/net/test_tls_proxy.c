/* The TLS proxy, with a TLS server in a thread of the test and a certificate made here. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "send/capture/net/tls.h"
#include "send/capture/net/tls_proxy.h"
#include "send/capture/source.h"
#include "suite.h"

enum {
    BYTES = 30 * 1000 * 1000,
    FEW_BYTES = 5 * 1000 * 1000,
    HANG_S = 60, /* no busy machine takes that long */
    TIMEOUT_S = 2,
};

/* How much goes both ways: more than all buffers hold, unless that takes too long. */
static size_t total(void)
{
    return suite_is_short() ? FEW_BYTES : BYTES;
}

/* A TLS server that sends back what it receives. */
struct server {
    SSL_CTX *context;
    int listen_fd, port;
    bool silent;        /* accepts the connection, and never answers */
    bool closes_early;  /* accepts it, and closes it at the first bytes */
    size_t close_after; /* closes after so many bytes, without close_notify; 0: never */
    pthread_t thread;
    char pem[4096];
};

static bool stopped;

static bool checkpoint(void *context)
{
    (void)context;
    return stopped;
}

static void make_certificate(struct server *s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    BIO *bio = BIO_new(BIO_s_mem());

    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)"camera", -1, -1,
                               0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    X509_add_ext(certificate, names, -1);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    ck_assert_int_eq(SSL_CTX_use_certificate(s->context, certificate), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(s->context, key), 1);
    PEM_write_bio_X509(bio, certificate);
    int n = BIO_read(bio, s->pem, sizeof s->pem - 1);
    ck_assert_int_gt(n, 0);
    s->pem[n] = '\0';
    BIO_free(bio);
    X509_EXTENSION_free(names);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void *serve(void *argument)
{
    struct server *s = argument;
    static char bytes[20000];
    int fd = accept(s->listen_fd, NULL, NULL), n = 0;
    size_t all = 0;

    if (s->closes_early) {
        recv(fd, bytes, sizeof bytes, 0);
        close(fd);
        return NULL;
    }
    if (s->silent) {
        while (recv(fd, bytes, sizeof bytes, 0) > 0)
            ;
        close(fd);
        return NULL;
    }
    SSL *ssl = SSL_new(s->context);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        while ((s->close_after == 0 || all < s->close_after) && (n = SSL_read(ssl, bytes, sizeof bytes)) > 0 &&
               SSL_write(ssl, bytes, n) == n)
            all += (size_t)n;
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static void start(struct server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    s->context = SSL_CTX_new(TLS_server_method());
    make_certificate(s);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->listen_fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(s->listen_fd, 1), 0);
    getsockname(s->listen_fd, (struct sockaddr *)&address, &size);
    s->port = ntohs(address.sin_port);
    pthread_create(&s->thread, NULL, serve, s);
}

static void stop(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->listen_fd);
    SSL_CTX_free(s->context);
}

/* By what factor everything is slower: under valgrind scripts/test tells Check. */
static unsigned slowdown(void)
{
    const char *multiplier = getenv("CK_TIMEOUT_MULTIPLIER");

    return multiplier ? (unsigned)atoi(multiplier) : 1;
}

static struct dd_source_io io_within(unsigned seconds)
{
    return (struct dd_source_io){
        .deadline_us = dd_clock_now_us() + seconds * DD_CLOCK_US_PER_S, .checkpoint = checkpoint, .stop_fd = -1};
}

static int open_proxy_within(unsigned seconds, struct dd_tls_proxy **proxy, const struct server *s, const char *authorities,
                             struct dd_source_io *io)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)s->port)};
    struct addrinfo info = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&address, .ai_addrlen = sizeof address};
    const struct dd_tls_proxy_config config = {
        .name = "rtsps://127.0.0.1/x", .host = "127.0.0.1", .authorities = authorities, .addresses = &info};

    *io = io_within(seconds);
    return dd_tls_proxy_open(proxy, &config, io);
}

static int open_proxy(struct dd_tls_proxy **proxy, const struct server *s, const char *authorities, struct dd_source_io *io)
{
    return open_proxy_within(HANG_S, proxy, s, authorities, io);
}

static int connect_local(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = HANG_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void *send_all(void *argument)
{
    static uint8_t bytes[BYTES];
    const int *fd = argument;

    for (size_t i = 0; i < total(); i++)
        bytes[i] = (uint8_t)(i * i >> 7);
    for (size_t done = 0; done < total();) {
        ssize_t n = send(*fd, bytes + done, total() - done, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return bytes;
}

/* True once this process uses almost no CPU: a busy loop never does. */
static bool becomes_idle(void)
{
    for (unsigned i = 0; i < 20 * slowdown(); i++) {
        clock_t busy = clock();
        usleep(300000);
        if (clock() - busy < CLOCKS_PER_SEC / 10)
            return true;
    }
    return false;
}

START_TEST(copies_both_ways)
{
    static uint8_t back[BYTES];
    struct server s = {0};
    struct dd_source_io io;
    struct dd_tls_proxy *t;
    pthread_t sender;
    void *sent;
    size_t got = 0;
    char one;

    start(&s);
    ck_assert_msg(open_proxy(&t, &s, s.pem, &io) == 0, "%s", io.message);
    int fd = connect_local(dd_tls_proxy_port(t));
    ck_assert_int_ge(fd, 0);
    pthread_create(&sender, NULL, send_all, &fd);
    ck_assert(becomes_idle()); /* no busy loop once all buffers are full */
    while (got < total()) {
        ssize_t n = recv(fd, back + got, total() - got, 0);
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
        if (got < total() / 2)
            usleep(200); /* slowly, so that buffers fill up */
    }
    pthread_join(sender, &sent);
    ck_assert_mem_eq(back, sent, total());
    ck_assert_int_lt(connect_local(dd_tls_proxy_port(t)), 0); /* one connection only */
    shutdown(fd, SHUT_WR);
    ck_assert_int_eq(recv(fd, &one, 1, 0), 0);
    close(fd);
    dd_tls_proxy_close(t);
    stop(&s);
}
END_TEST

START_TEST(refuses_other_processes)
{
    struct server s = {0};
    struct dd_source_io io;
    struct dd_tls_proxy *t;
    int status;
    char one = 'x';

    start(&s);
    ck_assert_int_eq(open_proxy(&t, &s, s.pem, &io), 0);
    pid_t other = fork();
    if (other == 0) {
        int fd = connect_local(dd_tls_proxy_port(t));
        const char *program = fd >= 0 && recv(fd, &one, 1, 0) <= 0 ? "true" : "false";
        execlp(program, program, NULL); /* not _exit(): valgrind would look for leaks in the copy of this process */
        _exit(1);
    }
    waitpid(other, &status, 0);
    ck_assert_int_eq(status, 0);
    int fd = connect_local(dd_tls_proxy_port(t));
    ck_assert_int_eq(send(fd, &one, 1, 0), 1);
    ck_assert_int_eq(recv(fd, &one, 1, 0), 1);
    close(fd);
    dd_tls_proxy_close(t);
    stop(&s);
}
END_TEST

START_TEST(a_connection_closed_by_the_server_ends)
{
    struct server s = {.close_after = 1};
    struct dd_source_io io;
    struct dd_tls_proxy *t;
    char bytes[8] = "abcdefg";

    start(&s);
    ck_assert_int_eq(open_proxy(&t, &s, "", &io), 0); /* also without a check of the certificate */
    int fd = connect_local(dd_tls_proxy_port(t));
    ck_assert_int_eq(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
    ck_assert_int_eq(recv(fd, bytes, sizeof bytes, MSG_WAITALL), sizeof bytes); /* bytes from before the end still arrive */
    ck_assert_int_eq(recv(fd, bytes, 1, 0), 0);
    close(fd);
    dd_tls_proxy_close(t);
    stop(&s);
}
END_TEST

START_TEST(closing_does_not_wait)
{
    uint64_t fastest_us = UINT64_MAX;

    for (int i = 0; i < 20 && fastest_us > DD_CLOCK_US_PER_S / 2; i++) { /* on a busy machine not each is fast */
        struct server s = {0};
        struct dd_source_io io;
        struct dd_tls_proxy *t;
        start(&s);
        ck_assert_int_eq(open_proxy(&t, &s, s.pem, &io), 0);
        uint64_t start_us = dd_clock_now_us();
        dd_tls_proxy_close(t); /* nobody has connected */
        uint64_t taken_us = dd_clock_now_us() - start_us;
        fastest_us = taken_us < fastest_us ? taken_us : fastest_us;
        stop(&s);
    }
    ck_assert_uint_le(fastest_us, DD_CLOCK_US_PER_S / 2);
    dd_tls_proxy_close(NULL);
}
END_TEST

START_TEST(failures_have_reasons)
{
    struct server s = {.silent = true}, other = {0}, cuts = {.closes_early = true};
    struct dd_source_io io;
    struct dd_tls_proxy *t;

    start(&s);
    uint64_t start_us = dd_clock_now_us();
    ck_assert_int_eq(open_proxy_within(TIMEOUT_S, &t, &s, s.pem, &io), DD_ERROR_SOURCE);
    ck_assert_uint_eq(io.reason, DD_WIRE_REASON_TIMEOUT);
    ck_assert_uint_lt(dd_clock_now_us() - start_us, HANG_S * DD_CLOCK_US_PER_S);
    ck_assert_ptr_null(t);
    stop(&s);

    start(&other);
    ck_assert_int_eq(open_proxy(&t, &other, s.pem, &io), DD_ERROR_SOURCE);
    ck_assert_uint_eq(io.reason, DD_WIRE_REASON_CERTIFICATE);
    ck_assert_ptr_nonnull(strstr(io.message, "not signed"));
    stop(&other);
    start(&cuts);
    ck_assert_int_eq(open_proxy(&t, &cuts, s.pem, &io), DD_ERROR_SOURCE);
    ck_assert_uint_eq(io.reason, DD_WIRE_REASON_BROKEN); /* no certificate was checked */
    ck_assert_ptr_nonnull(strstr(io.message, "cuts the connection"));
    stop(&cuts);
    ck_assert_int_eq(open_proxy(&t, &other, s.pem, &io), DD_ERROR_SOURCE); /* its port is closed now */
    ck_assert_uint_eq(io.reason, DD_WIRE_REASON_UNREACHABLE);
}
END_TEST

/* Opens a listener whose queue is full, so that it does not answer. */
static int start_black_hole(struct sockaddr_in *address, int queued[2])
{
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)address, size), 0);
    ck_assert_int_eq(listen(fd, 0), 0);
    getsockname(fd, (struct sockaddr *)address, &size);
    for (int i = 0; i < 2; i++) {
        queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(queued[i], (struct sockaddr *)address, size);
    }
    return fd;
}

START_TEST(a_silent_address_does_not_delay_the_next)
{
    struct server s = {0};
    struct sockaddr_in silent;
    struct dd_source_io io;
    struct dd_tls_proxy *t;
    int queued[2], fd = start_black_hole(&silent, queued);

    struct sockaddr_in answering = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct addrinfo second = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&answering, .ai_addrlen = sizeof answering};
    struct addrinfo first = {
        .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&silent, .ai_addrlen = sizeof silent, .ai_next = &second};
    const struct dd_tls_proxy_config config = {
        .name = "rtsps://camera/x", .host = "127.0.0.1", .authorities = s.pem, .addresses = &first};
    int error = DD_ERROR_SOURCE;
    /* the silent one gets half of the time; on a busy machine the handshake may need more than the other half */
    for (unsigned seconds = TIMEOUT_S; error && seconds < HANG_S; seconds *= 2) {
        start(&s); /* a server takes one connection */
        answering.sin_port = htons((uint16_t)s.port);
        io = io_within(seconds);
        error = dd_tls_proxy_open(&t, &config, &io);
        if (error)
            stop(&s);
    }
    ck_assert_msg(error == 0, "%s", io.message);
    dd_tls_proxy_close(t);
    stop(&s);
    close(queued[0]);
    close(queued[1]);
    close(fd);
}
END_TEST

START_TEST(a_stop_ends_the_handshake)
{
    struct server s = {.silent = true};
    struct dd_source_io io;
    struct dd_tls_proxy *t;

    start(&s);
    stopped = true;
    ck_assert_int_eq(open_proxy(&t, &s, s.pem, &io), DD_ERROR_STOPPED);
    stop(&s);
}
END_TEST

START_TEST(counts_certificates)
{
    struct server s = {0};
    char text[3 * sizeof s.pem];

    s.context = SSL_CTX_new(TLS_server_method());
    make_certificate(&s);
    ck_assert_int_eq(dd_tls_count_certificates(""), 0);
    ck_assert_int_eq(dd_tls_count_certificates("a note\n"), 0);
    ck_assert_int_eq(dd_tls_count_certificates(s.pem), 1);
    snprintf(text, sizeof text, "a note\n%s\nanother\n%s", s.pem, s.pem);
    ck_assert_int_eq(dd_tls_count_certificates(text), 2);
    strcat(text, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    ck_assert_int_eq(dd_tls_count_certificates(text), -1);
    SSL_CTX_free(s.context);
}
END_TEST

SUITE("send/capture/net/tls_proxy", copies_both_ways, refuses_other_processes, a_connection_closed_by_the_server_ends,
      closing_does_not_wait, failures_have_reasons, a_silent_address_does_not_delay_the_next, a_stop_ends_the_handshake,
      counts_certificates)
