/* SPDX-License-Identifier: MIT */
/* Packets that no socket would send, made by hand for raw sockets of the world's. */
#ifndef SELFTESTS_ROOT_BYPASS_PACKET_H
#define SELFTESTS_ROOT_BYPASS_PACKET_H

#include <netinet/ip.h>
#include <stddef.h>
#include <stdint.h>

#include "selftests/root/bypass.h"

#define PAYLOAD		"hello hello hell"	/* two times eight bytes */

struct bytes {
	unsigned char data[256];
	size_t size;
};

void append(struct bytes *to, const void *data, size_t size);

/* The Internet checksum. */
uint16_t checksum(const struct bytes *of);

/* ipv4() - the header for a datagram, or a fragment, of @size bytes. */
struct iphdr ipv4(const char *from, const char *to, size_t size, unsigned int offset);

/* udp() - a datagram with PAYLOAD, without the header of IP. */
struct bytes udp(const char *from, int from_port, const char *to, int to_port);

/* behind_options4() - with a header of IPv4 that has an option. */
struct bytes behind_options4(const char *from, const char *to, const struct bytes *datagram);
/* behind_options6() - with a header of destination options before it. */
struct bytes behind_options6(const struct bytes *datagram);

/* unreachable4() - the ICMP error that quotes this packet. */
struct bytes unreachable4(const struct bytes *quoted);
/* unreachable6() - from @from, about a packet from HOST6 to @quoted that goes on with @rest. */
struct bytes unreachable6(const char *from, const char *quoted, uint8_t next,
			  const struct bytes *rest);

/* inject() - send from @from by a raw socket; IPPROTO_RAW: @what has a header of IPv4. */
void inject(const struct outside *out, const char *from, int protocol, const char *to,
	    const struct bytes *what);

/* What is to be sent of @whole, which begins with header @next. */
struct fragment {
	const struct bytes *whole;
	uint8_t next;
	size_t begin, end;
};

/* inject_fragment6() - to HOST6. */
void inject_fragment6(const struct outside *out, const char *from, const struct fragment *part);

#endif /* SELFTESTS_ROOT_BYPASS_PACKET_H */
