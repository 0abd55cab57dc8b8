/* The address of a VNC server, as viewers write it. */
#ifndef DD_SEND_CAPTURE_VNC_ADDRESS_H
#define DD_SEND_CAPTURE_VNC_ADDRESS_H

enum { DD_VNC_ADDRESS_PORT = 5900 /* of display 0 */, DD_VNC_ADDRESS_DISPLAY_MAX = 99 };

struct dd_vnc_address {
    char host[256]; /* a name or an IP address, without brackets */
    int port;
};

/* Reads "host", "host:display" or "host::port", with display for the first. An IPv6 address stands in brackets:
 * "cafe::5900" is a host with a port.
 * A number of 100 or more after a single colon is a port and no display, as viewers read it. 0 or DD_ERROR_INPUT. */
int dd_vnc_address_parse(struct dd_vnc_address *address, const char *text, int display);

#endif
