/* The one-way socket on loopback: its datagrams arrive, and datagrams to it cannot be read. */
#include "send/transmit/oneway_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/in6.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "send/destination.h"
#include "suite.h"

static const struct dd_oneway_socket_config any = {.family = AF_INET, .bind_address = "127.0.0.1", .bind_interface = ""};

static struct dd_destination local_address(int fd)
{
    struct sockaddr_in v4;
    struct dd_destination a = {.size = sizeof v4};
    socklen_t size = sizeof v4;
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&v4, &size), 0);
    memcpy(&a.socket_address, &v4, sizeof v4);
    return a;
}

static int open_receiver(void)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&v4, sizeof v4), 0);
    return fd;
}

static int get_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    ck_assert_int_eq(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

START_TEST(sends_a_burst)
{
    char texts[DD_ONEWAY_SOCKET_BURST][16], got[16];
    struct iovec datagrams[DD_ONEWAY_SOCKET_BURST];
    struct dd_oneway_socket out = {.fd = dd_oneway_socket_open(&any)};
    int error, in = open_receiver();
    ck_assert_int_ge(out.fd, 0);
    struct dd_destination to = local_address(in);
    for (int i = 0; i < DD_ONEWAY_SOCKET_BURST; i++) {
        snprintf(texts[i], sizeof texts[i], "no %d", i);
        datagrams[i] = (struct iovec){texts[i], strlen(texts[i]) + 1};
    }
    ck_assert_uint_eq(dd_oneway_socket_send(&out, &to, datagrams, DD_ONEWAY_SOCKET_BURST, &error), DD_ONEWAY_SOCKET_BURST);
    ck_assert_int_eq(error, 0);
    for (int i = 0; i < DD_ONEWAY_SOCKET_BURST; i++) {
        ck_assert_int_gt(recv(in, got, sizeof got, 0), 0);
        ck_assert_str_eq(got, texts[i]);
    }
    ck_assert(!out.one_by_one);
    close(in);
    close(out.fd);
}
END_TEST

START_TEST(receives_nothing)
{
    int out = dd_oneway_socket_open(&any), in = open_receiver(), zero = 0;
    char byte;
    struct dd_destination to = local_address(out);
    ck_assert_int_eq(sendto(in, "x", 1, 0, (const struct sockaddr *)&to.socket_address, to.size), 1);
    /* loopback delivers before sendto() returns: without the filter the datagram would be here */
    struct pollfd p = {.fd = out, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 0), 0);
    ck_assert_int_eq(recv(out, &byte, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, EAGAIN);
    /* the filter is locked */
    ck_assert_int_eq(setsockopt(out, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof zero), -1);
    close(in);
    close(out);
}
END_TEST

START_TEST(ignores_icmp)
{
    struct dd_oneway_socket socket = {.fd = dd_oneway_socket_open(&any)};
    int error = 0, out = socket.fd, in = open_receiver();
    struct dd_destination closed_port = local_address(in);
    struct iovec datagram = {(char[]){'x'}, 1};
    close(in);
    /* loopback answers "port unreachable" at once, and no later call may see it */
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(dd_oneway_socket_send(&socket, &closed_port, &datagram, 1, &error), 1);
        ck_assert_int_eq(error, 0);
    }
    ck_assert_int_eq(get_option(out, SOL_SOCKET, SO_ERROR), 0);
    ck_assert_int_eq(get_option(out, IPPROTO_IP, IP_RECVERR), 0);
    ck_assert_int_eq(get_option(out, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_INTERFACE);
    ck_assert_int_eq(get_option(out, SOL_SOCKET, SO_LOCK_FILTER), 1);
    ck_assert_int_le(get_option(out, SOL_SOCKET, SO_RCVBUF), 4096);
    close(out);
}
END_TEST

START_TEST(sets_options)
{
    struct dd_oneway_socket_config c = any;
    c.dscp = 34;
    c.ttl = 7;
    int out = dd_oneway_socket_open(&c);
    ck_assert_int_ge(out, 0);
    ck_assert_int_eq(get_option(out, IPPROTO_IP, IP_TOS), 34 << 2);
    ck_assert_int_eq(get_option(out, IPPROTO_IP, IP_TTL), 7);
    close(out);
    c.bind_address = "192.0.2.1"; /* for documentation (RFC 5737): no machine has it */
    ck_assert_int_lt(dd_oneway_socket_open(&c), 0);
    c.bind_address = "";
    c.bind_interface = "nosuchif0";
    ck_assert_int_lt(dd_oneway_socket_open(&c), 0);
}
END_TEST

START_TEST(finds_the_mtu)
{
    int in = open_receiver();
    struct dd_destination to = local_address(in);
    ck_assert_uint_ge(dd_oneway_socket_mtu(&any, &to), 65535);
    close(in);
}
END_TEST

START_TEST(reports_a_datagram_that_is_too_large)
{
    static char large[65536];
    struct dd_oneway_socket out = {.fd = dd_oneway_socket_open(&any)};
    int error = 0, in = open_receiver();
    struct dd_destination to = local_address(in);
    struct iovec datagrams[2] = {{large, 10}, {large, sizeof large}};
    ck_assert_uint_eq(dd_oneway_socket_send(&out, &to, datagrams, 2, &error), 1);
    ck_assert_int_eq(error, EMSGSIZE);
    close(in);
    close(out.fd);
}
END_TEST

/* Sends datagrams of these sizes, and checks that they arrive with them, bundled (UDP_SEGMENT) or not. */
static void check_sizes(struct dd_oneway_socket *out, int in, const size_t *sizes, size_t count)
{
    static uint8_t bytes[DD_ONEWAY_SOCKET_BURST][65536], got[65536];
    struct iovec datagrams[DD_ONEWAY_SOCKET_BURST];
    struct dd_destination to = local_address(in);
    int error = -1;
    for (size_t i = 0; i < count; i++) {
        memset(bytes[i], (int)i + 1, sizes[i]);
        datagrams[i] = (struct iovec){bytes[i], sizes[i]};
    }
    ck_assert_uint_eq(dd_oneway_socket_send(out, &to, datagrams, count, &error), count);
    ck_assert_int_eq(error, 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(recv(in, got, sizeof got, 0), (int)sizes[i]);
        ck_assert_int_eq(got[0], (int)i + 1);
        ck_assert_int_eq(got[sizes[i] - 1], (int)i + 1);
    }
    ck_assert_int_lt(recv(in, got, sizeof got, 0), 0);
}

START_TEST(bundles_equal_sizes)
{
    static const size_t equal[] = {1400, 1400, 1400, 1400}, last[] = {1400, 1400, 90}, first[] = {90, 1400, 1400, 90, 1400},
                        mixed[] = {100, 200, 150, 150, 160}, large[] = {60000, 60000, 60000}, one[] = {700};
    struct dd_oneway_socket out = {.fd = dd_oneway_socket_open(&any)};
    int in = open_receiver(), large_buffer = 1 << 22;
    setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &large_buffer, sizeof large_buffer);
    check_sizes(&out, in, equal, 4);
    check_sizes(&out, in, last, 3);
    check_sizes(&out, in, first, 5);
    check_sizes(&out, in, mixed, 5);
    check_sizes(&out, in, large, 3);
    check_sizes(&out, in, one, 1);
    ck_assert(!out.one_by_one);
    close(in);
    close(out.fd);
}
END_TEST

START_TEST(stops_bundling_where_the_kernel_refuses)
{
    static const size_t equal[] = {1400, 1400, 1400, 1400};
    struct dd_oneway_socket out = {.fd = dd_oneway_socket_open(&any)};
    int in = open_receiver(), on = 1, off = 0;
    /* the kernel refuses to bundle on a socket without checksums */
    ck_assert_int_eq(setsockopt(out.fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    check_sizes(&out, in, equal, 4);
    ck_assert(out.one_by_one);
    ck_assert_int_eq(setsockopt(out.fd, SOL_SOCKET, SO_NO_CHECK, &off, sizeof off), 0);
    check_sizes(&out, in, equal, 4);
    ck_assert(out.one_by_one);
    close(in);
    close(out.fd);
}
END_TEST

SUITE("send/transmit/oneway_socket", sends_a_burst, receives_nothing, ignores_icmp, sets_options, finds_the_mtu,
      reports_a_datagram_that_is_too_large, bundles_equal_sizes, stops_bundling_where_the_kernel_refuses)
