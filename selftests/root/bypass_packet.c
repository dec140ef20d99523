// SPDX-License-Identifier: MIT
/* Packets that no socket would send. */
#include "selftests/root/bypass_packet.h"

#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

void append(struct bytes *to, const void *data, size_t size)
{
	memcpy(to->data + to->size, data, size);
	to->size += size;
}

uint16_t checksum(const struct bytes *of)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < of->size; i++)
		sum += (uint32_t)of->data[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

struct iphdr ipv4(const char *from, const char *to, size_t size, unsigned int offset)
{
	return (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(sizeof(struct iphdr) + size)),
		.id = htons(77),
		.frag_off = htons((uint16_t)offset),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = inet_addr(from),
		.daddr = inet_addr(to),
	};
}

/* Sets the checksum at @offset of what IPv6 carries. */
static void seal6(struct bytes *what, const char *from, const char *to, uint8_t protocol,
		  size_t offset)
{
	struct address source = address_of(from, 0), target = address_of(to, 0);
	const unsigned char rest[] = { 0, 0, 0, (unsigned char)what->size, 0, 0, 0, protocol };
	struct bytes pseudo = { .size = 0 };
	uint16_t sum;

	append(&pseudo, &source.v6.sin6_addr, 16);
	append(&pseudo, &target.v6.sin6_addr, 16);
	append(&pseudo, rest, sizeof(rest));
	append(&pseudo, what->data, what->size);
	sum = checksum(&pseudo);
	memcpy(what->data + offset, &sum, sizeof(sum));
}

/* IPv4 takes a datagram without a checksum, IPv6 does not. */
struct bytes udp(const char *from, int from_port, const char *to, int to_port)
{
	const struct udphdr header = {
		.source = htons((in_port_t)from_port),
		.dest = htons((in_port_t)to_port),
		.len = htons(sizeof(header) + strlen(PAYLOAD)),
	};
	struct bytes whole = { .size = 0 };

	append(&whole, &header, sizeof(header));
	append(&whole, PAYLOAD, strlen(PAYLOAD));
	if (strchr(from, ':'))
		seal6(&whole, from, to, IPPROTO_UDP, offsetof(struct udphdr, check));
	return whole;
}

struct bytes behind_options6(const struct bytes *datagram)
{
	static const unsigned char options[8] = { IPPROTO_UDP, 0, 1, 4 };
	struct bytes whole = { .size = 0 };

	append(&whole, options, sizeof(options));
	append(&whole, datagram->data, datagram->size);
	return whole;
}

struct bytes behind_options4(const char *from, const char *to, const struct bytes *datagram)
{
	static const unsigned char record_route[12] = { 7, 11, 4 };
	struct iphdr ip = ipv4(from, to, sizeof(record_route) + datagram->size, 0);
	struct bytes packet = { .size = 0 };

	ip.ihl += sizeof(record_route) / 4;
	append(&packet, &ip, sizeof(ip));
	append(&packet, record_route, sizeof(record_route));
	append(&packet, datagram->data, datagram->size);
	return packet;
}

struct bytes unreachable4(const struct bytes *quoted)
{
	struct icmphdr header = { .type = ICMP_DEST_UNREACH, .code = ICMP_PORT_UNREACH };
	struct bytes error = { .size = 0 };

	append(&error, &header, sizeof(header));
	append(&error, quoted->data, quoted->size);
	header.checksum = checksum(&error);
	memcpy(error.data, &header, sizeof(header));
	return error;
}

struct bytes unreachable6(const char *from, const char *quoted, uint8_t next,
			  const struct bytes *rest)
{
	const struct icmp6_hdr header = {
		.icmp6_type = ICMP6_DST_UNREACH, .icmp6_code = ICMP6_DST_UNREACH_NOPORT,
	};
	struct ip6_hdr ip = {
		.ip6_plen = htons((uint16_t)rest->size),
		.ip6_nxt = next,
		.ip6_hlim = 64,
		.ip6_src = address_of(HOST6, 0).v6.sin6_addr,
		.ip6_dst = address_of(quoted, 0).v6.sin6_addr,
	};
	struct bytes error = { .size = 0 };

	ip.ip6_vfc = 0x60;	/* in one union with the length, in the C library's words */
	append(&error, &header, sizeof(header));
	append(&error, &ip, sizeof(ip));
	append(&error, rest->data, rest->size);
	seal6(&error, from, HOST6, IPPROTO_ICMPV6, offsetof(struct icmp6_hdr, icmp6_cksum));
	return error;
}

void inject(const struct outside *out, const char *from, int protocol, const char *to,
	    const struct bytes *what)
{
	struct address at = address_of(from, 0), target = address_of(to, 0);
	int fd = outside_socket(out, at.any.sa_family, SOCK_RAW, protocol);

	if (bind(fd, &at.any, at.size) < 0 ||
	    sendto(fd, what->data, what->size, 0, &target.any, target.size) < 0)
		give_up("a raw packet");
	close(fd);
}

void inject_fragment6(const struct outside *out, const char *from, const struct fragment *part)
{
	const struct ip6_frag header = {
		.ip6f_nxt = part->next,
		.ip6f_offlg = htons((uint16_t)(part->begin | (part->end < part->whole->size))),
		.ip6f_ident = htonl(77 + (uint32_t)part->next),
	};
	struct bytes packet = { .size = 0 };

	append(&packet, &header, sizeof(header));
	append(&packet, part->whole->data + part->begin, part->end - part->begin);
	inject(out, from, IPPROTO_FRAGMENT, HOST6, &packet);
}
