#include "recv/serve/client_address.h"

#include "dd/base/host_port.h"
#include "suite.h"

START_TEST(the_address_of_the_viewer_not_of_the_proxy)
{
    static const struct {
        const char *peer, *forwarded_for, *expected;
    } list[] = {
        {"192.0.2.7", NULL, "192.0.2.7"},
        {"192.0.2.7", "198.51.100.1", "192.0.2.7"}, /* a stranger's own claim */
        {"2001:db8::7", NULL, "2001:db8::7"},
        {"127.0.0.1", NULL, "127.0.0.1"},
        {"127.0.0.1", "198.51.100.1", "198.51.100.1 (behind a proxy)"},
        {"::1", "203.0.113.9, 2001:db8::1", "2001:db8::1 (behind a proxy)"},
        {NULL, "203.0.113.9,198.51.100.1 ", "198.51.100.1 (behind a proxy)"},
        {NULL, NULL, "a Unix socket"},
        {NULL, "", "a Unix socket"},
        {NULL, "198.51.100.1, ", "a Unix socket"},
        {NULL, "x\033[2J", "a Unix socket"},
        {"127.0.0.1", "1111111111111111111111111111111111111111111111111111111111", "127.0.0.1"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char text[DD_CLIENT_ADDRESS_SIZE];
        struct sockaddr_storage peer;
        if (list[i].peer)
            dd_host_port_socket_address(&peer, list[i].peer, 80);
        dd_client_address_write(list[i].peer ? (const struct sockaddr *)&peer : NULL, list[i].forwarded_for, text);
        ck_assert_str_eq(text, list[i].expected);
    }
}
END_TEST

SUITE("recv/serve/client_address", the_address_of_the_viewer_not_of_the_proxy)
