// SPDX-License-Identifier: MIT
#include "selftests/bench/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/command.h"
#include "selftests/bench/stand.h"
#include "selftests/bench/subject.h"

/*
 * OCI bundles. The lean one asks for no more than what bwrap --unshare-all does:
 * namespaces and /proc. The usual one has the mounts, masks and capabilities
 * that `crun spec` and `runc spec` write; their rule for devices is left out,
 * as its BPF program takes CAP_SYS_RESOURCE.
 */
#define MOUNT(to, type, options) \
	", {\"destination\": \"" to "\", \"type\": \"" type "\", \"source\": \"" type "\", " \
	"\"options\": [" options "]}"
#define CAPS	"[\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]"

static const char lean_mounts[] = "";
static const char usual_mounts[] =
	MOUNT("/dev", "tmpfs", "\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"")
	MOUNT("/dev/pts", "devpts", "\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\"")
	MOUNT("/dev/shm", "tmpfs", "\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\"")
	MOUNT("/dev/mqueue", "mqueue", "\"nosuid\", \"noexec\", \"nodev\"")
	MOUNT("/sys", "sysfs", "\"nosuid\", \"noexec\", \"nodev\", \"ro\"");
static const char lean_process[] = "";
static const char usual_process[] =
	", \"capabilities\": {\"bounding\": " CAPS ", \"effective\": " CAPS ", \"permitted\": "
	CAPS "}, \"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024}]";
static const char lean_linux[] = "";
static const char usual_linux[] =
	", \"maskedPaths\": [\"/proc/kcore\", \"/proc/keys\", \"/proc/timer_list\", "
	"\"/sys/firmware\"], \"readonlyPaths\": [\"/proc/bus\", \"/proc/fs\", \"/proc/irq\", "
	"\"/proc/sys\", \"/proc/sysrq-trigger\"]";

static void make_bundle(const char *name, const char *process, const char *mounts,
			const char *more)
{
	char *dir = text("%s/%s", place.scratch, name);
	char *config = text("{\"ociVersion\": \"1.0.0\", \"process\": {\"terminal\": false, "
		"\"user\": {\"uid\": 0, \"gid\": 0}, \"args\": [\"/true\"], "
		"\"env\": [\"PATH=/\"], \"cwd\": \"/\", \"noNewPrivileges\": true%s}, "
		"\"root\": {\"path\": \"%s/rootfs\", \"readonly\": true}, \"mounts\": ["
		"{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"}%s], "
		"\"linux\": {\"cgroupsPath\": \"%s/%s\", "
		"\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"network\"}, "
		"{\"type\": \"ipc\"}, {\"type\": \"uts\"}, {\"type\": \"mount\"}]%s}}\n",
		process, place.scratch, mounts, place.base + strlen(place.mount), name, more);

	if (mkdir(dir, 0755) < 0)
		die("cannot make %s", dir);
	free(place_file(text("%s/config.json", name), config));
	free(config);
	free(dir);
}

static void copy_true(void)
{
	static const char *const dirs[] = { "", "/proc", "/dev", "/sys" };
	char *to = text("%s/rootfs/true", place.scratch);
	int in __free(fd) = open(place.true_path, O_RDONLY | O_CLOEXEC);
	int out __free(fd) = -EBADF;
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(text("%s/rootfs%s", place.scratch, dirs[i]), 0755) < 0)
			die("cannot make a root file system");
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (in < 0 || out < 0 || fstat(in, &st) < 0 ||
	    sendfile(out, in, NULL, (size_t)st.st_size) != st.st_size)
		die("cannot copy %s", place.true_path);
	free(to);
}

void peers_prepare(void)
{
	const struct stand_wish plain = { .program = place.true_path };

	copy_true();
	make_bundle("lean", lean_process, lean_mounts, lean_linux);
	make_bundle("usual", usual_process, usual_mounts, usual_linux);
	free(place_file("document.json", rules_document(&plain)));
}

/* A word of a command line, with what its {name} stands for. */
static char *expand(const char *word, const char *parent)
{
	const struct { const char *name; const char *value; } names[] = {
		{ "{true}", place.true_path }, { "{helper}", place.helper_path },
		{ "{parent}", parent }, { "{scratch}", place.scratch },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *at = strstr(word, names[i].name);

		if (at)
			return text("%.*s%s%s", (int)(at - word), word, names[i].value,
				    at + strlen(names[i].name));
	}
	return text("%s", word);
}

static void only_cgroup2(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL) < 0)
		die("cannot mount cgroup2 for the peers");
}

static void *peer_open(const void *arg)
{
	const struct peer *peer = arg;
	const char **argv = calloc(PEER_ARGS + 1, sizeof(*argv));
	static struct stand stand;
	uint64_t ns;
	int status;

	if (!argv)
		die("no memory");
	if (*peer->argv[0] != '{' && !command_exists(peer->argv[0]))
		lane_skip("%s is not installed", peer->argv[0]);
	stand_open(&stand, place.true_path);
	stand_crowd(&stand, peer->crowd, true);
	if (peer->cgroup2)
		only_cgroup2();
	for (size_t i = 0; i < PEER_ARGS && peer->argv[i]; i++)
		argv[i] = expand(peer->argv[i], stand.path);
	hold_fds(peer->fds, false);
	status = command_run(argv, &ns);
	errno = 0;
	if (status && *peer->argv[0] == '{')
		die("%s ends with status %d", argv[0], status);
	if (status)
		lane_skip("%s %s fails here, status %d", argv[0], argv[1], status);
	return argv;
}

static void peer_sample(void *state, uint64_t *ret_ns)
{
	const char *const *argv = state;
	int status = command_run(argv, ret_ns);

	errno = 0;
	if (status)
		die("%s ends with status %d", argv[0], status);
}

const struct lane_ops peer_ops = { .open = peer_open, .sample = peer_sample };
