// SPDX-License-Identifier: MIT
#include "nft/shrink.h"

#include <errno.h>

#include "lib/cleanup.h"
#include "nft/last.h"
#include "uapi/cellos.h"

static struct tuple_set join(const struct tuple_set *a, const struct tuple_set *b)
{
	struct tuple_set both;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(both.word); i++)
		both.word[i] = a->word[i] | b->word[i];
	return both;
}

static bool fits(const struct tuple_set *have, const struct tuple_set *needed)
{
	struct tuple_set both = join(have, needed);

	return tuple_set_count(&both, 4) <= CELLOS_TUPLES_MAX &&
	       tuple_set_count(&both, 6) <= CELLOS_TUPLES_MAX &&
	       rule_fits(&both, 4) && rule_fits(&both, 6);
}

static int find_unused(struct nft *nft, unsigned int level, const struct tuple_set *needed,
		       struct tuple_set *ret, struct error *err)
{
	const struct tuple_set *have = &nft->rules.level[level].tuples;
	struct set_id set = { .kind = SET_ALLOW, .level = level };
	unsigned int i;
	int r;

	*ret = (struct tuple_set) { 0 };
	for (i = 0; i < TUPLES; i++) {
		if (!tuple_set_has(have, i) || tuple_set_has(needed, i))
			continue;
		set.tuple = tuple_at(i);
		r = set_is_only(nft, &set, NULL, err);
		if (r < 0)
			return r;
		if (r)
			tuple_set_add(ret, i);
	}
	return 0;
}

static int delete_unused(struct nft *nft, unsigned int level, const struct tuple_set *unused,
			 struct error *err)
{
	struct batch batch;
	int r;

	conn_begin(&nft->conn, nft->rules.gen);
	ruleset_put_tuple_removal(nft, level, unused);
	r = conn_commit(&nft->conn, &batch, err);
	if (r < 0)
		nft->rules.valid = false;
	else
		ruleset_next_gen(&nft->rules);
	if (r < 0 && r != -ERESTART)
		err_set(err, CONN_STEP, r, "cannot remove unused sets%s%s",
			*batch.text ? ": " : "", batch.text);
	return r;
}

int ruleset_make_room(struct nft *nft, unsigned int level, const struct tuple_set *needed,
		      struct error *err)
{
	const struct tuple_set *have = &nft->rules.level[level].tuples;
	struct tuple_set unused, left;
	unsigned int i;
	int r;

	if (!level || fits(have, needed))
		return 0;
	r = find_unused(nft, level, needed, &unused, err);
	if (r < 0)
		return r;
	for (i = 0; i < ARRAY_SIZE(left.word); i++)
		left.word[i] = have->word[i] & ~unused.word[i];
	if (fits(&left, needed))
		return delete_unused(nft, level, &unused, err);
	err_set(err, CONN_STEP, E2BIG, "level %u: the live cells and this one need more than %d "
		"pairs of prefix length and port mask, or more than one rule can look up", level,
		CELLOS_TUPLES_MAX);
	err_hint(err, "use fewer different prefix lengths, and single ports rather than ranges");
	return -E2BIG;
}
