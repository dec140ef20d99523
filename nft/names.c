// SPDX-License-Identifier: MIT
#include "nft/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nft/tuple.h"

static const char *const set_words[] = {
	[SET_IDS]		= "ids",
	[SET_UIDS]		= "uids",
	[SET_CELLS]		= "cells",
	[SET_EXEMPT]		= "exempt",
	[SET_PARENTS]		= "parents",
	[SET_DENIED]		= "denied",
	[SET_REFUSED]		= "refused",
	[SET_STRAYS]		= "strays",
	[SET_LOG_DENIED]	= "logdenied",
	[SET_LOG_ALLOWED]	= "logallowed",
	[SET_ALLOW]		= "allow",
};

static const char *const chain_words[] = {
	[CHAIN_OUTPUT]	= "output",
	[CHAIN_INPUT]	= "input",
	[CHAIN_REJECT]	= "rejected",	/* a keyword would not do */
	[CHAIN_CLOSED]	= "closed",
	[CHAIN_SCOPED]	= "scoped",
	[CHAIN_CELL]	= "cell",
	[CHAIN_V6CELL]	= "v6cell",
	[CHAIN_DENY]	= "deny",
	[CHAIN_PEER]	= "peer",
	[CHAIN_QUOTED]	= "quoted",
	[CHAIN_REFUSE]	= "refuse",
	[CHAIN_GUARD]	= "guard",
};

struct name set_name(const struct set_id *set)
{
	const struct egress_tuple *tuple = &set->tuple;
	struct name name = { "" };
	char *end = name.text;
	size_t size = sizeof(name.text);

	end += snprintf(end, size, "%s", set_words[set->kind]);
	if (set->kind >= SET_CELLS)
		end += snprintf(end, size - (size_t)(end - name.text), "%u", set->level);
	if (set->kind == SET_ALLOW)
		end += snprintf(end, size - (size_t)(end - name.text), "_%s_%u",
				tuple->family == 4 ? "ip" : "ip6", tuple->prefix);
	if (tuple->port_bits)
		snprintf(end, size - (size_t)(end - name.text), "_p%u", tuple->port_bits);
	return name;
}

struct name chain_name(const struct chain_id *chain)
{
	struct name name = { "" };

	if (chain->kind < CHAIN_CELL)
		strcpy(name.text, chain_words[chain->kind]);
	else
		snprintf(name.text, sizeof(name.text), "%s%u", chain_words[chain->kind],
			 chain->level);
	return name;
}

/* What follows @word in @text, or NULL. */
static const char *after(const char *text, const char *word)
{
	size_t len = strlen(word);

	return strncmp(text, word, len) ? NULL : text + len;
}

/* Anything but the canonical spelling ("cells01") is somebody else's. */
static bool is_spelled(const struct set_id *set, const char *text)
{
	struct name name;

	if (set->level >= NFT_LEVELS || (set->kind >= SET_CELLS && !set->level))
		return false;
	if (set->kind == SET_ALLOW && !tuple_is_valid(&set->tuple))
		return false;
	name = set_name(set);
	return !strcmp(name.text, text);
}

static bool parse_allow(const char *text, struct set_id *ret)
{
	struct set_id set = { .kind = SET_ALLOW };
	unsigned int family = 4, prefix, port_bits = 0;

	if (sscanf(text, "allow%3u_ip_%3u_p%2u", &set.level, &prefix, &port_bits) < 2) {
		family = 6;
		if (sscanf(text, "allow%3u_ip6_%3u_p%2u", &set.level, &prefix, &port_bits) < 2)
			return false;
	}
	if (prefix > 128)
		return false;
	set.tuple.family = (uint8_t)family;
	set.tuple.prefix = (uint8_t)prefix;
	set.tuple.port_bits = (uint8_t)port_bits;
	if (!is_spelled(&set, text))
		return false;
	*ret = set;
	return true;
}

bool set_parse(const char *text, struct set_id *ret)
{
	struct set_id set = { .kind = SET_IDS };
	const char *rest;

	for (; set.kind < SET_ALLOW; set.kind++) {
		rest = after(text, set_words[set.kind]);
		if (!rest)
			continue;
		set.level = 0;
		if (set.kind >= SET_CELLS && sscanf(rest, "%3u", &set.level) != 1)
			continue;
		if (!is_spelled(&set, text))
			continue;
		*ret = set;
		return true;
	}
	return parse_allow(text, ret);
}

bool chain_parse(const char *text, struct chain_id *ret)
{
	struct chain_id chain = { .kind = CHAIN_OUTPUT };
	const char *rest;
	struct name name;

	for (; chain.kind < CHAIN_COUNT; chain.kind++) {
		rest = after(text, chain_words[chain.kind]);
		if (!rest)
			continue;
		chain.level = 0;
		if (chain.kind >= CHAIN_CELL &&
		    (sscanf(rest, "%3u", &chain.level) != 1 || !chain.level ||
		     chain.level >= NFT_LEVELS))
			continue;
		name = chain_name(&chain);
		if (strcmp(name.text, text))
			continue;
		*ret = chain;
		return true;
	}
	return false;
}

bool set_equal(const struct set_id *a, const struct set_id *b)
{
	return a->kind == b->kind && a->level == b->level &&
	       tuple_index(&a->tuple) == tuple_index(&b->tuple);
}

bool set_counts(enum set_kind kind)
{
	return kind >= SET_DENIED && !set_logs(kind);
}

bool set_logs(enum set_kind kind)
{
	return kind == SET_LOG_DENIED || kind == SET_LOG_ALLOWED;
}

struct name flow_chain_name(enum set_kind kind, uint64_t cgroup_id)
{
	struct name name;

	snprintf(name.text, sizeof(name.text), "%s%" PRIu64,
		 kind == SET_LOG_DENIED ? "flow" : "flowok", cgroup_id);
	return name;
}

uint64_t flow_chain_parse(const char *text)
{
	uint64_t id;

	if (sscanf(text, "flow%20" SCNu64, &id) != 1 && sscanf(text, "flowok%20" SCNu64, &id) != 1)
		return 0;
	if (strcmp(flow_chain_name(SET_LOG_DENIED, id).text, text) &&
	    strcmp(flow_chain_name(SET_LOG_ALLOWED, id).text, text))
		return 0;
	return id;
}

unsigned int set_key_size(const struct set_id *set)
{
	switch (set->kind) {
	case SET_IDS:
		return NFT_ID_KEY_SIZE;
	case SET_UIDS:
		return 4;
	case SET_ALLOW:			/* cgroup . protocol . address [. port] */
		return 8 + 4 + (set->tuple.family == 4 ? 4 : 16) +
		       (set->tuple.port_bits ? 4 : 0);
	default:
		return 8;
	}
}
