// SPDX-License-Identifier: MIT
#include "helper/unshare.h"

#include <linux/sched.h>
#include <string.h>

#include "helper/plan.h"
#include "lib/cleanup.h"

static const char *const words[] = {
	"pid", "ipc", "mnt", "net", "user", "uts", "cgroup", "time", NULL
};

const struct word_list unshare_words = {
	words, "pid, ipc, mnt, net, user, uts, cgroup, time"
};

static const uint64_t clone_flags[] = {
	CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWUSER, CLONE_NEWUTS,
	CLONE_NEWCGROUP, CLONE_NEWTIME,
};

_Static_assert(UNSHARE_TIME == 1U << (ARRAY_SIZE(clone_flags) - 1), "one of each bit");

uint32_t unshare_bit(const char *word)
{
	int i = word_index(&unshare_words, word);

	return i < 0 ? 0 : 1U << i;
}

bool unshare_parse(const char *text, uint32_t *ret, const char **ret_unknown)
{
	uint32_t bits = 0;

	*ret = 0;
	if (!strcmp(text, "none"))
		return true;
	for (const char *word = text; ; word++) {
		char name[16] = "";
		size_t length = strcspn(word, ",");
		uint32_t bit;

		if (length < sizeof(name))
			memcpy(name, word, length);
		bit = unshare_bit(name);
		if (!bit) {
			*ret_unknown = word;
			return false;
		}
		bits |= bit;
		word += length;
		if (!*word)
			break;
	}
	*ret = bits;
	return true;
}

uint64_t unshare_clone_flags(uint32_t unshare)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(clone_flags); i++)
		flags |= unshare & 1U << i ? clone_flags[i] : 0;
	return flags;
}
