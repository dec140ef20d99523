// SPDX-License-Identifier: MIT
/* What has left the host: every packet that a device was given to send. */
#include "selftests/root/bypass.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#define PROTOCOL_MOBILITY	135	/* the last of IPv6's extension headers */

/* What is known of a packet while its headers are walked. */
struct packet {
	const unsigned char *bytes;
	size_t size;
	char to[INET6_ADDRSTRLEN];
	int protocol;
	bool options, fragment, later;	/* @later: a fragment, and not the first */
};

static bool skip(struct packet *p, size_t n)
{
	if (n > p->size)
		return false;
	p->bytes += n;
	p->size -= n;
	return true;
}

static bool walk_ipv4(struct packet *p)
{
	struct iphdr ip;

	if (p->size < sizeof(ip))
		return false;
	memcpy(&ip, p->bytes, sizeof(ip));
	inet_ntop(AF_INET, &ip.daddr, p->to, sizeof(p->to));
	p->protocol = ip.protocol;
	p->options = ip.ihl > 5;
	p->fragment = ip.frag_off & htons(IP_MF | IP_OFFMASK);
	p->later = ip.frag_off & htons(IP_OFFMASK);
	return skip(p, ip.ihl * 4U);
}

static bool walk_ipv6(struct packet *p)
{
	struct ip6_hdr ip;

	if (p->size < sizeof(ip))
		return false;
	memcpy(&ip, p->bytes, sizeof(ip));
	inet_ntop(AF_INET6, &ip.ip6_dst, p->to, sizeof(p->to));
	p->protocol = ip.ip6_nxt;
	skip(p, sizeof(ip));
	while (p->size >= 8 && !p->later) {
		const unsigned char *header = p->bytes;
		size_t size = 8;

		switch (p->protocol) {
		case IPPROTO_FRAGMENT:
			p->fragment = true;
			p->later = header[2] || header[3] & 0xf8;
			break;
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case PROTOCOL_MOBILITY:
			p->options = true;
			size += header[1] * 8U;
			break;
		default:
			return true;
		}
		p->protocol = header[0];
		if (!skip(p, size))
			return false;
	}
	return true;
}

/* The port of TCP, UDP and their like, or the type of ICMP; -1: there is none. */
static int port_of(const struct packet *p)
{
	if (p->later || p->size < 8)
		return -1;
	switch (p->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
		return p->bytes[2] << 8 | p->bytes[3];
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return p->bytes[0];
	default:
		return -1;
	}
}

static const char *protocol_name(int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		return text("%d", protocol);
	}
}

/* With these the host answers to a cell what it refuses. */
static bool is_refusal(const struct packet *p)
{
	int port = port_of(p);

	return (p->protocol == IPPROTO_TCP && p->size > 13 && p->bytes[13] & TH_RST) ||
	       (p->protocol == IPPROTO_ICMP && port == ICMP_DEST_UNREACH) ||
	       (p->protocol == IPPROTO_ICMPV6 && port == ICMP6_DST_UNREACH);
}

static void say(FILE *to, const unsigned char *bytes, size_t size, int ethertype, bool on_wire)
{
	struct packet p = { .bytes = bytes, .size = size };
	bool known = ethertype == ETH_P_IP ? walk_ipv4(&p) :
		     ethertype == ETH_P_IPV6 && walk_ipv6(&p);
	unsigned char flags;

	if (!known) {
		fprintf(to, "ether %#x", (unsigned int)ethertype);
	} else if (!on_wire && is_refusal(&p)) {
		return;
	} else {
		flags = p.protocol == IPPROTO_TCP && p.size > 13 && !p.later ? p.bytes[13] : 0;
		fprintf(to, "%s %s", protocol_name(p.protocol), p.to);
		if (port_of(&p) >= 0)
			fprintf(to, " %d", port_of(&p));
		fprintf(to, "%s%s%s%s", flags & TH_SYN ? " syn" : "", flags & TH_RST ? " rst" : "",
			p.options ? " options" : "", p.fragment ? " fragment" : "");
	}
	fprintf(to, "%s\n", memmem(bytes, size, "hello", 5) ? " hello" : "");
}

static void expect_no_loss(int tap)
{
	struct tpacket_stats stats;
	socklen_t size = sizeof(stats);

	if (getsockopt(tap, SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
		give_up("statistics of a tap");
	if (stats.tp_drops) {
		errno = ENOBUFS;
		give_up("a tap has lost packets");
	}
}

const char *departed(const struct outside *out)
{
	static unsigned char bytes[1 << 17];
	char *list = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&list, &size);

	if (!to)
		give_up("open_memstream");
	for (int i = 0; i < 2; i++) {
		struct sockaddr_ll from;
		socklen_t from_size = sizeof(from);
		ssize_t n;

		while ((n = recvfrom(out->taps[i], bytes, sizeof(bytes), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_size)) >= 0) {
			if (from.sll_pkttype == PACKET_OUTGOING)
				say(to, bytes, (size_t)n, ntohs(from.sll_protocol), i == 0);
			from_size = sizeof(from);
		}
		if (errno != EAGAIN)
			give_up("reading a tap");
		expect_no_loss(out->taps[i]);
	}
	fclose(to);
	return list;
}
