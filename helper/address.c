// SPDX-License-Identifier: MIT
#include "helper/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "helper/text.h"

#define HOSTNAME_MAX	253
#define LABEL_MAX	63

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_label_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static unsigned int address_bits(const struct egress_net *net)
{
	return net->family == 4 ? 32 : 128;
}

/*
 * The URL standard's test: what ends in a number is an IPv4 address, well-
 * formed or not. The rest are characters that no host name has.
 */
bool address_is_literal(const char *text)
{
	const char *last;

	if (strpbrk(text, ":/[]%"))
		return true;
	last = strrchr(text, '.');
	last = last ? last + 1 : text;
	if (last[0] == '0' && (last[1] == 'x' || last[1] == 'X'))
		return true;
	return *last && strspn(last, "0123456789") == strlen(last);
}

/* Says what an IPv4 address with leading zeros was meant to be. */
static void ipv4_suggest(struct error *err, const char *text)
{
	unsigned int a, b, c, d;

	if (sscanf(text, "%3u.%3u.%3u.%3u", &a, &b, &c, &d) == 4)
		err_hint(err, "write %u.%u.%u.%u: some programs read a leading zero as octal", a, b,
			 c, d);
}

static int ipv4_refuse_count(const struct place *at, const char *text, unsigned int parts,
			     struct error *err)
{
	return place_refuse(at, err, EINVAL, "%s has %u part%s, an IPv4 address has 4",
			    text_quote(text).text, parts, parts == 1 ? "" : "s");
}

static int ipv4_parse(const struct place *at, const char *text, struct egress_net *ret,
		      struct error *err)
{
	unsigned int parts = 1, i;
	const char *p;

	if (text[strspn(text, "0123456789.")])
		return place_refuse(at, err, EINVAL, "%s is not an IPv4 address",
				    text_quote(text).text);
	for (p = text; *p; p++)
		parts += *p == '.';
	if (parts != 4)
		return ipv4_refuse_count(at, text, parts, err);
	for (p = text, i = 0; i < 4; i++) {
		size_t digits = strspn(p, "0123456789");
		unsigned int value = 0, n;

		if (!digits)
			return place_refuse(at, err, EINVAL, "%s has an empty part",
					    text_quote(text).text);
		if (digits > 1 && *p == '0') {
			place_refuse(at, err, EINVAL, "%s has a part with a leading zero",
				     text_quote(text).text);
			ipv4_suggest(err, text);
			return -EINVAL;
		}
		for (n = 0; n < digits && value < 256; n++)
			value = value * 10 + (p[n] - '0');
		if (value > 255)
			return place_refuse(at, err, EINVAL, "%s has a part above 255",
					    text_quote(text).text);
		ret->addr[i] = value;
		p += digits + 1;
	}
	ret->family = 4;
	return 0;
}

static bool is_ipv4_mapped(const uint8_t *addr)
{
	static const uint8_t start[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, start, sizeof(start));
}

static int ipv6_refuse(const struct place *at, const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');
	int ret;

	ret = place_refuse(at, err, EINVAL, "%s is not an IPv6 address", text_quote(text).text);
	if (strpbrk(text, "[]"))
		err_hint(err, "write the address without brackets");
	else if (colon && !strchr(colon + 1, ':'))
		err_hint(err, "a port goes into \"port\"");
	return ret;
}

static int ipv6_parse(const struct place *at, const char *text, struct egress_net *ret,
		      struct error *err)
{
	int r;

	if (strchr(text, '%')) {
		r = place_refuse(at, err, EINVAL, "%s names a zone, which rules cannot match",
				 text_quote(text).text);
		err_hint(err, "leave out the '%%' and what follows");
		return r;
	}
	if (inet_pton(AF_INET6, text, ret->addr) != 1)
		return ipv6_refuse(at, text, err);
	ret->family = 6;
	return 0;
}

/* No packet has such a destination: the kernel sends IPv4 for these sockets. */
static int refuse_mapped(const struct place *at, const char *text, const struct egress_net *net,
			 struct error *err)
{
	const uint8_t *v4 = net->addr + 12;
	int ret;

	ret = place_refuse(at, err, EINVAL, "%s is an IPv4 address in IPv6 form",
			   text_quote(text).text);
	if (net->prefix == 128)
		err_hint(err, "write %u.%u.%u.%u", v4[0], v4[1], v4[2], v4[3]);
	else
		err_hint(err, "write %u.%u.%u.%u/%u", v4[0], v4[1], v4[2], v4[3], net->prefix - 96);
	return ret;
}

static int literal_parse(const struct place *at, const char *text, struct egress_net *ret,
			 struct error *err)
{
	int r;

	if (strstr(text, "://")) {
		r = place_refuse(at, err, EINVAL, "%s is a URL", text_quote(text).text);
		err_hint(err, "write the address or the name of the host alone");
		return r;
	}
	if (strpbrk(text, ":[]%"))
		return ipv6_parse(at, text, ret, err);
	return ipv4_parse(at, text, ret, err);
}

int address_parse(const struct place *at, const char *text, struct egress_net *ret,
		  struct error *err)
{
	struct egress_net net = { };
	int r;

	if (strchr(text, '/') && !strstr(text, "://"))
		return place_refuse(at, err, EINVAL, "%s is a network, must be a single address",
				    text_quote(text).text);
	r = literal_parse(at, text, &net, err);
	if (r)
		return r;
	net.prefix = address_bits(&net);
	if (net.family == 6 && is_ipv4_mapped(net.addr))
		return refuse_mapped(at, text, &net, err);
	*ret = net;
	return 0;
}

static int prefix_parse(const struct place *at, const char *text, const char *digits,
			struct egress_net *net, struct error *err)
{
	uint64_t prefix;
	int r = text_to_u64(digits, address_bits(net), &prefix);

	if (r == -ERANGE)
		return place_refuse(at, err, EINVAL, "%s has a prefix length above %u",
				    text_quote(text).text, address_bits(net));
	if (r)
		return place_refuse(at, err, EINVAL, "%s has a malformed prefix length",
				    text_quote(text).text);
	net->prefix = prefix;
	return 0;
}

/* Clears the bits beyond the prefix; says whether there were any. */
static bool clear_host_bits(struct egress_net *net)
{
	unsigned int bytes = address_bits(net) / 8, i;
	bool found = false;

	for (i = net->prefix / 8; i < bytes; i++) {
		uint8_t host = i == net->prefix / 8 ? 0xff >> net->prefix % 8 : 0xff;

		found |= net->addr[i] & host;
		net->addr[i] &= ~host;
	}
	return found;
}

static int refuse_host_bits(const struct place *at, const char *text, const char *address,
			    const struct egress_net *net, struct error *err)
{
	char network[INET6_ADDRSTRLEN];

	place_refuse(at, err, EINVAL, "%s has bits set beyond its prefix", text_quote(text).text);
	inet_ntop(net->family == 4 ? AF_INET : AF_INET6, net->addr, network, sizeof(network));
	err_hint(err, "write %s/%u for the network, or %s for the one address", network,
		 net->prefix, address);
	return -EINVAL;
}

int network_parse(const struct place *at, const char *text, struct egress_net *ret,
		  struct error *err)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN + 16];
	struct egress_net net = { };
	bool host_bits;
	int r;

	if (!slash || strstr(text, "://"))
		return address_parse(at, text, ret, err);
	if ((size_t)(slash - text) >= sizeof(address))
		return place_refuse(at, err, EINVAL, "%s is too long for an address",
				    text_quote(text).text);
	memcpy(address, text, slash - text);
	address[slash - text] = '\0';
	r = literal_parse(at, address, &net, err);
	if (!r)
		r = prefix_parse(at, text, slash + 1, &net, err);
	if (r)
		return r;
	host_bits = clear_host_bits(&net);
	if (net.family == 6 && net.prefix >= 96 && is_ipv4_mapped(net.addr))
		return refuse_mapped(at, text, &net, err);
	if (host_bits)
		return refuse_host_bits(at, text, address, &net, err);
	*ret = net;
	return 0;
}

static bool is_label(const char *s, size_t length)
{
	size_t i;

	if (!length || length > LABEL_MAX || s[0] == '-' || s[length - 1] == '-')
		return false;
	for (i = 0; i < length; i++)
		if (!is_label_char(s[i]))
			return false;
	return true;
}

int hostname_check(const struct place *at, const char *text, struct error *err)
{
	const char *label = text;
	size_t length;
	int ret;

	if (!*text)
		return place_refuse(at, err, EINVAL, "is empty");
	if (strlen(text) > HOSTNAME_MAX)
		return place_refuse(at, err, EINVAL, "%s is longer than %d bytes",
				    text_quote(text).text, HOSTNAME_MAX);
	for (length = strcspn(label, "."); is_label(label, length); length = strcspn(label, ".")) {
		if (!label[length])
			return 0;
		label += length + 1;
	}
	ret = place_refuse(at, err, EINVAL, "%s is neither an address nor a host name",
			   text_quote(text).text);
	err_hint(err, "a host name is labels of letters, digits and inner hyphens, "
		 "joined by single dots");
	return ret;
}
