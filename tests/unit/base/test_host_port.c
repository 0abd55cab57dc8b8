#include "dd/base/host_port.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "dd/base/error.h"
#include "suite.h"

START_TEST(splits_hosts_and_ports)
{
    static const struct {
        const char *text, *host;
        bool bracketed;
        sa_family_t family;
        int port;
    } rows[] = {
        {"camera.example", "camera.example", false, AF_UNSPEC, 0},
        {"camera:554", "camera", false, AF_UNSPEC, 554},
        {"192.0.2.1", "192.0.2.1", false, AF_INET, 0},
        {"192.0.2.1:1", "192.0.2.1", false, AF_INET, 1},
        {"192.0.2.1:65535", "192.0.2.1", false, AF_INET, 65535},
        {"192.0.2.1:00080", "192.0.2.1", false, AF_INET, 80},
        {"192.0.2.256:80", "192.0.2.256", false, AF_UNSPEC, 80},
        {"2001:db8::1", "2001:db8::1", false, AF_INET6, 0},
        {"::", "::", false, AF_INET6, 0},
        {"a::b::c", "a::b::c", false, AF_UNSPEC, 0},
        {"[2001:db8::1]", "2001:db8::1", true, AF_INET6, 0},
        {"[2001:db8::1]:5006", "2001:db8::1", true, AF_INET6, 5006},
        {"[::ffff:192.0.2.1]:5006", "::ffff:192.0.2.1", true, AF_INET6, 5006},
        {"[fe80::1%eth0]:5006", "fe80::1%eth0", true, AF_INET6, 5006},
        {"fe80::1%", "fe80::1%", false, AF_UNSPEC, 0},
        {"192.0.2.1%eth0", "192.0.2.1%eth0", false, AF_UNSPEC, 0},
        {"[192.0.2.1]:80", "192.0.2.1", true, AF_INET, 80},
        {"[camera]", "camera", true, AF_UNSPEC, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dd_host_port result;
        ck_assert_msg(dd_host_port_parse(&result, rows[i].text, strlen(rows[i].text)) == 0, "%s", rows[i].text);
        ck_assert_str_eq(result.host, rows[i].host);
        ck_assert_int_eq(result.bracketed, rows[i].bracketed);
        ck_assert_msg(result.family == rows[i].family, "%s: %d", rows[i].text, result.family);
        ck_assert_int_eq(result.port, rows[i].port);
    }
}
END_TEST

START_TEST(refuses_what_is_neither)
{
    static const char *const rows[] = {"",          ":",        ":80",         "[]",          "[]:80",       "[",
                                       "[::1",      "[::1]80",  "[::1]:",      "host:",       "host:0",      "host:-1",
                                       "host:+80",  "host: 80", "host:80 ",    "host:000080", "host:65536",  "host:99999",
                                       "host:0x50", "host:8o",  "host:eighty", "[::1]:80:",   "[::1]:65536", "[::1]:00000",
                                       "[::1] :80"};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dd_host_port result = {.port = 1, .host = "x"};
        ck_assert_msg(dd_host_port_parse(&result, rows[i], strlen(rows[i])) == DD_ERROR_INPUT, "%s", rows[i]);
        ck_assert_str_eq(result.host, "");
        ck_assert_int_eq(result.port, 0);
    }
}
END_TEST

START_TEST(reads_only_the_given_bytes)
{
    struct dd_host_port result;
    char longest[DD_HOST_PORT_HOST_SIZE + 1];

    ck_assert_int_eq(dd_host_port_parse(&result, "host:8080/path", 7), 0);
    ck_assert_str_eq(result.host, "host");
    ck_assert_int_eq(result.port, 80);
    ck_assert_int_eq(dd_host_port_parse(&result, "host:80", 4), 0);
    ck_assert_int_eq(result.port, 0);
    ck_assert_int_eq(dd_host_port_parse(&result, "[::1]:80", 4), DD_ERROR_INPUT);
    ck_assert_int_eq(dd_host_port_parse(&result, "ho\0st", 5), DD_ERROR_INPUT);
    memset(longest, 'a', sizeof longest);
    ck_assert_int_eq(dd_host_port_parse(&result, longest, DD_HOST_PORT_HOST_SIZE - 1), 0);
    ck_assert_uint_eq(strlen(result.host), DD_HOST_PORT_HOST_SIZE - 1);
    ck_assert_int_eq(dd_host_port_parse(&result, longest, DD_HOST_PORT_HOST_SIZE), DD_ERROR_INPUT);
}
END_TEST

START_TEST(tells_literals_from_names)
{
    ck_assert_int_eq(dd_host_port_family("0.0.0.0"), AF_INET);
    ck_assert_int_eq(dd_host_port_family("::"), AF_INET6);
    ck_assert_int_eq(dd_host_port_family("1.2.3"), AF_UNSPEC);
    ck_assert_int_eq(dd_host_port_family("1.2.3.04"), AF_UNSPEC);
    ck_assert_int_eq(dd_host_port_family("[::1]"), AF_UNSPEC);
    ck_assert_int_eq(dd_host_port_family("fe80::1%lo"), AF_UNSPEC);
    ck_assert_int_eq(dd_host_port_family(""), AF_UNSPEC);
}
END_TEST

START_TEST(fills_socket_addresses)
{
    struct sockaddr_storage address;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;

    ck_assert_uint_eq(dd_host_port_socket_address(&address, "192.0.2.1", 65535), sizeof *v4);
    ck_assert_int_eq(v4->sin_family, AF_INET);
    ck_assert_uint_eq(ntohl(v4->sin_addr.s_addr), 0xc0000201);
    ck_assert_uint_eq(ntohs(v4->sin_port), 65535);
    ck_assert_uint_eq(dd_host_port_socket_address(&address, "::1", 0), sizeof *v6);
    ck_assert_int_eq(v6->sin6_family, AF_INET6);
    ck_assert(IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
    ck_assert_uint_eq(v6->sin6_port, 0);
    ck_assert_uint_eq(v6->sin6_scope_id, 0);
    ck_assert_uint_eq(dd_host_port_socket_address(&address, "fe80::1%lo", 80), sizeof *v6);
    ck_assert_uint_eq(v6->sin6_scope_id, if_nametoindex("lo"));
    ck_assert_uint_eq(dd_host_port_socket_address(&address, "fe80::1%nowhere", 80), 0);
    ck_assert_uint_eq(dd_host_port_socket_address(&address, "camera", 80), 0);
    ck_assert_int_eq(address.ss_family, AF_UNSPEC);
}
END_TEST

SUITE("base/host_port", splits_hosts_and_ports, refuses_what_is_neither, reads_only_the_given_bytes, tells_literals_from_names,
      fills_socket_addresses)
