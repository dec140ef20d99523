// SPDX-License-Identifier: MIT
#include "helper/unshare.h"

#include <linux/sched.h>
#include <string.h>
#include <strings.h>

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

/* What other programs and the kernel call them: unshare(1), bwrap(1), namespaces(7), clone(2). */
static const struct {
	const char *said;
	const char *meant;
} synonyms[] = {
	{ "mount", "mnt" },	{ "mounts", "mnt" },	{ "fs", "mnt" },
	{ "ns", "mnt" },	{ "network", "net" },	{ "host", "uts" },
	{ "hostname", "uts" },	{ "process", "pid" },	{ "processes", "pid" },
	{ "users", "user" },	{ "clock", "time" },	{ "clocks", "time" },
};

static const char *guess_name(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(synonyms); i++)
		if (!strcasecmp(synonyms[i].said, word))
			return synonyms[i].meant;
	return word_guess(&unshare_words, word);
}

static void cut_end(char *word, const char *end)
{
	size_t length = strlen(word), tail = strlen(end);

	if (length > tail && !strcasecmp(word + length - tail, end))
		word[length - tail] = '\0';
}

const char *unshare_guess(const char *text)
{
	static const char begin[] = "clone_new";
	char word[GUESS_MAX + 1] = "";
	size_t length = strcspn(text, ",");
	const char *meant;

	if (length > GUESS_MAX)
		return NULL;
	memcpy(word, text, length);
	if (!strncasecmp(word, begin, strlen(begin)))
		memmove(word, word + strlen(begin), length + 1 - strlen(begin));
	meant = guess_name(word);
	if (meant)
		return meant;
	cut_end(word, "namespace");
	cut_end(word, "ns");
	cut_end(word, "-");
	cut_end(word, "_");
	return guess_name(word);
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
