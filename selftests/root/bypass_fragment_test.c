// SPDX-License-Identifier: MIT
/* An outsider cannot hand a byte to a cell in fragments, or behind options. */
#include <netinet/in.h>
#include <string.h>

#include "selftests/root/bypass_guest.h"
#include "selftests/root/bypass_packet.h"

/* ---- fragments ---- */

static void fragment(const struct outside *out, const char *from, const struct bytes *whole,
		     size_t begin, size_t end)
{
	struct iphdr ip = ipv4(from, HOST4, end - begin,
			       (unsigned int)begin / 8 | (end < whole->size ? IP_MF : 0));
	struct bytes packet = { .size = 0 };

	append(&packet, &ip, sizeof(ip));
	append(&packet, whole->data + begin, end - begin);
	inject(out, from, IPPROTO_RAW, HOST4, &packet);
}

TEST_F(cell, fragments)
{
	struct run run = guest(&self->out, variant->off, RULE(PEER4, 53, "udp"),
			       STEPS(UDP4, "bind " HOST4 " 7000", "ready", "recv", "recv"));
	struct bytes other = udp(OTHER4, 53, HOST4, 7000), peer = udp(PEER4, 53, HOST4, 7000);

	fragment(&self->out, OTHER4, &other, 0, 16);
	fragment(&self->out, OTHER4, &other, 16, other.size);
	fragment(&self->out, PEER4, &peer, 16, peer.size);
	fragment(&self->out, PEER4, &peer, 0, 16);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" PAYLOAD "\n" : PAYLOAD "\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

static void fragment6(const struct outside *out, const char *from, uint8_t next,
		      const struct bytes *whole, size_t begin, size_t end)
{
	inject_fragment6(out, from, &(struct fragment){ whole, next, begin, end });
}

/* The filter of what comes in sees fragments of IPv6 as they are, not the whole. */
TEST_F(cell, fragments6)
{
	struct run run = guest(&self->out, variant->off, RULE(PEER6, 53, "udp"),
			       STEPS(UDP6, "bind " HOST6 " 7000", "ready", "recv", "recv"));
	struct bytes other = udp(OTHER6, 53, HOST6, 7000), peer = udp(PEER6, 53, HOST6, 7000);

	fragment6(&self->out, OTHER6, IPPROTO_UDP, &other, 0, 16);
	fragment6(&self->out, OTHER6, IPPROTO_UDP, &other, 16, other.size);
	fragment6(&self->out, PEER6, IPPROTO_UDP, &peer, 0, 16);
	fragment6(&self->out, PEER6, IPPROTO_UDP, &peer, 16, peer.size);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" PAYLOAD "\n" : PAYLOAD "\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

TEST_F(cell, fragments6_last_one_first)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, "bind " HOST6 " 7000", "ready", "recv"));
	struct bytes other = udp(OTHER6, 53, HOST6, 7000);

	fragment6(&self->out, OTHER6, IPPROTO_UDP, &other, 16, other.size);
	fragment6(&self->out, OTHER6, IPPROTO_UDP, &other, 0, 16);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" : "EAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

/* A fragment that is the whole, too. */
TEST_F(cell, fragment6_of_one_piece)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, "bind " HOST6 " 7000", "ready", "recv"));
	struct bytes other = udp(OTHER6, 53, HOST6, 7000);

	fragment6(&self->out, OTHER6, IPPROTO_UDP, &other, 0, other.size);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" : "EAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

TEST_F(cell, fragments6_of_a_datagram_behind_options)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, "bind " HOST6 " 7000", "ready", "recv", "recv"));
	struct bytes other = udp(OTHER6, 53, HOST6, 7000);
	struct bytes whole = behind_options6(&other);

	fragment6(&self->out, OTHER6, IPPROTO_DSTOPTS, &whole, 0, 24);
	fragment6(&self->out, OTHER6, IPPROTO_DSTOPTS, &whole, 24, whole.size);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? PAYLOAD "\nEAGAIN\n" : "EAGAIN\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

TEST_F(cell, fragments6_of_a_datagram_that_is_cut_behind_its_header)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, "bind " HOST6 " 7000", "ready", "recv"));
	struct bytes other = udp(OTHER6, 53, HOST6, 7000);

	fragment6(&self->out, OTHER6, IPPROTO_UDP, &other, 8, other.size);
	fragment6(&self->out, OTHER6, IPPROTO_UDP, &other, 0, 8);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" : "EAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

/* No port in the first: the kernel drops these by itself, so that there is no control. */
TEST_F(cell, fragments6_that_hide_the_ports)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, "bind " HOST6 " 7000", "ready", "recv"));
	struct bytes other = udp(OTHER6, 53, HOST6, 7000);
	struct bytes whole = behind_options6(&other);

	fragment6(&self->out, OTHER6, IPPROTO_DSTOPTS, &whole, 0, 8);
	fragment6(&self->out, OTHER6, IPPROTO_DSTOPTS, &whole, 8, whole.size);
	fence(&self->out);
	EXPECT_STREQ("EAGAIN\n", guest_end(&self->out, &run, "guest"));
}

/* ---- options ---- */

TEST_F(cell, datagram_behind_options_of_ipv6)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, "bind " HOST6 " 7000", "ready", "recv"));
	struct bytes other = udp(OTHER6, 53, HOST6, 7000);
	struct bytes whole = behind_options6(&other);

	inject(&self->out, OTHER6, IPPROTO_DSTOPTS, HOST6, &whole);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" : "EAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

TEST_F(cell, datagram_with_options_of_ipv4)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP4, "bind " HOST4 " 7000", "ready", "recv"));
	struct bytes other = udp(OTHER4, 53, HOST4, 7000);
	struct bytes packet = behind_options4(OTHER4, HOST4, &other);

	inject(&self->out, OTHER4, IPPROTO_RAW, HOST4, &packet);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" : "EAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

TEST_HARNESS_MAIN
