/* SPDX-License-Identifier: MIT */
/* How the host refuses, byte for byte, so that two refusals can be compared. */
#ifndef SELFTESTS_ROOT_BYPASS_WIRE_H
#define SELFTESTS_ROOT_BYPASS_WIRE_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "selftests/root/bypass.h"

/* What differs from packet to packet: identification, flow label, checksums, ports. */
static inline void refusal_blank_ip(unsigned char *ip, bool v6)
{
	if (v6) {
		memset(ip + 1, 0, 3);
		return;
	}
	memset(ip + 4, 0, 2);
	memset(ip + 10, 0, 2);
}

/* @syn: sequence number of the packet that is refused; what is acknowledged is told from it. */
static inline void refusal_blank(unsigned char *packet, size_t size, bool v6, uint32_t syn)
{
	size_t header = v6 ? 40 : 20;
	unsigned char *inner = packet + header;
	uint32_t ack;

	refusal_blank_ip(packet, v6);
	if (packet[v6 ? 6 : 9] == IPPROTO_TCP) {
		memset(inner, 0, 4);
		memcpy(&ack, inner + 8, sizeof(ack));
		ack = htonl(ntohl(ack) - syn);
		memcpy(inner + 8, &ack, sizeof(ack));
		memset(inner + 16, 0, 2);
		return;
	}
	memset(inner + 2, 0, 2);
	if (size < 2 * header + 16)
		return;
	refusal_blank_ip(inner + 8, v6);
	memset(inner + 8 + header, 0, 4);
	memset(inner + 8 + header + 6, 0, 2);
}

/**
 * refusals() - resets and ICMP errors that the host has sent since the last departed()
 * @world: to the world; else over its loopback
 *
 * Return: a line for each, with a ":"; without what differs from one to the other.
 */
static inline const char *refusals(const struct outside *out, bool world)
{
	static unsigned char p[1 << 17];
	const char *list = "";
	uint32_t syn = 0;
	struct sockaddr_ll from;
	socklen_t from_size = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(out->taps[world ? 0 : 1], p, sizeof(p), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_size)) > 0) {
		bool v6 = from.sll_protocol == htons(ETH_P_IPV6);
		unsigned char *inner = p + (v6 ? 40 : 20);
		int protocol = p[v6 ? 6 : 9];
		bool reset = protocol == IPPROTO_TCP && inner[13] & TH_RST;

		from_size = sizeof(from);
		if (protocol == IPPROTO_TCP && !reset && inner[13] & TH_SYN) {
			memcpy(&syn, inner + 4, sizeof(syn));
			syn = ntohl(syn);
		}
		if (from.sll_pkttype != PACKET_OUTGOING ||
		    !(reset || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6))
			continue;
		refusal_blank(p, (size_t)n, v6, syn);
		list = text("%s:", list);
		for (ssize_t i = 0; i < n; i++)
			list = text("%s %02x", list, p[i]);
		list = text("%s\n", list);
	}
	return list;
}

#endif /* SELFTESTS_ROOT_BYPASS_WIRE_H */
