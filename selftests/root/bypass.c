// SPDX-License-Identifier: MIT
/* The world outside of the host: a second network namespace behind a veth pair. */
#include "selftests/root/bypass.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FENCE_PORT	9

/* ---- namespaces ---- */

static void enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		give_up("setns");
}

static int current_ns(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		give_up("/proc/self/ns/net");
	return fd;
}

void sysctl_set(const char *name, const char *value)
{
	if (file_write(text("/proc/sys/net/%s", name), value) < 0)
		give_up(name);
}

/*
 * No address of its own making, no search for routers, no check of the way back.
 * Fast open sends and takes data without a cookie; segments are routed where the
 * kernel can.
 */
static void prepare_namespace(void)
{
	sysctl_set("ipv6/conf/default/addr_gen_mode", "1");
	sysctl_set("ipv6/conf/default/accept_ra", "0");
	sysctl_set("ipv4/conf/default/rp_filter", "0");
	sysctl_set("ipv4/conf/all/rp_filter", "0");
	sysctl_set("ipv4/tcp_fastopen", "519");
	file_write("/proc/sys/net/ipv6/conf/default/seg6_enabled", "1");
	file_write("/proc/sys/net/ipv6/conf/all/seg6_enabled", "1");
}

bool ip(const struct outside *out, bool in_world, const char *batch)
{
	int ns = in_world ? out->world : out->host;
	int status, in = memfd_create("batch", MFD_CLOEXEC);
	size_t size = strlen(batch);
	pid_t pid;

	if (in < 0 || pwrite(in, batch, size, 0) != (ssize_t)size)
		give_up("a batch");
	pid = fork();
	if (pid == 0) {
		enter(ns);
		if (dup2(in, STDIN_FILENO) >= 0)
			execlp("ip", "ip", "-batch", "-", NULL);
		_exit(127);
	}
	close(in);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		give_up("ip");
	return status == 0;
}

/* Not only its carrier: what the kernel does when it hears of that it does later. */
static bool is_running(const char *device)
{
	struct ifreq query = { .ifr_flags = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool running;

	memcpy(query.ifr_name, device, strlen(device) + 1);
	running = ioctl(fd, SIOCGIFFLAGS, &query) == 0 && query.ifr_flags & IFF_RUNNING;
	close(fd);
	return running;
}

/* Addresses come when both ends run: until then routes of IPv6 come and go. */
static bool connect_namespaces(const struct outside *out)
{
	/* One MAC address for both ends: each takes what the other sends, unasked. */
	const char *mac = "02:00:00:00:00:01";

	return ip(out, true, text("link add out0 address %s type veth peer name in0 address %s "
				   "netns %d\n", mac, mac, getpid())) &&
	       ip(out, false, "link set in0 arp off up\n") &&
	       ip(out, true, "link set lo up\nlink set out0 arp off up\n") &&
	       WAIT_FOR(is_running("in0")) &&
	       ip(out, false, "addr add " HOST4 "/24 brd + dev in0\n"
			     "addr add 169.254.1.1/16 dev in0\n"
			     "addr add " HOST6 "/64 dev in0 nodad\n"
			     "addr add fe80::1/64 dev in0 nodad\n"
			     "route add default via " PEER4 "\n"
			     "route add default via " PEER6 "\n") &&
	       ip(out, true, "addr add " PEER4 "/24 brd + dev out0\n"
			      "addr add " OTHER4 "/24 brd + dev out0\n"
			      "addr add " LOCAL4 "/16 dev out0\n"
			      "addr add " METADATA4 "/16 dev out0\n"
			      "addr add " PEER6 "/64 dev out0 nodad\n"
			      "addr add " OTHER6 "/64 dev out0 nodad\n"
			      "addr add fe80::2/64 dev out0 nodad\n");
}

static int tap_open(const char *device)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device),
	};
	int room = 16 << 20;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		give_up("a tap");
	return fd;
}

/* The queue of received packets is one for each CPU: on one CPU it is a fence. */
static void stay_on_one_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		give_up("sched_setaffinity");
}

const char *outside_setup(struct outside *out, const struct test_env *env)
{
	stay_on_one_cpu();
	*out = (struct outside){ .env = env, .host = current_ns() };
	prepare_namespace();
	if (unshare(CLONE_NEWNET) < 0)
		give_up("a second network namespace");
	out->world = current_ns();
	prepare_namespace();
	enter(out->host);
	if (!connect_namespaces(out))
		return "veth devices, or ip(8)";
	out->taps[0] = tap_open("in0");
	out->taps[1] = tap_open("lo");
	return NULL;
}

/* ---- sockets ---- */

struct address address_of(const char *host, int port)
{
	struct address a;

	if (address_parse(host, port, &a))
		return a;
	errno = EINVAL;
	give_up(host);
}

int outside_socket(const struct outside *out, int domain, int type, int protocol)
{
	int fd;

	enter(out->world);
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	enter(out->host);
	if (fd < 0)
		give_up("a socket in the world");
	return fd;
}

/* There "%dev" is a device of the world's. */
static struct address world_address(const struct outside *out, const char *host, int port)
{
	struct address at;

	enter(out->world);
	at = address_of(host, port);
	enter(out->host);
	return at;
}

static int start_server(int fd, const struct address *at)
{
	int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, &at->any, at->size) < 0 || (listen(fd, 8) < 0 && errno != EOPNOTSUPP))
		give_up("a server");
	return fd;
}

int serve_world(const struct outside *out, int type, int protocol, const char *host, int port)
{
	struct address at = world_address(out, host, port);

	return start_server(outside_socket(out, at.any.sa_family, type | SOCK_NONBLOCK, protocol),
			    &at);
}

int serve_host(int type, const char *host, int port)
{
	struct address at = address_of(host, port);

	return start_server(socket(at.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), &at);
}

int knock(int fd, const char *host, int port)
{
	const struct timeval patience = { .tv_sec = 3 };
	struct address to = address_of(host, port);

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		give_up("SO_SNDTIMEO");
	if (connect(fd, &to.any, to.size) < 0 || send(fd, "hello", 5, MSG_NOSIGNAL) != 5)
		return errno;
	return 0;
}

void tell(const struct outside *out, const char *from, int from_port, const char *to, int to_port,
	  const char *what)
{
	struct address at = world_address(out, to, to_port);
	ssize_t size = (ssize_t)strlen(what);
	int one = 1;
	int fd = serve_world(out, SOCK_DGRAM, 0, from, from_port);

	if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) < 0 ||
	    (sendto(fd, what, (size_t)size, 0, &at.any, at.size) != size && errno != ECONNREFUSED))
		give_up(text("a datagram to %s", to));
	close(fd);
}

/* ---- the cell that is to be reached ---- */

void guest_start(const struct outside *out, struct run *run, const char *id)
{
	run_start(out->env, run);
	if (!cell_wait(out->env, run, id, "ready\n"))
		give_up(text("cell %s: %s%s", id, run_out(run), run_err(run)));
}

struct run guest(const struct outside *out, bool off, const char *rules, const char *const *steps)
{
	struct run run = attempt_run(out, "guest", off ? "" : rules, steps);

	if (off)
		run.args[0] = "--egress=off";
	guest_start(out, &run, "guest");
	return run;
}

const char *guest_end(const struct outside *out, struct run *run, const char *id)
{
	pid_t pid = cell_pid(out->env, id);

	if (pid <= 0 || kill(pid, SIGUSR1) < 0)
		give_up(text("cell %s", id));
	run_finish(run);
	return strstr(run->out.bytes, "ready\n") + strlen("ready\n");
}

json_int_t guest_refused(const struct outside *out)
{
	struct run run = { .verb = "egress", .args = { "guest", "--json" } };

	if (run_whole(out->env, &run) != 0)
		give_up(run.err.bytes);
	return json_int_at(json_loads(run.out.bytes, 0, NULL), "/refused/packets");
}

void fence(const struct outside *out)
{
	int from = outside_socket(out, AF_INET, SOCK_DGRAM, 0);
	int to = serve_host(SOCK_DGRAM, HOST4, FENCE_PORT);
	struct address at = address_of(HOST4, FENCE_PORT);
	struct pollfd p = { .fd = to, .events = POLLIN };

	if (sendto(from, "fence", 5, 0, &at.any, at.size) != 5 ||
	    poll(&p, 1, WAIT_SECONDS * 1000) != 1)
		give_up("the fence");
	close(from);
	close(to);
}

void silence(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(127);
}
