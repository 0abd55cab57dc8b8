#include "send/capture/web/load_error.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "dd/link/wire.h"

struct row {
    const char *error; /* prefix of the error's name after "net::ERR_" */
    enum dd_wire_reason reason;
    const char *text;
};

/* The first row that matches counts. */
static const struct row rows[] = {
    {"NAME_", DD_WIRE_REASON_UNREACHABLE, "its name is not found; check it, or use an IP address"},
    {"DNS_", DD_WIRE_REASON_UNREACHABLE, "its name is not found; check the name servers of this machine"},
    {"CONNECTION_REFUSED", DD_WIRE_REASON_UNREACHABLE,
     "connection refused; check the address and port, and that the server runs"},
    {"CONNECTION_TIMED_OUT", DD_WIRE_REASON_UNREACHABLE, "no answer; check the address, and whether a firewall is between"},
    {"ADDRESS_", DD_WIRE_REASON_UNREACHABLE, "no route to this address; check it, the network and the firewall"},
    {"INTERNET_DISCONNECTED", DD_WIRE_REASON_UNREACHABLE, "this machine has no network"},
    {"NETWORK_", DD_WIRE_REASON_UNREACHABLE, "the network changed, or blocks the connection; check it and the firewall"},
    {"UNSAFE_PORT", DD_WIRE_REASON_UNSUITABLE, "browsers refuse to connect to this port; let the server use another one"},
    {"CERT_COMMON_NAME", DD_WIRE_REASON_CERTIFICATE,
     "its certificate is for another host; use a name in source that is in it, let the server have one for this name (with a "
     "private authority, see ca_file), or, if nobody on the way can be an attacker, set ignore_certificate_errors"},
    {"CERT_", DD_WIRE_REASON_CERTIFICATE,
     "its certificate is not accepted; set ca_file to the certificate that signs it, or, if nobody on the way can be an "
     "attacker, ignore_certificate_errors"},
    {"SSL_", DD_WIRE_REASON_CERTIFICATE,
     "no secure connection; check that the port speaks TLS; for its certificate there are ca_file and "
     "ignore_certificate_errors"},
    {"BAD_SSL", DD_WIRE_REASON_CERTIFICATE,
     "no secure connection; check that the port speaks TLS; for its certificate there are ca_file and "
     "ignore_certificate_errors"},
    {"TOO_MANY_REDIRECTS", DD_WIRE_REASON_BROKEN, "it redirects in a circle; so does a log-in that the server does not remember"},
    {"INVALID_AUTH", DD_WIRE_REASON_CREDENTIALS, "user name or password refused; set username and password"},
    {"TIMED_OUT", DD_WIRE_REASON_TIMEOUT, "no answer in time"},
    {"EMPTY_RESPONSE", DD_WIRE_REASON_ENDED, "the server closes the connection without an answer"},
    {"CONNECTION_", DD_WIRE_REASON_ENDED, "the connection is cut"},
    {"INVALID_URL", DD_WIRE_REASON_UNSUITABLE, "browsers do not accept this URL"},
    {"BLOCKED", DD_WIRE_REASON_UNSUITABLE, "the browser does not load it"},
};

static void write(struct dd_load_error *load_error, unsigned reason, const char *text, const char *said)
{
    load_error->reason = reason;
    snprintf(load_error->text, sizeof load_error->text, "%s (%s)", text, said);
}

void dd_load_error_from_net(const char *error, struct dd_load_error *load_error)
{
    static const char prefix[] = "net::ERR_";
    const char *name = strncmp(error, prefix, strlen(prefix)) == 0 ? error + strlen(prefix) : error;
    char shown[96];

    snprintf(shown, sizeof shown, "%.80s", error);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(name, rows[i].error, strlen(rows[i].error)) == 0) {
            write(load_error, rows[i].reason, rows[i].text, shown);
            return;
        }
    write(load_error, DD_WIRE_REASON_BROKEN, "it cannot be loaded", shown);
}

bool dd_load_error_from_http(int64_t status, struct dd_load_error *load_error)
{
    char number[32];

    if (status < 400)
        return false;
    snprintf(number, sizeof number, "HTTP %jd", (intmax_t)status);
    if (status == 401 || status == 403 || status == 407)
        write(load_error, DD_WIRE_REASON_CREDENTIALS,
              "the server refuses: check username and password, or headers_file, and what this user may see", number);
    else if (status == 404 || status == 410)
        write(load_error, DD_WIRE_REASON_NOT_FOUND, "no such page: check what follows the host in the URL", number);
    else if (status == 408 || status == 504)
        write(load_error, DD_WIRE_REASON_TIMEOUT, "the server, or one behind it, waited too long", number);
    else if (status < 500)
        write(load_error, DD_WIRE_REASON_BROKEN, "the server refuses the request: check the URL", number);
    else
        write(load_error, DD_WIRE_REASON_BROKEN, "the server reports an error of its own", number);
    return true;
}
