/* Where a VNC server is, as people write it. */
#ifndef DD_SEND_CAPTURE_VNC_ADDRESS_H
#define DD_SEND_CAPTURE_VNC_ADDRESS_H

enum { DD_VNC_ADDRESS_PORT = 5900 /* of display 0 */, DD_VNC_ADDRESS_DISPLAY_MAX = 99 };

struct dd_vnc_address {
    char host[256]; /* a name or an IP address, without brackets */
    int port;
};

/* Reads "host", "host:display" or "host::port", with display for the first. An IPv6 address stands in brackets:
 * "cafe::5900" is a host with a port.
 * A number behind a single colon that is no display, 100 and above, is a port, as viewers take it. 0 or DD_ERROR_INPUT. */
int dd_vnc_address_parse(struct dd_vnc_address *address, const char *text, int display);

#endif
