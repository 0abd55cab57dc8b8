/* Who a client is, in words for the log. */
#ifndef DD_RECV_SERVE_CLIENT_ADDRESS_H
#define DD_RECV_SERVE_CLIENT_ADDRESS_H

enum { DD_CLIENT_ADDRESS_SIZE = 96 };

struct sockaddr;

/* Writes the IP address of peer, which may be NULL; of a peer on this machine, which is the proxy, the address for which it says
 * to ask: the last one in forwarded_for, the value of X-Forwarded-For, which may be NULL. What is no address there is left out.
 */
void dd_client_address_write(const struct sockaddr *peer, const char *forwarded_for, char text[static DD_CLIENT_ADDRESS_SIZE]);

#endif
