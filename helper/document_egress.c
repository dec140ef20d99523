// SPDX-License-Identifier: MIT
/* spec.authority.egressRules: what a cell may reach. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/address.h"
#include "helper/document_json.h"
#include "helper/document_parts.h"
#include "helper/text.h"
#include "lib/cleanup.h"

#define PORT_MAX	65535

/* One rule while it is read: the same as struct egress_rule, but writable. */
struct draft {
	char *host;		/* the name; NULL: the rule has an address */
	struct egress_net *nets;
	unsigned int n_nets;
	bool has_port;
	bool has_resolved;
	uint16_t port_first;
	uint16_t port_last;
	uint8_t protocols;
};

static void draft_done(struct draft *draft)
{
	free(draft->host);
	free(draft->nets);
	*draft = (struct draft) { };
}

DEFINE_FREE(draft, struct draft, draft_done(p))

static int draft_alloc_nets(struct draft *draft, size_t n, struct error *err)
{
	draft->nets = calloc(n, sizeof(*draft->nets));
	if (!draft->nets)
		return document_nomem(err);
	draft->n_nets = n;
	return 0;
}

static int read_host(const struct place *at, json_t *value, void *to, struct error *err)
{
	struct draft *draft = to;
	const char *host;
	int ret;

	ret = string_read(at, value, &host, err);
	if (ret)
		return ret;
	if (address_is_literal(host)) {
		ret = draft_alloc_nets(draft, 1, err);
		return ret ?: network_parse(at, host, draft->nets, err);
	}
	ret = hostname_check(at, host, err);
	if (ret)
		return ret;
	draft->host = strdup(host);
	return draft->host ? 0 : document_nomem(err);
}

static int read_resolved(const struct place *at, json_t *array, void *to, struct error *err)
{
	struct draft *draft = to;
	json_t *value;
	size_t i;
	int ret;

	draft->has_resolved = true;
	if (!draft->host)
		return place_refuse(at, err, EINVAL, "stands beside an address, not a host name");
	if (!json_array_size(array))
		return place_refuse(at, err, EINVAL, "is empty: the rule would match nothing");
	if (json_array_size(array) > CELLOS_RULE_ADDRS_MAX)
		return place_refuse(at, err, E2BIG, "has %zu entries, at most %d are allowed",
				    json_array_size(array), CELLOS_RULE_ADDRS_MAX);
	ret = draft_alloc_nets(draft, json_array_size(array), err);
	if (ret)
		return ret;
	json_array_foreach(array, i, value) {
		struct place here = PLACE_INDEX(at, i);
		const char *address;

		ret = value_check_type(&here, value, IS_STRING, err);
		if (!ret)
			ret = string_read(&here, value, &address, err);
		if (!ret)
			ret = address_parse(&here, address, &draft->nets[i], err);
		if (ret)
			return ret;
	}
	return 0;
}

static int refuse_port(const struct place *at, const char *text, struct error *err)
{
	int ret;

	ret = place_refuse(at, err, EINVAL, "%s is not a port or a range of ports",
			   text_quote(text).text);
	err_hint(err, "write 443 or \"8000-8100\"; leave port out for any port");
	return ret;
}

static int check_port(const struct place *at, int64_t port, struct error *err)
{
	int ret;

	if (port >= 1 && port <= PORT_MAX)
		return 0;
	ret = place_refuse(at, err, EINVAL, "%" PRId64 " is out of range: 1 to %d", port, PORT_MAX);
	if (!port)
		err_hint(err, "leave port out for any port");
	return ret;
}

/* One end of a range, or a port alone; @whole is what the message quotes. */
static int parse_port(const struct place *at, const char *text, const char *whole,
		      uint16_t *ret, struct error *err)
{
	uint64_t port;
	int r;

	r = text_to_u64(text, INT64_MAX, &port);
	if (r == -ERANGE)
		return place_refuse(at, err, EINVAL, "%s is out of range: 1 to %d",
				    text_quote(whole).text, PORT_MAX);
	if (r)
		return refuse_port(at, whole, err);
	r = check_port(at, port, err);
	if (!r)
		*ret = port;
	return r;
}

static int parse_port_range(const struct place *at, const char *text, struct draft *draft,
			    struct error *err)
{
	const char *dash = strchr(text, '-');
	char first[24];
	int r;

	if (!dash) {
		r = parse_port(at, text, text, &draft->port_first, err);
		draft->port_last = draft->port_first;
		return r;
	}
	if ((size_t)(dash - text) >= sizeof(first))
		return refuse_port(at, text, err);
	memcpy(first, text, dash - text);
	first[dash - text] = '\0';
	r = parse_port(at, first, text, &draft->port_first, err);
	if (!r)
		r = parse_port(at, dash + 1, text, &draft->port_last, err);
	if (r || draft->port_first <= draft->port_last)
		return r;
	r = place_refuse(at, err, EINVAL, "%s runs backwards", text_quote(text).text);
	err_hint(err, "write \"%u-%u\"", draft->port_last, draft->port_first);
	return r;
}

static int read_port(const struct place *at, json_t *value, void *to, struct error *err)
{
	struct draft *draft = to;
	const char *text;
	int ret;

	draft->has_port = true;
	if (json_is_string(value)) {
		ret = string_read(at, value, &text, err);
		return ret ?: parse_port_range(at, text, draft, err);
	}
	ret = check_port(at, json_integer_value(value), err);
	if (ret)
		return ret;
	draft->port_first = json_integer_value(value);
	draft->port_last = draft->port_first;
	return 0;
}

static int read_protocol(const struct place *at, json_t *value, void *to, struct error *err)
{
	static const char *const words[] = { "tcp", "udp", "sctp", "icmp", "icmpv6", NULL };
	static const struct word_list protocols = { words, "tcp, udp, sctp, icmp, icmpv6" };
	static const uint8_t bits[] = {
		EGRESS_TCP, EGRESS_UDP, EGRESS_SCTP, EGRESS_ICMP, EGRESS_ICMPV6,
	};
	struct draft *draft = to;
	const char *word, *meant;
	int ret, i;

	ret = string_read(at, value, &word, err);
	if (ret)
		return ret;
	i = word_index(&protocols, word);
	if (i >= 0) {
		draft->protocols = bits[i];
		return 0;
	}
	ret = place_refuse(at, err, EINVAL, "unknown protocol %s", text_quote(word).text);
	meant = word_guess(&protocols, word);
	if (meant)
		err_hint(err, "did you mean \"%s\"?", meant);
	else
		err_hint(err, "known here: %s; leave protocol out for tcp and udp",
			 protocols.text);
	return ret;
}

static const struct field rule_fields[] = {
	{ .name = "host", .types = IS_STRING, .required = true, .read = read_host },
	{ .name = "resolved", .types = IS_ARRAY, .read = read_resolved },
	{ .name = "port", .types = IS_INTEGER | IS_STRING, .read = read_port },
	{ .name = "protocol", .types = IS_STRING, .read = read_protocol },
	{ }
};

static const struct shape rule_shape = { .fields = rule_fields };

/* ICMP is a protocol of one family each, and has no ports. */
static int check_icmp(const struct place *at, const struct draft *draft, struct error *err)
{
	const char *name = draft->protocols == EGRESS_ICMP ? "icmp" : "icmpv6";
	unsigned int family = draft->protocols == EGRESS_ICMP ? 4 : 6, i;
	struct place port = PLACE_KEY(at, "port");
	struct place resolved = PLACE_KEY(at, "resolved");
	struct place host = PLACE_KEY(at, "host");
	int ret;

	if (!(draft->protocols & (EGRESS_ICMP | EGRESS_ICMPV6)))
		return 0;
	if (draft->has_port)
		return place_refuse(&port, err, EINVAL, "%s has no ports", name);
	for (i = 0; i < draft->n_nets; i++) {
		struct place address = PLACE_INDEX(&resolved, i);

		if (draft->nets[i].family == family)
			continue;
		ret = place_refuse(draft->host ? &address : &host, err, EINVAL,
				   "is an IPv%u address, but the rule's protocol is %s",
				   draft->nets[i].family, name);
		err_hint(err, "IPv4 has icmp, IPv6 has icmpv6");
		return ret;
	}
	return 0;
}

/* What no key says by itself: how the keys of a rule go together. */
static int check_rule(const struct place *at, const struct draft *draft, struct error *err)
{
	struct place host = PLACE_KEY(at, "host");
	int ret;

	if (!draft->host || draft->has_resolved)
		return check_icmp(at, draft, err);
	ret = place_refuse(&host, err, EINVAL, "%s is a host name without \"resolved\" beside it",
			   text_quote(draft->host).text);
	err_hint(err, "a privileged helper makes no DNS queries: add \"resolved\": [addresses]");
	return ret;
}

static int read_rule(const struct place *at, json_t *value, struct egress_rule *ret,
		     struct error *err)
{
	struct draft draft __free(draft) = { .protocols = EGRESS_TCP | EGRESS_UDP };
	int r;

	r = value_check_type(at, value, IS_OBJECT, err);
	if (!r)
		r = object_read(at, value, &rule_shape, &draft, err);
	if (!r)
		r = check_rule(at, &draft, err);
	if (r)
		return r;
	*ret = (struct egress_rule) {
		.nets = draft.nets,
		.n_nets = draft.n_nets,
		.host = draft.host,
		.port_first = draft.port_first,
		.port_last = draft.port_last,
		.protocols = draft.protocols,
	};
	draft = (struct draft) { };
	return 0;
}

static int read_rules(const struct place *at, json_t *array, struct egress_rule **ret,
		      unsigned int *ret_n, struct error *err)
{
	struct egress_rule *rules;
	json_t *value;
	size_t i;

	if (json_array_size(array) > CELLOS_RULES_MAX)
		return place_refuse(at, err, E2BIG, "has %zu rules, at most %d are allowed",
				    json_array_size(array), CELLOS_RULES_MAX);
	rules = calloc(json_array_size(array) + 1, sizeof(*rules));
	if (!rules)
		return document_nomem(err);
	json_array_foreach(array, i, value) {
		struct place here = PLACE_INDEX(at, i);
		int r = read_rule(&here, value, &rules[i], err);

		if (r) {
			egress_rules_done(rules, i);
			return r;
		}
	}
	*ret = rules;
	*ret_n = json_array_size(array);
	return 0;
}

int document_read_rules(const struct place *at, json_t *array, void *to, struct error *err)
{
	struct document *doc = to;

	return read_rules(at, array, &doc->rules, &doc->n_rules, err);
}

int egress_rules_parse(const char *bytes, size_t size, struct egress_rule **ret,
		       unsigned int *ret_n, struct error *err)
{
	const struct place whole = { };
	struct json_tree tree __free(json_tree) = { };
	int r;

	r = document_load(bytes, size, NULL, &tree, err);
	if (!r)
		r = value_check_type(&whole, tree.root, IS_ARRAY, err);
	return r ?: read_rules(&whole, tree.root, ret, ret_n, err);
}

/* The compiler only reads rules, so they point to const; we made what they own. */
static void free_const(const void *p)
{
	free((void *)(uintptr_t)p);
}

void egress_rules_done(struct egress_rule *rules, unsigned int n_rules)
{
	unsigned int i;

	for (i = 0; i < n_rules; i++) {
		free_const(rules[i].nets);
		free_const(rules[i].host);
	}
	free(rules);
}
