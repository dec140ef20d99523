// SPDX-License-Identifier: MIT
#include "helper/limits_host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "helper/text.h"
#include "lib/cleanup.h"
#include "lib/compat.h"
#include "lib/io.h"

#define HUGEPAGES	"/sys/kernel/mm/hugepages"

/* Nothing is opened but the name: the device itself need not even be readable. */
static int look_up(const char *device, const char *field, char *ret, struct error *err)
{
	int dev __free(fd) = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd __free(fd) = -EBADF;
	struct stat st;

	if (dev >= 0)
		fd = sys_openat2(dev, device + strlen("/dev/"), O_PATH | O_CLOEXEC, 0,
				 RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	if (fd < 0 || fstat(fd, &st) < 0) {
		err_field_set(err, field);
		err_set(err, "limits", errno, "cannot look at %s", text_quote(device).text);
		if (errno == EXDEV)
			err_hint(err, "it leads out of /dev");
		return -errno;
	}
	if (!S_ISBLK(st.st_mode)) {
		err_field_set(err, field);
		return err_set(err, "limits", ENOTBLK, "%s is no block device",
			       text_quote(device).text);
	}
	snprintf(ret, DISK_NUMBER_MAX, "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return 0;
}

/* "DEVNAME=sda" and "254:0" of the disk that a partition lies on. */
static void hint_disk(const char *partition, struct error *err)
{
	char path[64], uevent[512], number[32] = "";
	char *name;

	snprintf(path, sizeof(path), "/sys/dev/block/%s/../dev", partition);
	io_read_at(AT_FDCWD, path, number, sizeof(number));
	snprintf(path, sizeof(path), "/sys/dev/block/%s/../uevent", partition);
	if (io_read_at(AT_FDCWD, path, uevent, sizeof(uevent)) < 0)
		return;
	name = strstr(uevent, "DEVNAME=");
	if (!name)
		return;
	name += strlen("DEVNAME=");
	name[strcspn(name, "\n")] = '\0';
	number[strcspn(number, "\n")] = '\0';
	err_hint(err, "the kernel limits whole disks: write \"/dev/%s\", or \"%s\"", name, number);
}

static int check_whole(const char *device, const char *number, const char *field,
		       struct error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/dev/block/%s", number);
	if (access(path, F_OK) < 0) {
		err_field_set(err, field);
		return err_set(err, "limits", ENODEV, "the kernel has no block device %s", number);
	}
	snprintf(path, sizeof(path), "/sys/dev/block/%s/partition", number);
	if (access(path, F_OK) < 0)
		return 0;
	err_field_set(err, field);
	err_set(err, "limits", EINVAL, "%s is a partition, %s", text_quote(device).text, number);
	hint_disk(number, err);
	return -EINVAL;
}

int disk_find(const char *device, const char *field, char *ret, struct error *err)
{
	int status = 0;

	if (device[0] == '/')
		status = look_up(device, field, ret, err);
	else
		snprintf(ret, DISK_NUMBER_MAX, "%s", device);
	return status ?: check_whole(device, ret, field, err);
}

/* The sizes that there are, in bytes: "2097152, 1073741824". */
static void list_sizes(char *buf, size_t size)
{
	DIR *dir __free(dir) = io_opendir_at(AT_FDCWD, HUGEPAGES);
	struct dirent *entry;
	size_t used = 0;
	uint64_t kib;

	buf[0] = '\0';
	while (dir && (entry = readdir(dir)) && used < size)
		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &kib) == 1)
			used += (size_t)snprintf(buf + used, size - used, "%s%" PRIu64,
						 used ? ", " : "", kib * 1024);
}

int hugetlb_find(uint64_t page_size, const char *field, char *ret, struct error *err)
{
	char path[64], sizes[200];

	snprintf(path, sizeof(path), HUGEPAGES "/hugepages-%" PRIu64 "kB", page_size / 1024);
	if (page_size % 1024 || access(path, F_OK) < 0) {
		list_sizes(sizes, sizeof(sizes));
		err_field_set(err, field);
		err_set(err, "limits", EOPNOTSUPP, "this host has no huge pages of %" PRIu64
			" bytes", page_size);
		err_hint(err, sizes[0] ? "it has pages of %s bytes" : "it has none%s", sizes);
		return -EOPNOTSUPP;
	}
	if (page_size >= UINT64_C(1) << 30)
		snprintf(ret, HUGETLB_NAME_MAX, "%" PRIu64 "GB", page_size >> 30);
	else if (page_size >= UINT64_C(1) << 20)
		snprintf(ret, HUGETLB_NAME_MAX, "%" PRIu64 "MB", page_size >> 20);
	else
		snprintf(ret, HUGETLB_NAME_MAX, "%" PRIu64 "KB", page_size >> 10);
	return 0;
}
