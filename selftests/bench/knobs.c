// SPDX-License-Identifier: MIT
#include "selftests/bench/knobs.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "helper/seccomp_check.h"
#include "lib/cleanup.h"
#include "selftests/bench/bench.h"

#define N_FOLDERS	8

#define TITLE(what)	"What each knob adds to a plain cell: " what
#define ISOLATION(text)	"\"isolation\": {" text "}"
#define PROCESS(text)	"\"process\": {" text "}"
#define LIMITS(text)	"\"limits\": {" text "}"
#define WORKDIR(text)	"\"workingDirectory\": \"" text "\""

#define FOLDER(n)	"\"{scratch}/folder-" #n "\""
#define FOLDERS		FOLDER(0) ", " FOLDER(1) ", " FOLDER(2) ", " FOLDER(3) ", " \
			FOLDER(4) ", " FOLDER(5) ", " FOLDER(6) ", " FOLDER(7)
#define RLIMITS		"\"as\": \"unlimited\", \"core\": 1, \"cpu\": 60, " \
			"\"data\": \"unlimited\", \"fsize\": \"unlimited\", " \
			"\"locks\": \"unlimited\", \"memlock\": 65536, \"msgqueue\": 65536, " \
			"\"nice\": 0, \"nofile\": 256, \"nproc\": 64, \"rss\": \"unlimited\", " \
			"\"rtprio\": 0, \"rttime\": \"unlimited\", \"sigpending\": 64, " \
			"\"stack\": 8388608"
#define PREFIX		"CELLOS_RUN_ARGV0_ALLOW_PREFIXES="
#define MANY_VARIABLES	"\"environment\": [" \
	VARIABLE(0) ", " VARIABLE(1) ", " VARIABLE(2) ", " VARIABLE(3) ", " \
	VARIABLE(4) ", " VARIABLE(5) ", " VARIABLE(6) ", " VARIABLE(7) "]"
#define VARIABLE(n)	"{\"name\": \"NAME_" #n "\", \"value\": \"a value of some length\"}"
#define NAMESPACES	"pid,ipc,mnt,net,user,uts,cgroup,time"

const struct knob knobs[] = {
	{ TITLE("namespaces"), "--unshare ipc", { .unshare = "ipc" } },
	{ NULL, "--unshare mnt", { .unshare = "mnt" } },
	{ NULL, "--unshare net", { .unshare = "net" } },
	{ NULL, "--unshare user", { .unshare = "user" } },
	{ NULL, "--unshare uts", { .unshare = "uts" } },
	{ NULL, "--unshare cgroup", { .unshare = "cgroup" } },
	{ NULL, "--unshare time", { .unshare = "time" } },
	{ NULL, "--unshare pid,mnt", { .unshare = "pid,mnt" } },
	{ NULL, "--unshare ipc,mnt", { .unshare = "ipc,mnt" } },
	{ NULL, "--unshare " NAMESPACES, { .unshare = NAMESPACES } },

	{ TITLE("files"), "workingDirectory",
	  { .run = WORKDIR("{scratch}/folder-0") } },
	{ NULL, "workspace in a folder that is there (with mnt)",
	  { .unshare = "mnt", .run = WORKDIR("{scratch}/folder-0") } },
	{ NULL, "workspace, its folder made for it (with mnt)",
	  { .unshare = "mnt", .run = WORKDIR("{scratch}/workspace") } },
	{ NULL, "hiddenPaths: 1 (with mnt)",
	  { .unshare = "mnt", .run = ISOLATION("\"hiddenPaths\": [" FOLDER(0) "]") } },
	{ NULL, "hiddenPaths: 8 (with mnt)",
	  { .unshare = "mnt", .run = ISOLATION("\"hiddenPaths\": [" FOLDERS "]") } },
	{ NULL, "readOnlyPaths: 1",
	  { .run = ISOLATION("\"readOnlyPaths\": [" FOLDER(0) "]") } },
	{ NULL, "readOnlyPaths: 8",
	  { .run = ISOLATION("\"readOnlyPaths\": [" FOLDERS "]") } },
	{ NULL, "readWritePaths: 1",
	  { .run = ISOLATION("\"readWritePaths\": [" FOLDER(0) "]") } },
	{ NULL, "readOnlyPaths: 1, systemLibraries",
	  { .run = ISOLATION("\"readOnlyPaths\": [" FOLDER(0) "], \"systemLibraries\": true") } },
	{ NULL, PREFIX "1 path", { .variable = PREFIX "/" } },
	{ NULL, PREFIX "8 paths",
	  { .variable = PREFIX "/bin,/sbin,/usr/bin,/usr/sbin,/usr/local/bin,/opt,/srv,/" } },

	{ TITLE("users, system calls, rules"), "--user 60001:60001",
	  { .user = "60001:60001" } },
	{ NULL, "seccomp: none", { .run = ISOLATION("\"seccomp\": \"none\"") } },
	{ NULL, "seccomp: a file of 1 instruction",
	  { .run = ISOLATION("\"seccomp\": \"{scratch}/filter-1\"") } },
	{ NULL, "seccomp: a file of 4,096 instructions",
	  { .run = ISOLATION("\"seccomp\": \"{scratch}/filter-4096\"") } },
	{ NULL, "--egress off, no rules", { .no_egress = true } },

	{ TITLE("the process"), "rlimits: nofile",
	  { .run = PROCESS("\"rlimits\": {\"nofile\": 256}") } },
	{ NULL, "rlimits: all sixteen", { .run = PROCESS("\"rlimits\": {" RLIMITS "}") } },
	{ NULL, "umask", { .run = PROCESS("\"umask\": \"0077\"") } },
	{ NULL, "nice", { .run = PROCESS("\"nice\": 5") } },
	{ NULL, "oomScoreAdj", { .run = PROCESS("\"oomScoreAdj\": 500") } },
	{ NULL, "cpuAffinity", { .run = PROCESS("\"cpuAffinity\": [0]") } },
	{ NULL, "environment: 8 variables", { .run = MANY_VARIABLES } },
	{ NULL, "--stdio pipe", { .stdio = "pipe" } },

	{ TITLE("limits"), "memoryMaxBytes",
	  { .run = LIMITS("\"memoryMaxBytes\": 67108864") } },
	{ NULL, "memoryHighBytes", { .run = LIMITS("\"memoryHighBytes\": 67108864") } },
	{ NULL, "memoryMaxBytes, memoryOomGroup",
	  { .run = LIMITS("\"memoryMaxBytes\": 67108864, \"memoryOomGroup\": true") } },
	{ NULL, "pidsMax", { .run = LIMITS("\"pidsMax\": 64") } },
	{ NULL, "cpuMax", { .run = LIMITS("\"cpuMax\": {\"quotaMicros\": 100000}") } },
	{ NULL, "cpuWeight", { .run = LIMITS("\"cpuWeight\": 50") } },
	{ NULL, "ioMax, for one disk",
	  { .run = LIMITS("\"ioMax\": [{\"device\": \"{disk}\", "
			  "\"readBytesPerSecond\": 1048576}]") } },
	{ NULL, "hugetlb",
	  { .run = LIMITS("\"hugetlb\": [{\"pageSizeBytes\": 2097152, \"maxBytes\": 0}]") } },
};

const size_t n_knobs = ARRAY_SIZE(knobs);

/* Looks at the number of the system call, again and again, and allows all. */
static void make_filter(const char *name, unsigned int length)
{
	const struct sock_filter load = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	const struct sock_filter look = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffff0000U, 0, 0);
	const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	char *path __free(mem) = text("%s/%s", place.scratch, name);
	FILE *file = fopen(path, "we");

	for (unsigned int i = 1; file && i < length; i++)
		fwrite(i == 1 ? &load : &look, sizeof(load), 1, file);
	if (!file || fwrite(&allow, sizeof(allow), 1, file) != 1 || fclose(file) < 0)
		die("cannot write %s", path);
}

void knobs_prepare(void)
{
	/* Cells search it: they have uids of their own. */
	if (chmod(place.scratch, 0755) < 0)
		die("cannot open %s to cells", place.scratch);
	for (unsigned int i = 0; i < N_FOLDERS; i++) {
		char *path __free(mem) = text("%s/folder-%u", place.scratch, i);

		if (mkdir(path, 0755) < 0 || chmod(path, 0755) < 0)
			die("cannot make %s", path);
	}
	make_filter("filter-1", 1);
	make_filter("filter-4096", FILTER_OPS_MAX);
}

/* "MAJ:MIN" of some disk; of none, if there is none: then the limit is refused. */
static char *find_disk(void)
{
	DIR *dir = opendir("/sys/block");
	const struct dirent *entry;
	char *ret = NULL;

	while (dir && !ret && (entry = readdir(dir))) {
		char *path __free(mem) = text("/sys/block/%s/dev", entry->d_name);
		FILE *file __free(file) = entry->d_name[0] == '.' ? NULL : fopen(path, "re");

		if (file && fscanf(file, "%m[0-9:]", &ret) != 1)
			ret = NULL;
	}
	if (dir)
		closedir(dir);
	return ret ? ret : text("0:0");
}

/* All of a text, with what a {name} stands for. */
static char *replace(const char *whole, const char *name, const char *value)
{
	char *ret = text("%s", whole), *at;

	while ((at = strstr(ret, name))) {
		char *next = text("%.*s%s%s", (int)(at - ret), ret, value, at + strlen(name));

		free(ret);
		ret = next;
	}
	return ret;
}

struct stand_wish knob_wish(const struct knob *knob)
{
	struct stand_wish wish = knob->wish;
	char *disk __free(mem) = find_disk();
	char *first __free(mem) = NULL;

	if (!wish.run)
		return wish;
	first = replace(wish.run, "{scratch}", place.scratch);
	wish.run = replace(first, "{disk}", disk);
	return wish;
}
