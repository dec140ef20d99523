// SPDX-License-Identifier: MIT
#include "nft/attr.h"

#include <arpa/inet.h>
#include <string.h>

struct attrs attrs_of_message(const struct nlmsghdr *nlh, size_t skip)
{
	size_t len = mnl_nlmsg_get_payload_len(nlh);
	size_t header = MNL_ALIGN(skip);

	if (len < header)
		return (struct attrs) { "", 0 };
	return (struct attrs) { mnl_nlmsg_get_payload_offset(nlh, skip), len - header };
}

struct attrs attrs_of(const struct nlattr *attr)
{
	if (!attr)
		return (struct attrs) { "", 0 };
	return (struct attrs) { mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr) };
}

const struct nlattr *attrs_find(struct attrs attrs, unsigned int type, unsigned int nth)
{
	const struct nlattr *attr;

	attrs_for_each(attr, attrs)
		if (mnl_attr_get_type(attr) == type && !nth--)
			return attr;
	return NULL;
}

const void *attr_data(const struct nlattr *attr, size_t size)
{
	if (!attr || mnl_attr_get_payload_len(attr) < size)
		return NULL;
	return mnl_attr_get_payload(attr);
}

const char *attr_str(const struct nlattr *attr)
{
	if (!attr || mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return "";
	return mnl_attr_get_str(attr);
}

uint32_t attr_be32(const struct nlattr *attr)
{
	const void *data = attr_data(attr, 4);
	uint32_t value = 0;

	if (data)
		memcpy(&value, data, sizeof(value));
	return ntohl(value);
}

uint64_t attr_be64(const struct nlattr *attr)
{
	const void *data = attr_data(attr, 8);
	uint32_t words[2] = { 0 };

	if (data)
		memcpy(words, data, sizeof(words));
	return (uint64_t)ntohl(words[0]) << 32 | ntohl(words[1]);
}

static bool is_zero(struct attrs bytes)
{
	size_t i;

	for (i = 0; i < bytes.len; i++)
		if (bytes.data[i])
			return false;
	return true;
}

/* How many attributes of the same type stand before this one. */
static unsigned int rank(struct attrs attrs, const struct nlattr *of)
{
	const struct nlattr *attr;
	unsigned int n = 0;

	attrs_for_each(attr, attrs) {
		if (attr == of)
			break;
		n += mnl_attr_get_type(attr) == mnl_attr_get_type(of);
	}
	return n;
}

static bool is_ignored(const struct nlattr *attr, uint64_t ignore)
{
	uint16_t type = mnl_attr_get_type(attr);

	return type < 64 && ignore >> type & 1;
}

static bool attr_match(const struct nlattr *want, const struct nlattr *have)
{
	struct attrs a = attrs_of(want), b = attrs_of(have);

	/* The kernel does not flag all of its nests, but we flag ours. */
	if (want->nla_type & NLA_F_NESTED)
		return attrs_match(a, b, 0);
	return a.len == b.len && !memcmp(a.data, b.data, a.len);
}

/* The first attribute from @attr on that is not ignored; NULL: none. */
static const struct nlattr *next_of(struct attrs attrs, const struct nlattr *attr,
				    uint64_t ignore)
{
	const char *end = attrs.data + attrs.len;

	while (mnl_attr_ok(attr, (int)(end - (const char *)attr))) {
		if (!is_ignored(attr, ignore))
			return attr;
		attr = mnl_attr_next(attr);
	}
	return NULL;
}

/* Compares while both have the same types in the same order. -1: they have not. */
static int match_in_step(struct attrs want, struct attrs have, uint64_t ignore)
{
	const struct nlattr *a = next_of(want, (const void *)want.data, ignore);
	const struct nlattr *b = next_of(have, (const void *)have.data, ignore);

	while (a && b && mnl_attr_get_type(a) == mnl_attr_get_type(b)) {
		if (!attr_match(a, b))
			return false;
		a = next_of(want, mnl_attr_next(a), ignore);
		b = next_of(have, mnl_attr_next(b), ignore);
	}
	return a || b ? -1 : true;
}

/* Lists repeat one attribute type: the rank among its like keeps their order. */
static bool match_by_rank(struct attrs want, struct attrs have, uint64_t ignore)
{
	const struct nlattr *attr, *twin;

	attrs_for_each(attr, want) {
		if (is_ignored(attr, ignore))
			continue;
		twin = attrs_find(have, mnl_attr_get_type(attr), rank(want, attr));
		if (twin ? !attr_match(attr, twin) : !is_zero(attrs_of(attr)))
			return false;
	}
	attrs_for_each(attr, have) {
		if (is_ignored(attr, ignore))
			continue;
		twin = attrs_find(want, mnl_attr_get_type(attr), rank(have, attr));
		if (!twin && !is_zero(attrs_of(attr)))
			return false;
	}
	return true;
}

bool attrs_match(struct attrs want, struct attrs have, uint64_t ignore)
{
	int match = match_in_step(want, have, ignore);

	return match < 0 ? match_by_rank(want, have, ignore) : match;
}
