/* SPDX-License-Identifier: MIT */
/*
 * Addresses of egress rules, read strictly: what has two readings, or none, is
 * refused and the refusal says what was probably meant.
 */
#ifndef HELPER_ADDRESS_H
#define HELPER_ADDRESS_H

#include <stdbool.h>

#include "helper/document_place.h"
#include "nft/policy.h"

/* address_is_literal() - was this meant as an address, not as a host name? */
bool address_is_literal(const char *text);

/**
 * address_parse() - read an address
 * @at: where it stands
 * @text: "10.0.0.1", "2001:db8::1"
 * @ret: the network of that one address, set on success
 * @err: filled on failure
 *
 * Return: 0 or -EINVAL.
 */
int address_parse(const struct place *at, const char *text, struct egress_net *ret,
		  struct error *err);

/**
 * network_parse() - read an address, or a network as address/prefix
 * @at: where it stands
 * @text: as for address_parse(), or "10.0.0.0/8", "2001:db8::/32"
 * @ret: set on success; its host bits are zero
 * @err: filled on failure
 *
 * Return: 0 or -EINVAL.
 */
int network_parse(const struct place *at, const char *text, struct egress_net *ret,
		  struct error *err);

/**
 * hostname_check() - is this a host name as in RFC 1123?
 * @at: where it stands
 * @text: the name
 * @err: filled on failure
 *
 * Labels of letters, digits and hyphens, 253 bytes in all.
 *
 * Return: 0 or -EINVAL.
 */
int hostname_check(const struct place *at, const char *text, struct error *err);

#endif /* HELPER_ADDRESS_H */
