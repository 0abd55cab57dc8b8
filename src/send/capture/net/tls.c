#include "send/capture/net/tls.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "dd/base/error.h"
#include "dd/base/host_port.h"
#include "dd/base/log.h"

struct dd_tls {
    SSL_CTX *context;
    SSL *ssl;
    short read_event, write_event; /* what the last call of each kind waits for; 0: nothing */
    bool failed;                   /* nothing more may be sent */
};

/* ---- certificates ---- */

/* Calls take(certificate, context) for each certificate. Returns their number; -1 if one cannot be read or taken. */
static int each_certificate(const char *pem, bool (*take)(X509 *certificate, void *context), void *context)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    int count = 0;
    X509 *certificate;

    if (!bio)
        return -1;
    ERR_clear_error();
    while (count >= 0 && (certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
        count = !take || take(certificate, context) ? count + 1 : -1;
        X509_free(certificate);
    }
    unsigned long error = ERR_peek_last_error();
    if (count >= 0 && (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE))
        count = -1;
    ERR_clear_error();
    BIO_free(bio);
    return count;
}

int dd_tls_count_certificates(const char *pem)
{
    return each_certificate(pem, NULL, NULL);
}

static bool trust(X509 *certificate, void *store)
{
    return X509_STORE_add_cert(store, certificate) == 1;
}

/* ---- setting up ---- */

static bool set_verification(struct dd_tls *tls, const char *host, const char *authorities)
{
    X509_VERIFY_PARAM *parameters = SSL_get0_param(tls->ssl);

    if (!authorities[0]) {
        SSL_set_verify(tls->ssl, SSL_VERIFY_NONE, NULL);
        SSL_set_security_level(tls->ssl, 1); /* accepts SHA-1 of old devices: the signature is not checked anyway */
        return true;
    }
    SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, NULL);
    /* The user may choose a device's own certificate, or one of an intermediate issuer: it need not be a root. */
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (each_certificate(authorities, trust, SSL_CTX_get_cert_store(tls->context)) <= 0)
        return false;
    return dd_host_port_family(host) != AF_UNSPEC ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1
                                                  : X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1;
}

/* Names the server for those that share an address (SNI). An IP address is no name. */
static bool set_server_name(struct dd_tls *tls, const char *host)
{
    char name[256]; /* OpenSSL's macro casts const away */

    snprintf(name, sizeof name, "%s", host);
    return dd_host_port_family(host) != AF_UNSPEC || SSL_set_tlsext_host_name(tls->ssl, name) == 1;
}

/* NULL, not logged, if memory is exhausted. */
static struct dd_tls *new_tls(int fd)
{
    struct dd_tls *tls = calloc(1, sizeof *tls);

    if (!tls)
        return NULL;
    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context)
        goto fail0;
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    tls->ssl = SSL_new(tls->context);
    if (!tls->ssl || SSL_set_fd(tls->ssl, fd) != 1)
        goto fail1;
    SSL_set_connect_state(tls->ssl);
    return tls;

fail1:
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
fail0:
    free(tls);
    return NULL;
}

static struct dd_tls *fail_new(struct dd_tls *tls)
{
    ERR_clear_error();
    dd_tls_free(tls);
    dd_log_error("TLS cannot be set up");
    return NULL;
}

struct dd_tls *dd_tls_new(int fd, const char *host, const char *authorities)
{
    struct dd_tls *tls = new_tls(fd);

    return tls && set_verification(tls, host, authorities) && set_server_name(tls, host) ? tls : fail_new(tls);
}

struct dd_tls *dd_tls_new_anonymous(int fd)
{
    struct dd_tls *tls = new_tls(fd);

    /* ciphers without authentication need OpenSSL's security level 0 */
    if (tls && SSL_set_max_proto_version(tls->ssl, TLS1_2_VERSION) == 1 &&
        SSL_set_cipher_list(tls->ssl, "aNULL:!eNULL:!RC4:!3DES:@SECLEVEL=0") == 1)
        return tls;
    return fail_new(tls);
}

void dd_tls_free(struct dd_tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    free(tls);
}

/* ---- the handshake ---- */

static void explain_certificate(long result, char *text)
{
    switch (result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        snprintf(text, DD_TLS_TEXT_SIZE, "its certificate is not signed by one in ca_file");
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(text, DD_TLS_TEXT_SIZE, "its certificate has expired; renew it, or set the clock of this machine right");
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(text, DD_TLS_TEXT_SIZE, "its certificate is not valid yet; are the clocks of both machines right?");
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(text, DD_TLS_TEXT_SIZE, "its certificate is for another %s; write the one that is in it into the source",
                 result == X509_V_ERR_HOSTNAME_MISMATCH ? "name" : "address");
        break;
    default:
        snprintf(text, DD_TLS_TEXT_SIZE, "its certificate is refused: %s", X509_verify_cert_error_string(result));
    }
}

/* Says why the handshake failed. *refused: the certificate is the reason. */
static void explain(const struct dd_tls *tls, char *text, bool *refused)
{
    unsigned long error = ERR_peek_error();
    bool ours = ERR_GET_LIB(error) == ERR_LIB_SSL;

    *refused = ours && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    if (*refused)
        explain_certificate(SSL_get_verify_result(tls->ssl), text);
    else if (ours &&
             (ERR_GET_REASON(error) == SSL_R_UNSUPPORTED_PROTOCOL || ERR_GET_REASON(error) == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION))
        snprintf(text, DD_TLS_TEXT_SIZE, "it has no TLS 1.2 or later; bring its software up to date");
    else if (ours && ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER)
        snprintf(text, DD_TLS_TEXT_SIZE, "there is no TLS at this port; check the port, or whether it speaks only without TLS");
    else if (!error || (ours && ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING))
        snprintf(text, DD_TLS_TEXT_SIZE,
                 "it cuts the connection when TLS begins; check the port, or whether it speaks only without TLS");
    else
        snprintf(text, DD_TLS_TEXT_SIZE, "no TLS connection (%s)",
                 ERR_reason_error_string(error) ? ERR_reason_error_string(error) : "unknown error");
}

/* What the result of a call of libssl means: 0, DD_ERROR_AGAIN or DD_ERROR_GONE. Sets *event to what the call waits for. */
static int check_result(struct dd_tls *tls, int result, short *event)
{
    *event = 0;
    if (result > 0)
        return 0;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *event = POLLIN;
        return DD_ERROR_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        *event = POLLOUT;
        return DD_ERROR_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return DD_ERROR_GONE;
    default:
        tls->failed = true;
        return DD_ERROR_GONE;
    }
}

int dd_tls_handshake(struct dd_tls *tls, char text[static DD_TLS_TEXT_SIZE], bool *refused)
{
    text[0] = '\0';
    *refused = false;
    ERR_clear_error();
    int error = check_result(tls, SSL_do_handshake(tls->ssl), &tls->read_event);
    if (error == DD_ERROR_GONE) {
        explain(tls, text, refused);
        ERR_clear_error();
        error = DD_ERROR_INPUT;
    }
    return error;
}

/* ---- data ---- */

short dd_tls_events(const struct dd_tls *tls, bool reading, bool writing)
{
    return (short)((reading ? tls->read_event : 0) | (writing ? tls->write_event : 0));
}

long dd_tls_read(struct dd_tls *tls, void *bytes, size_t size)
{
    ERR_clear_error();
    int n = SSL_read(tls->ssl, bytes, size < INT_MAX ? (int)size : INT_MAX);
    int error = check_result(tls, n, &tls->read_event);
    return error ? error : n;
}

long dd_tls_write(struct dd_tls *tls, const void *bytes, size_t size)
{
    ERR_clear_error();
    int n = SSL_write(tls->ssl, bytes, size < INT_MAX ? (int)size : INT_MAX);
    int error = check_result(tls, n, &tls->write_event);
    return error ? error : n;
}

void dd_tls_end(struct dd_tls *tls)
{
    if (!tls->failed)
        SSL_shutdown(tls->ssl);
    ERR_clear_error();
}
