// SPDX-License-Identifier: MIT
/* Which mounts show processes of the host besides /proc. */
#include "helper/procfs.h"

#include <string.h>

#include "selftests/harness.h"

#define ROOT	"21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
#define PROC	"22 21 0:20 / /proc rw,nosuid shared:2 - proc proc rw,hidepid=invisible\n"

/* What is found; "": nothing. */
static const char *found(const char *lines)
{
	static char point[64];
	FILE *f = fmemopen((void *)(uintptr_t)lines, strlen(lines), "r");

	if (!f || !procfs_find_other(f, point, sizeof(point)))
		point[0] = '\0';
	fclose(f);
	return point;
}

TEST(another_procfs_is_found_wherever_it_is)
{
	static const struct {
		const char *line, *point;
	} rows[] = {
		{ "30 21 0:20 / /srv/p rw - proc none rw\n", "/srv/p" },
		{ "30 21 0:20 / /srv/p rw - proc proc rw", "/srv/p" },
		{ "30 21 0:20 / /srv/p rw shared:3 master:4 propagate_from:2 - proc proc rw\n",
		  "/srv/p" },
		{ "30 21 0:20 / /srv/a\\040-\\040b ro - proc proc ro\n", "/srv/a\\040-\\040b" },
		{ "30 21 0:20 / /procfs rw - proc proc rw\n", "/procfs" },
		{ "30 21 0:20 / / rw - proc proc rw\n", "/" },
		{ "30 21 0:20 /1234 /srv/one rw - proc proc rw\n", "/srv/one" },
		{ "30 21 0:20 /1234/root /srv/one rw - proc proc rw\n", "/srv/one" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char lines[512];

		snprintf(lines, sizeof(lines), ROOT PROC "%s", rows[i].line);
		EXPECT_STREQ(rows[i].point, found(lines));
		snprintf(lines, sizeof(lines), "%s%s" ROOT PROC, rows[i].line,
			 strchr(rows[i].line, '\n') ? "" : "\n");
		EXPECT_STREQ(rows[i].point, found(lines));
	}
}

TEST(what_shows_no_processes_or_is_covered_is_passed_over)
{
	static const char *const rows[] = {
		ROOT, ROOT PROC, ROOT PROC PROC,
		PROC "30 22 0:20 /sys /proc/sys ro - proc proc rw\n",
		PROC "30 22 0:20 / /proc/1/root/x rw - proc proc rw\n",
		PROC "30 21 0:20 /sys /srv/sys rw - proc proc rw\n",
		PROC "30 21 0:20 /bus /srv/bus rw - proc proc rw\n",
		PROC "30 21 0:30 / /srv/p rw - procfs proc rw\n",
		PROC "30 21 0:30 / /srv/p rw - tmpfs proc rw\n",
		PROC "30 21 0:30 / /srv/proc rw shared:9 - nfs proc:/proc rw\n",
		"\n", " - proc ", "30 21 0:30 / - proc proc rw\n", "30 21 - proc proc rw\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_STREQ("", found(rows[i])) TH_LOG("%s", rows[i]);
	}
}

TEST_HARNESS_MAIN
