// SPDX-License-Identifier: MIT
/* helper/address.c: addresses, networks and host names, read strictly. */
#include "helper/address.h"

#include <arpa/inet.h>

#include "selftests/unit/refusal.h"

static const struct place whole;
static const struct place host = { .up = &whole, .key = "host" };

typedef int (*parser)(const struct place *at, const char *text, struct egress_net *ret,
		      struct error *err);

static void check_parser(struct __test_metadata *_metadata, parser parse,
			 const struct refusal *row)
{
	struct egress_net net = { .family = 9 };
	struct error err = { };
	int ret = parse(&host, row->input, &net, &err);

	check_refusal(_metadata, row, "document", ret, &err);
	EXPECT_EQ(9, net.family)
		TH_LOG("%s: a refused input must leave the result alone", row->input);
}

TEST(malformed_ipv4_addresses_are_refused)
{
	static const struct refusal rows[] = {
		{ "010.0.0.1", EINVAL, "/host", "leading zero", "write 10.0.0.1" },
		{ "10.0.0.01", EINVAL, "/host", "leading zero", "write 10.0.0.1" },
		{ "00.0.0.0", EINVAL, "/host", "leading zero", "write 0.0.0.0" },
		{ "1.2.3", EINVAL, "/host", "has 3 parts, an IPv4 address has 4", NULL },
		{ "1", EINVAL, "/host", "has 1 part, an", NULL },
		{ "10.0.0.1.2", EINVAL, "/host", "has 5 parts", NULL },
		{ "10.0.0.256", EINVAL, "/host", "has a part above 255", NULL },
		{ "10.0.0.4294967297", EINVAL, "/host", "has a part above 255", NULL },
		{ "10..0.1", EINVAL, "/host", "has an empty part", NULL },
		{ "10.0.0.", EINVAL, "/host", "has an empty part", NULL },
		{ ".10.0.1", EINVAL, "/host", "has an empty part", NULL },
		{ " 10.0.0.1", EINVAL, "/host", "is not an IPv4 address", NULL },
		{ "10.0.0.1 ", EINVAL, "/host", "is not an IPv4 address", NULL },
		{ "10.0.0.-1", EINVAL, "/host", "is not an IPv4 address", NULL },
		{ "0x7f.0.0.1", EINVAL, "/host", "is not an IPv4 address", NULL },
		{ "10.0.0.1:443", EINVAL, "/host", "is not an IPv6 address", "\"port\"" },
		{ "", EINVAL, "/host", "has 1 part", NULL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		check_parser(_metadata, address_parse, &rows[i]);
		check_parser(_metadata, network_parse, &rows[i]);
	}
}

TEST(malformed_ipv6_addresses_are_refused)
{
	static const struct refusal rows[] = {
		{ "::1%lo", EINVAL, "/host", "names a zone", "leave out the '%'" },
		{ "fe80::1%", EINVAL, "/host", "names a zone", "leave out the '%'" },
		{ "[::1]", EINVAL, "/host", "is not an IPv6 address", "without brackets" },
		{ "[::1]:443", EINVAL, "/host", "is not an IPv6 address", "without brackets" },
		{ ":::", EINVAL, "/host", "is not an IPv6 address", NULL },
		{ "1::2::3", EINVAL, "/host", "is not an IPv6 address", NULL },
		{ "1:2:3:4:5:6:7", EINVAL, "/host", "is not an IPv6 address", NULL },
		{ "1:2:3:4:5:6:7:8:9", EINVAL, "/host", "is not an IPv6 address", NULL },
		{ "12345::", EINVAL, "/host", "is not an IPv6 address", NULL },
		{ "::g", EINVAL, "/host", "is not an IPv6 address", NULL },
		{ " ::1", EINVAL, "/host", "is not an IPv6 address", NULL },
		{ "::10.0.0.010", EINVAL, "/host", "is not an IPv6 address", NULL },
		{ "::ffff:10.0.0.1", EINVAL, "/host", "IPv4 address in IPv6 form", "10.0.0.1" },
		{ "::ffff:a00:1", EINVAL, "/host", "IPv4 address in IPv6 form", "write 10.0.0.1" },
		{ "example.com:80", EINVAL, "/host", "is not an IPv6 address", "\"port\"" },
		{ "http://10.0.0.1/x", EINVAL, "/host", "is a URL", "alone" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		check_parser(_metadata, address_parse, &rows[i]);
		check_parser(_metadata, network_parse, &rows[i]);
	}
}

TEST(malformed_networks_are_refused)
{
	static const struct refusal rows[] = {
		{ "10.0.0.0/33", EINVAL, "/host", "prefix length above 32", NULL },
		{ "10.0.0.0/99999999999999999999", EINVAL, "/host", "above 32", NULL },
		{ "2001:db8::/129", EINVAL, "/host", "prefix length above 128", NULL },
		{ "10.0.0.0/", EINVAL, "/host", "malformed prefix length", NULL },
		{ "10.0.0.0/08", EINVAL, "/host", "malformed prefix length", NULL },
		{ "10.0.0.0/00", EINVAL, "/host", "malformed prefix length", NULL },
		{ "10.0.0.0/+8", EINVAL, "/host", "malformed prefix length", NULL },
		{ "10.0.0.0/-1", EINVAL, "/host", "malformed prefix length", NULL },
		{ "10.0.0.0/8 ", EINVAL, "/host", "malformed prefix length", NULL },
		{ "10.0.0.0/8/8", EINVAL, "/host", "malformed prefix length", NULL },
		{ "10.0.0.0/255.0.0.0", EINVAL, "/host", "malformed prefix length", NULL },
		{ "10/8", EINVAL, "/host", "has 1 part", NULL },
		{ "/8", EINVAL, "/host", "has 1 part", NULL },
		{ "010.0.0.0/8", EINVAL, "/host", "leading zero", "write 10.0.0.0" },
		{ "example.com/8", EINVAL, "/host", "is not an IPv4 address", NULL },
		{ "10.0.0.1/8", EINVAL, "/host", "bits set beyond its prefix",
		  "write 10.0.0.0/8 for the network, or 10.0.0.1 for the one address" },
		{ "10.0.0.1/0", EINVAL, "/host", "bits set beyond", "write 0.0.0.0/0" },
		{ "10.0.0.3/31", EINVAL, "/host", "bits set beyond", "write 10.0.0.2/31" },
		{ "2001:db8::1/32", EINVAL, "/host", "bits set beyond", "write 2001:db8::/32" },
		{ "8000::/0", EINVAL, "/host", "bits set beyond", "write ::/0" },
		{ "::ffff:10.0.0.0/104", EINVAL, "/host", "IPv6 form", "write 10.0.0.0/8" },
		{ "::ffff:10.0.0.1/104", EINVAL, "/host", "IPv6 form", "write 10.0.0.0/8" },
		{ "::ffff:0:0/96", EINVAL, "/host", "IPv6 form", "write 0.0.0.0/0" },
		{ "0000000000000000000000000000000000000000000000000000000000000000000::1/8",
		  EINVAL, "/host", "is too long", NULL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		check_parser(_metadata, network_parse, &rows[i]);
}

TEST(networks_are_no_single_address)
{
	static const struct refusal row = {
		"10.0.0.1/32", EINVAL, "/host", "is a network, must be a single address", NULL
	};

	check_parser(_metadata, address_parse, &row);
}

TEST(every_address_and_network_is_read_back_as_written)
{
	static const struct {
		const char *input;
		uint8_t family;
		uint8_t prefix;
		const char *address;
	} rows[] = {
		{ "10.0.0.1", 4, 32, "10.0.0.1" },
		{ "0.0.0.0", 4, 32, "0.0.0.0" },
		{ "255.255.255.255", 4, 32, "255.255.255.255" },
		{ "10.0.0.0/8", 4, 8, "10.0.0.0" },
		{ "10.128.0.0/9", 4, 9, "10.128.0.0" },
		{ "0.0.0.0/0", 4, 0, "0.0.0.0" },
		{ "10.0.0.1/32", 4, 32, "10.0.0.1" },
		{ "::", 6, 128, "::" },
		{ "::1", 6, 128, "::1" },
		{ "::/0", 6, 0, "::" },
		{ "2001:DB8::/32", 6, 32, "2001:db8::" },
		{ "2001:db8:0:0:0:0:0:1/128", 6, 128, "2001:db8::1" },
		{ "fe00::/7", 6, 7, "fe00::" },
		{ "64:ff9b::10.0.0.1", 6, 128, "64:ff9b::a00:1" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[INET6_ADDRSTRLEN];
		struct egress_net net;
		struct error err = { };

		EXPECT_EQ(0, network_parse(&host, rows[i].input, &net, &err))
			TH_LOG("%s: refused: %s", rows[i].input, err.message);
		EXPECT_EQ(rows[i].family, net.family);
		EXPECT_EQ(rows[i].prefix, net.prefix);
		inet_ntop(net.family == 4 ? AF_INET : AF_INET6, net.addr, text, sizeof(text));
		EXPECT_STREQ(rows[i].address, text);
	}
}

TEST(what_looks_like_an_address_is_never_taken_for_a_name)
{
	static const struct {
		const char *text;
		bool literal;
	} rows[] = {
		{ "10.0.0.1", true }, { "1.2.3", true }, { "1", true }, { "::1", true },
		{ "a.example.1", true }, { "0x7f000001", true }, { "127.0x1", true },
		{ "[::1]", true }, { "fe80::1%lo", true }, { "10/8", true }, { "a/b", true },
		{ "example.com", false }, { "1.example", false }, { "localhost", false },
		{ "1a", false }, { "", false }, { "xn--caf-dma.example", false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT_EQ(rows[i].literal, address_is_literal(rows[i].text))
			TH_LOG("row %zu", i);
}

#define L63	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(host_names_have_labels_of_letters_digits_and_hyphens)
{
	static const char *const good[] = {
		"a", "localhost", "a-b.example.com", "1.example", "A.B", L63 ".example",
		L63 "." L63 "." L63 "." L61,
	};
	static const char *const bad[] = {
		"", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b.c", "a_b.example", "*.example.com",
		"a b", "caf\xc3\xa9.example", L63 "a.example", L63 "." L63 "." L63 "." L61 "a",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		EXPECT_EQ(0, hostname_check(&host, good[i], NULL))
			TH_LOG("%s", good[i]);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = { };

		EXPECT_EQ(-EINVAL, hostname_check(&host, bad[i], &err))
			TH_LOG("%s", bad[i]);
		EXPECT_STREQ("/host", err.field);
	}
}

TEST_HARNESS_MAIN
