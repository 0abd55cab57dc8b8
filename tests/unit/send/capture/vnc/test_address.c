/* Addresses of VNC servers, as VNC viewers write them. */
#include <string.h>

#include "dd/base/error.h"
#include "send/capture/vnc/address.h"
#include "suite.h"

static void check(const char *text, int display, const char *host, int port)
{
    struct dd_vnc_address address;

    ck_assert_msg(dd_vnc_address_parse(&address, text, display) == 0, "%s", text);
    ck_assert_str_eq(address.host, host);
    ck_assert_int_eq(address.port, port);
}

START_TEST(reads_displays_and_ports)
{
    check("vnc.example.com", 0, "vnc.example.com", 5900);
    check("vnc.example.com", 7, "vnc.example.com", 5907);
    check("vnc.example.com:0", 7, "vnc.example.com", 5900);
    check("vnc.example.com:99", 0, "vnc.example.com", 5999);
    check("vnc.example.com:100", 0, "vnc.example.com", 100);
    check("192.0.2.1:5901", 0, "192.0.2.1", 5901);
    check("192.0.2.1::5901", 0, "192.0.2.1", 5901);
    check("desk_1::7", 3, "desk_1", 7);
    check("h::65535", 0, "h", 65535);
}
END_TEST

START_TEST(reads_ipv6)
{
    check("[2001:db8::1]", 2, "2001:db8::1", 5902);
    check("[2001:db8::1]:3", 0, "2001:db8::1", 5903);
    check("[2001:db8::1]::8000", 0, "2001:db8::1", 8000);
    check("[::1]", 0, "::1", 5900);
    check("cafe::5901", 0, "cafe", 5901);
    check("[fe80::1%eth0]:1", 0, "fe80::1%eth0", 5901);
}
END_TEST

START_TEST(refuses_other_texts)
{
    static const char *const texts[] = {
        "",         ":1",          "::5900",   "host:",    "host::",     "host:x",       "host:1x",     "host:-1",     "host::0",
        "host:0x1", "host::65536", "host:::1", "host:1:2", "vnc://host", "ho st",        "[::1",        "[host]:1",    "[::1]1",
        "[]",       "user@host",   "host/1",   "-host",    ".host",      "host::123456", "h\xc3\xb6st", "host:100000",
    };
    struct dd_vnc_address address;
    char text[400];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(dd_vnc_address_parse(&address, texts[i], 0) == DD_ERROR_INPUT, "%s", texts[i]);
        ck_assert_int_eq(address.port, 0);
        ck_assert_str_eq(address.host, "");
    }
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(dd_vnc_address_parse(&address, text, 0), DD_ERROR_INPUT);
    text[255] = '\0';
    ck_assert_int_eq(dd_vnc_address_parse(&address, text, 0), 0);
    memset(text, ':', 300);
    ck_assert_int_eq(dd_vnc_address_parse(&address, text, 0), DD_ERROR_INPUT);
}
END_TEST

SUITE("send/capture/vnc/address", reads_displays_and_ports, reads_ipv6, refuses_other_texts)
