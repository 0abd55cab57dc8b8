/* The address of a VNC server, as VNC viewers write it. */
#ifndef DD_SEND_CAPTURE_VNC_ADDRESS_H
#define DD_SEND_CAPTURE_VNC_ADDRESS_H

enum { DD_VNC_ADDRESS_PORT = 5900 /* of display 0 */, DD_VNC_ADDRESS_DISPLAY_MAX = 99 };

struct dd_vnc_address {
    char host[256]; /* a name or an IP address, without brackets */
    int port;
};

/* Reads "host", "host:display" or "host::port"; the first means the given display. A number of 100 or more after a single colon
 * is a port, as viewers read it. An IPv6 address, with or without a zone, stands in brackets: "cafe::5900" is a host with a port.
 * 0; or DD_ERROR_INPUT, with *address zeroed. */
int dd_vnc_address_parse(struct dd_vnc_address *address, const char *text, int display);

#endif
