// SPDX-License-Identifier: MIT
#include "selftests/root/flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- networks ---- */

int net_here(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		give_up("/proc/thread-self/ns/net");
	return fd;
}

void net_enter(int net)
{
	if (setns(net, CLONE_NEWNET) < 0)
		give_up("setns");
}

int net_new(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int home = net_here(), made, fd;

	if (unshare(CLONE_NEWNET) < 0)
		give_up("a network namespace");
	made = net_here();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		give_up("loopback up");
	close(fd);
	net_enter(home);
	close(home);
	return made;
}

ino_t net_inode(int net)
{
	struct stat st;

	if (fstat(net, &st) < 0)
		give_up("fstat of a namespace");
	return st.st_ino;
}

const char *net_path(int net)
{
	return text("/proc/%d/fd/%d", getpid(), net);
}

int net_of(pid_t pid)
{
	int fd = open(text("/proc/%d/ns/net", pid), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		give_up("the network of a process");
	return fd;
}

static const char *nft_in(int net, const char *const *argv)
{
	int home = net_here();
	char *out;

	net_enter(net);
	out = command(argv);
	net_enter(home);
	close(home);
	if (!out)
		give_up("nft(8)");
	return out;
}

const char *net_rules(int net)
{
	static const char *const list[] = { "nft", "list", "ruleset", NULL };

	return nft_in(net, list);
}

const char *net_tables(int net)
{
	static const char *const list[] = { "nft", "-j", "list", "tables", NULL };
	json_t *root = json_loads(nft_in(net, list), 0, NULL), *entry;
	char *all = text("%s", "");
	size_t i;

	json_array_foreach(json_at(root, "nftables"), i, entry)
		if (json_at(entry, "table"))
			all = text("%s%s ", all, json_text_at(entry, "table/name"));
	return all;
}

static bool ip(int net, const char *batch)
{
	char *path = text("/tmp/cellos-selftest-ip-%d", getpid());
	const char *const argv[] = { "ip", "-b", path, NULL };
	int home = net_here(), fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool done;

	if (fd < 0 || write(fd, batch, strlen(batch)) < 0)
		give_up(path);
	close(fd);
	net_enter(net);
	done = command(argv);
	net_enter(home);
	close(home);
	unlink(path);
	return done;
}

#define MAC_HERE	"02:00:00:00:00:01"
#define MAC_THERE	"02:00:00:00:00:02"
#define KNOWS(address, mac, device)	\
	"neigh add " address " lladdr " mac " dev " device " nud permanent\n"

/*
 * Neighbours are written down: to ask for one can take a second. So can it until the
 * kernel sees that a device is up, unless its peer has another number.
 */
bool wire(int here, int there)
{
	if (!ip(here, text("link add wire0 index 10 address " MAC_HERE " type veth "
			   "peer name wire1 index 11 address " MAC_THERE
			   " netns %s\n", net_path(there))))
		return false;
	if (!ip(here, "addr add " WIRE_HERE4 "/24 dev wire0\n"
		"addr add " WIRE_HERE6 "/64 dev wire0 nodad\nlink set wire0 up\n"
		KNOWS(WIRE_PEER4, MAC_THERE, "wire0") KNOWS(WIRE_OTHER4, MAC_THERE, "wire0")
		KNOWS(WIRE_PEER6, MAC_THERE, "wire0") KNOWS(WIRE_OTHER6, MAC_THERE, "wire0")) ||
	    !ip(there, "addr add " WIRE_PEER4 "/24 dev wire1\n"
		"addr add " WIRE_OTHER4 "/24 dev wire1\n"
		"addr add " WIRE_PEER6 "/64 dev wire1 nodad\n"
		"addr add " WIRE_OTHER6 "/64 dev wire1 nodad\nlink set wire1 up\n"
		KNOWS(WIRE_HERE4, MAC_HERE, "wire1") KNOWS(WIRE_HERE6, MAC_HERE, "wire1")))
		give_up("addresses of a wire");
	return true;
}

/* ---- servers ---- */

int serve(int net, int type, const char *host, int port, int room)
{
	bool v6 = strchr(host, ':');
	struct sockaddr_in6 six = {
		.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port),
	};
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((in_port_t)port) };
	int home = net_here(), fd, one = 1;

	net_enter(net);
	fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	net_enter(home);
	close(home);
	if (fd < 0 || inet_pton(v6 ? AF_INET6 : AF_INET, host, v6 ? (void *)&six.sin6_addr :
				(void *)&four.sin_addr) != 1)
		give_up("a server");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (room && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0)
		give_up("SO_RCVBUF");
	if (bind(fd, v6 ? (struct sockaddr *)&six : (struct sockaddr *)&four,
		 v6 ? sizeof(six) : sizeof(four)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 64) < 0))
		give_up(text("a server at %s port %d", host, port));
	return fd;
}

int serve_connection(int server)
{
	struct pollfd p = { .fd = server, .events = POLLIN };

	if (poll(&p, 1, WAIT_SECONDS * 1000) != 1)
		return -1;
	return accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

long long drain(int fd)
{
	static char bytes[65536];
	long long total = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		total += n;
	return total;
}

bool has_hello(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char bytes[16];

	return poll(&p, 1, WAIT_SECONDS * 1000) == 1 &&
	       recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 5 && !memcmp(bytes, "hello", 5);
}

/* ---- cells that obey ---- */

bool talk_start(const struct test_env *env, struct talk *talk, const char *id, const char *rules)
{
	char *path = text("%s/%s.fifo", env->dir, id);
	const char *authority = rules ? text("'authority': {'egressRules': %s}, ", rules) : "";

	if (mkfifo(path, 0644) < 0 && errno != EEXIST)
		give_up(path);
	talk->fifo = open(path, O_RDWR | O_CLOEXEC);
	if (talk->fifo < 0)
		give_up(path);
	talk->id = id;
	talk->answers = 0;
	talk->run.document = document(id, "%s'run': {'argv': ['%s/workload_flow', '%s']}",
				      authority, env->workloads, path);
	run_start(env, &talk->run);
	return cell_wait(env, &talk->run, id, "ready\n") > 0;
}

void talk_send(struct talk *talk, const char *fmt, ...)
{
	char *line;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0)
		give_up("vasprintf");
	line[n] = '\n';		/* over the NUL: one write */
	if (write(talk->fifo, line, (size_t)n + 1) != n + 1)
		give_up("a FIFO");
	free(line);
}

/* Line @n of a text, from 0; NULL: it has not come whole. */
static char *line_at(const char *all, unsigned int n)
{
	const char *end;

	while (n-- && all) {
		all = strchr(all, '\n');
		all = all ? all + 1 : NULL;
	}
	end = all ? strchr(all, '\n') : NULL;
	return end ? strndup(all, (size_t)(end - all)) : NULL;
}

const char *talk_answer(struct talk *talk)
{
	unsigned int n = ++talk->answers;
	struct pollfd p = { .fd = talk->run.pidfd, .events = POLLIN };
	char *line = NULL;

	WAIT_FOR((line = line_at(run_out(&talk->run), n)) ||
		 (talk->run.pidfd >= 0 && poll(&p, 1, 0) > 0));
	return line ?: line_at(run_out(&talk->run), n) ?: "(none)";
}

const char *say(struct talk *talk, const char *fmt, ...)
{
	char *line;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0)
		give_up("vasprintf");
	talk_send(talk, "%s", line);
	free(line);
	return talk_answer(talk);
}

const char *reach(struct talk *talk, int n)
{
	char *all = text("%s", "");

	for (int i = 0; i < n; i++)
		all = text("%s%s ", all, say(talk, "send %d", i));
	return all;
}

int talk_end(struct talk *talk)
{
	if (talk->fifo >= 0)
		close(talk->fifo);
	talk->fifo = -1;
	run_finish(&talk->run);
	return talk->run.status;
}

void talk_crash(struct talk *talk)
{
	int out = fcntl(talk->run.out.fd, F_DUPFD_CLOEXEC, 3);

	pidfd_send_signal(talk->run.pidfd, SIGKILL, NULL, 0);
	run_finish(&talk->run);
	talk->run.out.fd = out;		/* for what the cell still says */
}

/* ---- the verbs ---- */

json_t *verb(const struct test_env *env, struct run *ret, const char *name, const char *argument)
{
	*ret = (struct run){ .verb = name, .args = { "--json", argument } };
	run_whole(env, ret);
	return json_loads(ret->out.bytes, 0, NULL);
}

char *json_text(const char *rules)
{
	char *array = text("%s", rules);

	for (char *p = array; *p; p++)
		if (*p == '\'')
			*p = '"';
	return array;
}

json_t *egress_set(const struct test_env *env, struct run *ret, const char *id, const char *rules)
{
	*ret = (struct run){
		.verb = "egress", .args = { id, "--set", "-", "--json" },
		.document = json_text(rules),
	};
	run_whole(env, ret);
	return json_loads(ret->out.bytes, 0, NULL);
}

void egress_set_start(const struct test_env *env, struct run *run, const char *id,
		      const char *rules)
{
	*run = (struct run){
		.verb = "egress", .args = { id, "--set", "-" }, .document = json_text(rules),
	};
	run_start(env, run);
}

bool is_verified(const struct test_env *env, const char *id)
{
	struct run run;
	json_t *json = verb(env, &run, "show", id);
	bool verified = json_is_true(json_at(json, "egress/verified"));

	if (run.status || !verified || *run.err.bytes)
		fprintf(stderr, "# show %s: %d, %sverified, %s\n", id, run.status,
			verified ? "" : "not ", run.err.bytes);
	return run.status == 0 && verified && !*run.err.bytes;
}

char *nft(const char *commands)
{
	const char *const argv[] = { "nft", commands, NULL };

	return command(argv);
}
