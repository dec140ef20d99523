// SPDX-License-Identifier: MIT
/*
 * spec.run.limits. What only the host can know, whether a disk or a size of huge
 * pages is there, is left to limits.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "helper/bounds.h"
#include "helper/document_parts.h"
#include "helper/text.h"

#define DOCUMENT(member)	offsetof(struct document, member)
#define DISK(member)		offsetof(struct plan_io_limit, member)
#define HUGETLB(member)		offsetof(struct plan_hugetlb_limit, member)

static int read_oom_group(const struct place *at, json_t *value, void *to, struct error *err)
{
	struct document *doc = to;

	(void)at;
	(void)err;
	doc->limits.memory_oom_group = json_is_true(value);
	return 0;
}

/* ---- ioMax ---- */

static bool is_device_number(const char *text)
{
	size_t length = strcspn(text, ":");
	char major[8] = "";
	uint64_t number;

	if (!text[length] || length >= sizeof(major))
		return false;
	memcpy(major, text, length);
	return text_to_u64(major, DEVICE_MAJOR_MAX, &number) == 0 &&
	       text_to_u64(text + length + 1, DEVICE_MINOR_MAX, &number) == 0;
}

static int read_device(const struct place *at, json_t *value, void *to, struct error *err)
{
	struct plan_io_limit *disk = to;
	const char *text;
	int ret = string_read(at, value, &text, err);

	if (ret)
		return ret;
	if (strlen(text) > CELLOS_DEVICE_MAX)
		return place_refuse(at, err, E2BIG, "has %zu bytes, at most %d are allowed",
				    strlen(text), CELLOS_DEVICE_MAX);
	if ((strncmp(text, "/dev/", 5) || !text[5]) && !is_device_number(text)) {
		ret = place_refuse(at, err, EINVAL, "%s is no block device", text_quote(text).text);
		err_hint(err, "write \"/dev/NAME\", or \"MAJ:MIN\" as lsblk(8) shows it");
		return ret;
	}
	strcpy(disk->device, text);
	return 0;
}

#define IO_BYTES(key, member)	\
	{ .name = (key), .types = IS_INTEGER, .offset = DISK(member), .min = IO_MIN, \
	  .max = INT64_MAX, \
	  .hint = "bytes a second; leave it out for no limit" }
#define IO_OPERATIONS(key, member)	\
	{ .name = (key), .types = IS_INTEGER, .offset = DISK(member), .min = IO_MIN, \
	  .max = IO_OPERATIONS_MAX, .hint = "operations a second; leave it out for no limit" }

static const struct field disk_fields[] = {
	{ .name = "device", .types = IS_STRING, .required = true, .read = read_device },
	IO_BYTES("readBytesPerSecond", read_bytes),
	IO_BYTES("writeBytesPerSecond", write_bytes),
	IO_OPERATIONS("readOperationsPerSecond", read_operations),
	IO_OPERATIONS("writeOperationsPerSecond", write_operations),
	{ }
};

static const struct shape disk_shape = { .fields = disk_fields };

static int read_disk(const struct place *at, json_t *value, struct plan_io_limit *disk,
		     struct error *err)
{
	int ret = value_check_type(at, value, IS_OBJECT, err);

	*disk = (struct plan_io_limit) {
		.read_bytes = LIMIT_UNSET, .write_bytes = LIMIT_UNSET,
		.read_operations = LIMIT_UNSET, .write_operations = LIMIT_UNSET,
	};
	if (!ret)
		ret = object_read(at, value, &disk_shape, disk, err);
	if (ret || json_object_size(value) > 1)
		return ret;
	ret = place_refuse(at, err, EINVAL, "limits nothing");
	err_hint(err, "give at least one of readBytesPerSecond, writeBytesPerSecond, "
		 "readOperationsPerSecond, writeOperationsPerSecond");
	return ret;
}

static int check_new_device(const struct place *at, const struct plan_limits *limits,
			    const char *device, struct error *err)
{
	const struct place here = PLACE_KEY(at, "device");

	for (unsigned int i = 0; i < limits->n_io; i++)
		if (!strcmp(limits->io[i].device, device))
			return place_refuse(&here, err, EINVAL, "%s stands twice",
					    text_quote(device).text);
	return 0;
}

static int read_io_max(const struct place *at, json_t *array, void *to, struct error *err)
{
	struct plan_limits *limits = &((struct document *)to)->limits;
	json_t *value;
	size_t i;

	if (json_array_size(array) > CELLOS_IO_DEVICES_MAX)
		return place_refuse(at, err, E2BIG, "has %zu entries, at most %d are allowed",
				    json_array_size(array), CELLOS_IO_DEVICES_MAX);
	limits->io = calloc(json_array_size(array) + 1, sizeof(*limits->io));
	if (!limits->io)
		return document_nomem(err);
	json_array_foreach(array, i, value) {
		const struct place here = PLACE_INDEX(at, i);
		int ret = read_disk(&here, value, &limits->io[i], err);

		if (!ret)
			ret = check_new_device(&here, limits, limits->io[i].device, err);
		if (ret)
			return ret;
		limits->n_io++;
	}
	return 0;
}

/* ---- hugetlb ---- */

static const struct field hugetlb_fields[] = {
	{ .name = "pageSizeBytes", .types = IS_INTEGER, .required = true,
	  .offset = HUGETLB(page_size), .min = 1, .max = INT64_MAX,
	  .hint = "the size of one huge page, 2097152 for example" },
	{ .name = "maxBytes", .types = IS_INTEGER, .required = true,
	  .offset = HUGETLB(max), .min = 0, .max = INT64_MAX,
	  .hint = "0 allows no huge page of this size" },
	{ }
};

static const struct shape hugetlb_shape = { .fields = hugetlb_fields };

static int read_hugetlb_row(const struct place *at, json_t *value, struct plan_limits *limits,
			    struct error *err)
{
	const struct place size = PLACE_KEY(at, "pageSizeBytes");
	struct plan_hugetlb_limit *row = &limits->hugetlb[limits->n_hugetlb];
	int ret = value_check_type(at, value, IS_OBJECT, err);

	if (!ret)
		ret = object_read(at, value, &hugetlb_shape, row, err);
	for (unsigned int i = 0; !ret && i < limits->n_hugetlb; i++)
		if (limits->hugetlb[i].page_size == row->page_size)
			ret = place_refuse(&size, err, EINVAL, "%" PRIu64 " stands twice",
					   row->page_size);
	if (!ret)
		limits->n_hugetlb++;
	return ret;
}

static int read_hugetlb(const struct place *at, json_t *array, void *to, struct error *err)
{
	struct plan_limits *limits = &((struct document *)to)->limits;
	json_t *value;
	size_t i;

	if (json_array_size(array) > CELLOS_HUGETLB_MAX)
		return place_refuse(at, err, E2BIG, "has %zu entries, at most %d are allowed",
				    json_array_size(array), CELLOS_HUGETLB_MAX);
	json_array_foreach(array, i, value) {
		const struct place here = PLACE_INDEX(at, i);
		int ret = read_hugetlb_row(&here, value, limits, err);

		if (ret)
			return ret;
	}
	return 0;
}

/* ---- the whole ---- */

static const struct field cpu_fields[] = {
	{ .name = "quotaMicros", .types = IS_INTEGER, .required = true,
	  .offset = DOCUMENT(limits.cpu_quota), .min = CPU_QUOTA_MIN, .max = CPU_QUOTA_MAX,
	  .hint = "the kernel takes quotas of 1000 us or more; leave cpuMax out for no limit" },
	{ .name = "periodMicros", .types = IS_INTEGER,
	  .offset = DOCUMENT(limits.cpu_period), .min = CPU_PERIOD_MIN, .max = CPU_PERIOD_MAX,
	  .hint = "the kernel takes periods of 1000 us to 1 s; the default is 100000 us" },
	{ }
};

static const struct shape cpu_shape = { .fields = cpu_fields };

static const struct field limits_fields[] = {
	{ .name = "memoryMaxBytes", .types = IS_INTEGER,
	  .offset = DOCUMENT(limits.memory_max), .min = 1, .max = INT64_MAX,
	  .hint = "leave memoryMaxBytes out for no limit" },
	{ .name = "memorySwapMaxBytes", .types = IS_INTEGER,
	  .offset = DOCUMENT(limits.memory_swap_max), .min = 0, .max = INT64_MAX },
	{ .name = "memoryHighBytes", .types = IS_INTEGER,
	  .offset = DOCUMENT(limits.memory_high), .min = 1, .max = INT64_MAX,
	  .hint = "leave memoryHighBytes out for no limit" },
	{ .name = "memoryOomGroup", .types = IS_BOOLEAN, .read = read_oom_group },
	{ .name = "cpuMax", .types = IS_OBJECT, .shape = &cpu_shape },
	{ .name = "cpuWeight", .types = IS_INTEGER,
	  .offset = DOCUMENT(limits.cpu_weight), .min = CPU_WEIGHT_MIN, .max = CPU_WEIGHT_MAX,
	  .hint = "the share beside the other cells of this parent; the kernel's default is 100" },
	{ .name = "pidsMax", .types = IS_INTEGER,
	  .offset = DOCUMENT(limits.pids_max), .min = 1, .max = PIDS_MAX,
	  .hint = "leave pidsMax out for no limit" },
	{ .name = "ioMax", .types = IS_ARRAY, .read = read_io_max },
	{ .name = "hugetlb", .types = IS_ARRAY, .read = read_hugetlb },
	{ .name = "gracefulShutdownSeconds", .types = IS_INTEGER,
	  .offset = DOCUMENT(grace_seconds), .min = 0, .max = CELLOS_GRACE_MAX,
	  .hint = "seconds from SIGTERM to the kill; 0 kills at once" },
	{ }
};

static const struct shape limits_shape = { .fields = limits_fields };

/* At memory.max the kernel reclaims and kills: what lies above it is never reached. */
static int check_memory_high(const struct place *at, const struct plan_limits *limits,
			     struct error *err)
{
	const struct place high = PLACE_KEY(at, "memoryHighBytes");
	int ret;

	if (limits->memory_high == LIMIT_UNSET || limits->memory_max == LIMIT_UNSET ||
	    limits->memory_high < limits->memory_max)
		return 0;
	ret = place_refuse(&high, err, EINVAL, "%" PRIu64 " is not below memoryMaxBytes, %" PRIu64
			   ": it would have no effect", limits->memory_high, limits->memory_max);
	err_hint(err, "memoryHighBytes slows the cell down before memoryMaxBytes ends it");
	return ret;
}

int document_read_limits(const struct place *at, json_t *object, void *to, struct error *err)
{
	struct document *doc = to;
	int ret = object_read(at, object, &limits_shape, doc, err);

	return ret ?: check_memory_high(at, &doc->limits, err);
}
