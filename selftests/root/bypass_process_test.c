// SPDX-License-Identifier: MIT
/* Ways around the rules by another process or cgroup, or by another's socket. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/landlock.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/root/bypass_fixture.h"

/* ---- processes and cgroups ---- */

TEST_F(cell, grandchild_with_a_session_of_its_own)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "tcp"),
		       .steps = STEPS("detach", UDP4, "sendto " OTHER4 " 80",
				      TCP4, "connect " OTHER4 " 80"),
		       .says = "ok\nok\nEPERM\nok\nECONNREFUSED\n", .denied = 2,
		       .control = CONTROL_OFF);
}

/* That root can is what the next test shows. */
TEST_F(cell, workload_cannot_make_a_cgroup_of_its_own)
{
	char *script = text("d=%s$(sed -n s/^0:://p /proc/self/cgroup)/below; "
			    "mkdir $d && echo made; (echo $$ >$d/cgroup.procs) && echo moved; "
			    "exec %s/workload_net udp " OTHER4 " 80 1", self->env.mount,
			    self->env.workloads);
	struct run run = { .document = document_argv("maker", "sh", "-c", script, NULL) };

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("EPERM\n", run.out.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "below': Permission denied"))
		TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", departed(&self->out));
}

/* Wait until @run has said "ready" @n times; then tell it to go on. */
static void step_on(struct run *run, pid_t pid, int n)
{
	const char *all = n == 1 ? "*ready\n" : "*ready\n*ready\n";

	if (!WAIT_FOR(!fnmatch(all, run_out(run), 0)) || kill(pid, SIGUSR1) < 0)
		give_up(run_out(run));
}

/* Root makes a cgroup below the cell's and moves its process there, and back again. */
TEST_F(cell, sockets_made_before_and_after_a_move_to_a_cgroup_below)
{
	struct run run = attempt_run(&self->out, "moved", RULE(PEER4, 80, "udp"),
				     STEPS(UDP4, "ready", "sendto " OTHER4 " 80",
					   "sendto " PEER4 " 80",
					   UDP4, "sendto " OTHER4 " 80", "sendto " PEER4 " 80",
					   TCP4, "connect " OTHER4 " 80", "ready",
					   "connect " OTHER4 " 80"));
	char *leaf, *below, *pid_text;
	pid_t pid;

	guest_start(&self->out, &run, "moved");
	leaf = cell_leaf(&self->env, "moved");
	below = text("%s/below", leaf);
	pid = cell_pid(&self->env, "moved");
	pid_text = text("%d", pid);
	ASSERT_EQ(0, mkdir(below, 0755));
	ASSERT_EQ(0, file_write(text("%s/cgroup.procs", below), pid_text));
	step_on(&run, pid, 1);
	ASSERT_TRUE(WAIT_FOR(!fnmatch("*ready\n*ready\n", run_out(&run), 0)));
	ASSERT_EQ(0, file_write(text("%s/cgroup.procs", leaf), pid_text));
	ASSERT_EQ(0, rmdir(below));
	step_on(&run, pid, 2);
	run_finish(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("ok\nready\nEPERM\nok\nok\nEPERM\nok\nok\nECONNREFUSED\nready\n"
		     "ECONNREFUSED\n", run.out.bytes);
	EXPECT_EQ(4, json_int_at(run.report, "/egress/denied/packets"));
	EXPECT_STREQ("udp " PEER4 " 80 hello\nudp " PEER4 " 80 hello\n", departed(&self->out));
}

/* ---- sockets of others ---- */

#define INHERITED	100

/* A socket of the test's, connected to the other host. */
static int connected(void)
{
	struct address to = address_of(OTHER4, 53);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, &to.any, to.size) < 0)
		give_up("a connected socket");
	return fd;
}

static void leave_open(void *arg)
{
	dup2(*(const int *)arg, INHERITED);
}

static void make_stdin(void *arg)
{
	dup2(*(const int *)arg, STDIN_FILENO);
}

TEST_F(cell, socket_that_the_helper_was_started_with)
{
	int fd = connected();
	struct run run = attempt_run(&self->out, "heir", "",
				     STEPS(text("use %d", INHERITED), "send", "use 0", "send"));

	run.before_exec = leave_open;
	run.arg = &fd;
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("ok\nEBADF\nok\nENOTSOCK\n", run.out.bytes);
	EXPECT_STREQ("", departed(&self->out));
	/* It would have worked. */
	EXPECT_EQ(5, send(fd, "hello", 5, 0));
	EXPECT_STREQ("udp " OTHER4 " 53 hello\n", departed(&self->out));
}

TEST_F(cell, socket_as_the_callers_stdin_is_refused)
{
	char *path = text("%s/sock", self->env.dir);
	int fd = connected();
	struct run run = attempt_run(&self->out, "given", "", STEPS("use 0", "send"));
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ASSERT_EQ((ssize_t)strlen(run.document), write(file, run.document, strlen(run.document)));
	run.document_path = path;
	run.args[0] = "--stdio=inherit";
	run.before_exec = make_stdin;
	run.arg = &fd;
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("stdio", json_text_at(run.report, "/error/step"));
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"), "is a socket"));
	EXPECT_STREQ("", departed(&self->out));
	/* It would have worked. */
	EXPECT_EQ(5, send(fd, "hello", 5, 0));
	EXPECT_STREQ("udp " OTHER4 " 53 hello\n", departed(&self->out));
}

/* ---- Unix sockets of the host ---- */

/* The next connection; -1: the run has ended without one. */
static int next_client(int server, const struct run *run)
{
	struct pollfd p[] = { { .fd = server, .events = POLLIN },
			      { .fd = run->pidfd, .events = POLLIN } };

	if (poll(p, 2, WAIT_SECONDS * 1000) < 1)
		give_up("a client");
	return p[0].revents ? accept4(server, NULL, NULL, SOCK_CLOEXEC) : -1;
}

/* A daemon that passes on what it is given, for one client. */
static void relay(int server, const struct run *run)
{
	int client = next_client(server, run), to = connected();
	char buf[64];
	ssize_t n;

	while (client >= 0 && (n = read(client, buf, sizeof(buf))) > 0)
		if (send(to, buf, (size_t)n, 0) != n)
			give_up("a relay");
	close(client);
	close(to);
}

/* Not closed: a daemon of the host's whose socket the cell's user may write to. */
TEST_F(cell, daemon_with_a_socket_for_everybody_relays)
{
	char *path = text("%s/sock", self->env.dir);
	int server = unix_listen(path);
	struct run run = attempt_run(&self->out, "client", "",
				     STEPS(text("unix %s", path), "send"));

	run_start(&self->env, &run);
	relay(server, &run);
	run_finish(&run);
	EXPECT_STREQ("ok\nok\n", run.out.bytes) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("udp " OTHER4 " 53 hello\n", departed(&self->out));
	EXPECT_EQ(0, json_int_at(run.report, "/egress/denied/packets"));
}

/* What closes it: the rights of the socket's file, or of its folder. */
TEST_F(cell, daemon_with_a_socket_for_its_group_does_not)
{
	char *path = text("%s/sock", self->env.dir);
	int server = unix_listen(path);
	struct run run = attempt_run(&self->out, "client", "",
				     STEPS(text("unix %s", path), "send"));

	ASSERT_EQ(0, chmod(path, 0770));
	run_start(&self->env, &run);
	relay(server, &run);
	run_finish(&run);
	EXPECT_STREQ("EACCES\nEBADF\n", run.out.bytes) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", departed(&self->out));
}

static pid_t start_client(const struct test_env *env, const char *name)
{
	char *program = text("%s/workload_bypass", env->workloads);
	pid_t pid = fork();

	if (pid == 0) {
		silence();
		execl(program, program, text("unix %s", name), "send", NULL);
		_exit(127);
	}
	return pid;
}

TEST_F(cell, daemon_with_an_abstract_socket_does_not)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	char *name = text("@cellos-bypass-%d", getpid());
	int server = unix_listen(name);
	struct run run = attempt_run(&self->out, "client", "",
				     STEPS(text("unix %s", name), "send"));

	if (abi < 6)
		SKIP(return, "Landlock here does not scope Unix sockets (ABI %ld, needs 6)", abi);
	run_start(&self->env, &run);
	relay(server, &run);
	run_finish(&run);
	EXPECT_STREQ("EPERM\nEBADF\n", run.out.bytes) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", departed(&self->out));
	/* The same program gets through if it is in no cell. */
	run = (struct run){ .pid = start_client(&self->env, name) };
	run.pidfd = pidfd_open(run.pid, 0);
	relay(server, &run);
	EXPECT_EQ(run.pid, waitpid(run.pid, NULL, 0));
	EXPECT_STREQ("udp " OTHER4 " 53 hello\n", departed(&self->out));
}

/* ---- sockets that are passed ---- */

/* Not closed: a socket has the rules of the cgroup that it was made in, here none. */
TEST_F(cell, socket_that_an_outsider_passes_is_the_outsiders)
{
	char *path = text("%s/sock", self->env.dir);
	int server = unix_listen(path), fd = connected();
	struct run run = attempt_run(&self->out, "taker", "",
				     STEPS(text("take %s", path), "send",
					   UDP4, "sendto " OTHER4 " 53"));

	run_start(&self->env, &run);
	ASSERT_EQ(0, fd_send(next_client(server, &run), fd));
	run_finish(&run);
	EXPECT_STREQ("ok\nok\nok\nEPERM\n", run.out.bytes) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("udp " OTHER4 " 53 hello\n", departed(&self->out));
	EXPECT_EQ(1, json_int_at(run.report, "/egress/denied/packets"));
}

/* To bind a Unix socket is to make a file, which a uid of the cell's own may not. */
static void let_write(struct run *run)
{
	run->args[0] = "--user";
	run->args[1] = "12345:12345";
}

/* For the same reason a socket from another cell has that cell's rules, not the taker's. */
TEST_F(cell, socket_from_another_cell_keeps_that_cells_rules)
{
	char *path = text("%s/sock", self->env.dir);
	struct run taker = attempt_run(&self->out, "taker", RULE(OTHER4, 53, "udp"),
				       STEPS(text("await %s", path),
					     "sendto " OTHER4 " 53", "sendto " PEER4 " 53"));
	struct run giver = attempt_run(&self->out, "giver", RULE(PEER4, 53, "udp"),
				       STEPS(UDP4, text("give %s", path), "ready"));

	let_write(&taker);
	guest_start(&self->out, &taker, "taker");
	guest_start(&self->out, &giver, "giver");
	run_finish(&taker);
	EXPECT_STREQ("ready\nok\nEPERM\nok\n", taker.out.bytes) TH_LOG("%s", taker.err.bytes);
	guest_end(&self->out, &giver, "giver");
	EXPECT_STREQ("udp " PEER4 " 53 hello\n", departed(&self->out));
	EXPECT_EQ(0, json_int_at(taker.report, "/egress/denied/packets"));
	EXPECT_EQ(1, json_int_at(giver.report, "/egress/denied/packets"));
	EXPECT_EQ(1, json_int_at(giver.report, "/egress/rules/0/packets"));
}

/*
 * A socket of a cell under @parent is passed to one that lives on. The giver is
 * gone then, and its rules with it: what leaves by the socket afterwards?
 */
static const char *inherit_socket(const struct outside *out, const char *path, const char *parent)
{
	struct run taker = attempt_run(out, "taker", RULE(OTHER4, 53, "udp"),
				       STEPS(text("await %s", path), "ready",
					     "sendto " OTHER4 " 53", "sendto " PEER4 " 53"));
	struct run giver = attempt_run(out, "giver", RULE(PEER4, 53, "udp"),
				       STEPS(UDP4, text("give %s", path)));
	pid_t pid;

	let_write(&taker);
	giver.no_parent = true;
	giver.args[0] = text("--cgroup-parent=%s", parent);
	guest_start(out, &taker, "taker");
	pid = cell_pid(out->env, "taker");
	if (run_whole(out->env, &giver) != 0)
		give_up(giver.err.bytes);
	step_on(&taker, pid, 2);
	run_finish(&taker);
	return text("%s%s", taker.out.bytes, departed(out));
}

TEST_F(cell, socket_from_a_cell_that_has_ended)
{
	char *path = text("%s/sock", self->env.dir);
	EXPECT_STREQ("ready\nok\nready\nEPERM\nEPERM\n",
		     inherit_socket(&self->out, path, self->env.parent));
}

TEST_F(cell, socket_from_a_cell_that_has_ended_under_another_parent)
{
	char *path = text("%s/sock", self->env.dir);
	char *parent = text("%s-other", self->env.parent);

	ASSERT_EQ(0, mkdir(parent, 0755));
	EXPECT_STREQ("ready\nok\nready\nEPERM\nEPERM\n",
		     inherit_socket(&self->out, path, parent));
	EXPECT_EQ(0, rmdir(parent));
}

TEST_HARNESS_MAIN
