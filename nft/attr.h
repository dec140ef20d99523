/* SPDX-License-Identifier: MIT */
/*
 * Reading netlink attributes, and comparing what the kernel has with what it
 * has to have.
 */
#ifndef NFT_ATTR_H
#define NFT_ATTR_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run of attributes: the body of a message, or of a nested attribute. */
struct attrs {
	const char *data;
	size_t len;
};

/* The attributes of a message, after its header and @skip bytes. */
struct attrs attrs_of_message(const struct nlmsghdr *nlh, size_t skip);

/* The attributes nested in one; none in NULL. */
struct attrs attrs_of(const struct nlattr *attr);

/* The @nth attribute (from 0) of a type, or NULL. */
const struct nlattr *attrs_find(struct attrs attrs, unsigned int type, unsigned int nth);

/* The payload of an attribute of at least @size bytes, else NULL. */
const void *attr_data(const struct nlattr *attr, size_t size);

/* A NUL-terminated string; "" if there is none. */
const char *attr_str(const struct nlattr *attr);

uint32_t attr_be32(const struct nlattr *attr);
uint64_t attr_be64(const struct nlattr *attr);

/**
 * attrs_match() - is everything that we would write there, and nothing else?
 * @want: as we would write it
 * @have: as the kernel dumps it
 * @ignore: bit N: attribute type N of this layer is informational
 *
 * An attribute that only one side has must be all zero: the kernel leaves out
 * some defaults and spells out others.
 */
bool attrs_match(struct attrs want, struct attrs have, uint64_t ignore);

#define attrs_for_each(attr, attrs)						\
	for ((attr) = (const void *)(attrs).data;				\
	     mnl_attr_ok((attr), (int)((attrs).data + (attrs).len - (const char *)(attr))); \
	     (attr) = (const void *)((const char *)(attr) + MNL_ALIGN((attr)->nla_len)))

#endif /* NFT_ATTR_H */
