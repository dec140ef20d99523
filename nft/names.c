// SPDX-License-Identifier: MIT
#include "nft/names.h"

#include <stdio.h>
#include <string.h>

#include "nft/tuple.h"

struct name set_name(const struct set_id *set)
{
	const struct egress_tuple *tuple = &set->tuple;
	struct name name = { "" };
	int n;

	switch (set->kind) {
	case SET_IDS:
		strcpy(name.text, "ids");
		break;
	case SET_UIDS:
		strcpy(name.text, "uids");
		break;
	case SET_CELLS:
		snprintf(name.text, sizeof(name.text), "cells%u", set->level);
		break;
	case SET_DENIED:
		snprintf(name.text, sizeof(name.text), "denied%u", set->level);
		break;
	case SET_ALLOW:
		n = snprintf(name.text, sizeof(name.text), "allow%u_%s_%u", set->level,
			     tuple->family == 4 ? "ip" : "ip6", tuple->prefix);
		if (tuple->port_bits)
			snprintf(name.text + n, sizeof(name.text) - (size_t)n, "_p%u",
				 tuple->port_bits);
		break;
	}
	return name;
}

struct name chain_name(unsigned int level)
{
	struct name name;

	snprintf(name.text, sizeof(name.text), "cell%u", level);
	return name;
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

	if (!strncmp(text, "allow", 5))
		return parse_allow(text, ret);
	if (!strcmp(text, "uids"))
		set.kind = SET_UIDS;
	else if (sscanf(text, "cells%3u", &set.level) == 1)
		set.kind = SET_CELLS;
	else if (sscanf(text, "denied%3u", &set.level) == 1)
		set.kind = SET_DENIED;
	if (!is_spelled(&set, text))
		return false;
	*ret = set;
	return true;
}

unsigned int chain_parse(const char *text)
{
	unsigned int level;
	struct name name;

	if (sscanf(text, "cell%3u", &level) != 1 || level >= NFT_LEVELS)
		return 0;
	name = chain_name(level);
	return strcmp(name.text, text) ? 0 : level;
}

bool set_equal(const struct set_id *a, const struct set_id *b)
{
	return a->kind == b->kind && a->level == b->level &&
	       tuple_index(&a->tuple) == tuple_index(&b->tuple);
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
