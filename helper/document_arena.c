// SPDX-License-Identifier: MIT
#include "helper/document_arena.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <jansson.h>

#include "helper/document_place.h"

/*
 * The costliest JSON is "{},{},...": 77 bytes of tree for one of text, 77 MiB
 * for CELLOS_DOCUMENT_MAX. The rest of the mapping is never touched.
 */
#define ARENA_SIZE	(128UL << 20)
#define ARENA_ALIGN	16UL

static _Thread_local struct arena *current;

static void *arena_malloc(size_t size)
{
	size_t room = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	void *ret;

	if (!current)
		return malloc(size);
	/* Must not be: and NULL is what the parser does not survive. */
	if (room > ARENA_SIZE - current->used)
		abort();
	ret = current->memory + current->used;
	current->used += room;
	return ret;
}

static void arena_free(void *p)
{
	if (!current)
		free(p);
}

int arena_open(struct arena *ret, struct error *err)
{
	void *memory = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return document_nomem(err);
	/* Most documents touch a page or two: clearing 2 MiB would cost more. */
	madvise(memory, ARENA_SIZE, MADV_NOHUGEPAGE);
	*ret = (struct arena) { .memory = memory };
	return 0;
}

void arena_enter(struct arena *arena)
{
	current = arena;
	/* For the whole process; without an arena they are malloc and free. */
	json_set_alloc_funcs(arena_malloc, arena_free);
}

void arena_leave(void)
{
	current = NULL;
}

void arena_close(struct arena *arena)
{
	if (arena->memory)
		munmap(arena->memory, ARENA_SIZE);
	*arena = (struct arena) { };
}
