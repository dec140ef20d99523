// SPDX-License-Identifier: MIT
#include "helper/envlist.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"

/* Orders keys; compares up to and with the '=', which no key contains. */
static int compare_keys(const char *a, const char *b)
{
	for (; *a == *b && *a != '='; a++, b++)
		;
	return (unsigned char)*a - (unsigned char)*b;
}

/* By key; equal keys by their place in the list. */
static int compare_entries(const void *a, const void *b)
{
	const char *const *x = *(const char *const *const *)a;
	const char *const *y = *(const char *const *const *)b;
	int order = compare_keys(*x, *y);

	if (order)
		return order;
	return x < y ? -1 : x > y;
}

int envlist_repeated(const char *const *env, size_t n, size_t *ret)
{
	const char *const **sorted __free(mem) = NULL;
	size_t i;

	if (n < 2)
		return 0;
	sorted = calloc(n, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		sorted[i] = env + i;
	qsort(sorted, n, sizeof(*sorted), compare_entries);
	for (i = 1; i < n; i++) {
		if (!compare_keys(*sorted[i - 1], *sorted[i])) {
			*ret = sorted[i] - env;
			return 1;
		}
	}
	return 0;
}

void envlist_free(char **list)
{
	char **entry;

	for (entry = list; entry && *entry; entry++)
		free(*entry);
	free(list);
}
