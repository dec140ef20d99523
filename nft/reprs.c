// SPDX-License-Identifier: MIT
#include "nft/reprs.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/cleanup.h"

static void add(struct reprs *reprs, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct reprs *reprs, const char *fmt, ...)
{
	size_t room = REPRS_MAX + 1 - reprs->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(reprs->text + reprs->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		reprs->text[reprs->len] = '\0';
		reprs->full = true;
	} else {
		reprs->len += (size_t)n;
	}
}

static void add_net(struct reprs *reprs, const struct egress_net *net)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(net->family == 4 ? AF_INET : AF_INET6, net->addr, text, sizeof(text));
	if (net->prefix == (net->family == 4 ? 32 : 128))
		add(reprs, "%s", text);
	else
		add(reprs, "%s/%u", text, net->prefix);
}

/* One network: `ip daddr A`; several: `ip daddr { A, B }`. */
static void add_nets(struct reprs *reprs, const struct egress_rule *rule, unsigned int family)
{
	unsigned int i, n = 0, done = 0;

	for (i = 0; i < rule->n_nets; i++)
		n += rule->nets[i].family == family;
	add(reprs, "%s daddr %s", family == 4 ? "ip" : "ip6", n > 1 ? "{ " : "");
	for (i = 0; i < rule->n_nets; i++) {
		if (rule->nets[i].family != family)
			continue;
		add_net(reprs, &rule->nets[i]);
		if (++done < n)
			add(reprs, ", ");
	}
	add(reprs, "%s", n > 1 ? " }" : "");
}

static const struct {
	uint8_t bit;
	const char *name;
} protocols[] = {
	{ EGRESS_TCP, "tcp" },
	{ EGRESS_UDP, "udp" },
	{ EGRESS_SCTP, "sctp" },
	{ EGRESS_ICMP, "icmp" },
	{ EGRESS_ICMPV6, "ipv6-icmp" },
};

/* ` tcp dport P`, ` meta l4proto tcp`, ` meta l4proto { tcp, udp } th dport P` */
static void add_transport(struct reprs *reprs, const struct egress_rule *rule, uint8_t bits)
{
	bool several = bits & (bits - 1);
	bool port = rule->port_first;
	const char *comma = "";
	unsigned int i;

	add(reprs, "%s", several ? " meta l4proto { " : port ? " " : " meta l4proto ");
	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!(bits & protocols[i].bit))
			continue;
		add(reprs, "%s%s", comma, protocols[i].name);
		comma = ", ";
	}
	if (several)
		add(reprs, " }");
	if (!port)
		return;
	add(reprs, "%s dport %u", several ? " th" : "", rule->port_first);
	if (rule->port_last != rule->port_first)
		add(reprs, "-%u", rule->port_last);
}

void reprs_add(struct reprs *reprs, const struct egress_rule *rule)
{
	const char *joint = "";
	unsigned int family, i;
	uint8_t bits;

	for (family = 4; family <= 6; family += 2) {
		bits = rule->protocols & ~(family == 4 ? EGRESS_ICMPV6 : EGRESS_ICMP);
		for (i = 0; i < rule->n_nets && rule->nets[i].family != family; i++)
			;
		if (i == rule->n_nets || !bits)
			continue;
		add(reprs, "%s", joint);
		add_nets(reprs, rule, family);
		add_transport(reprs, rule, bits);
		add(reprs, " accept");
		joint = "; ";
	}
	if (rule->host)
		add(reprs, " comment \"%s\"", rule->host);
	add(reprs, "\n");
}
