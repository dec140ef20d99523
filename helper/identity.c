// SPDX-License-Identifier: MIT
#include "helper/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "lib/cleanup.h"
#include "lib/io.h"

#define XATTR_RULES	"user.cellos.rules"
#define XATTR_KEYS	"user.cellos.keys"
#define XATTR_IDENTITY	"user.cellos.identity"
#define XATTR_PID	"user.cellos.pid"
#define XATTR_CLAIM	"user.cellos.claim"
#define XATTR_CHANGE	"user.cellos.change"
#define XATTR_BREACH	"user.cellos.breach"
#define XATTR_WORKSPACE	"user.cellos.workspace"
#define XATTR_LAST_UID	"user.cellos.last_uid"

#define XATTR_MAX	65536	/* XATTR_SIZE_MAX of the kernel */
#define IDENTITY_MAX	1536

_Static_assert(CELLOS_KEYS_MAX * sizeof(struct egress_key) <= XATTR_MAX,
	       "a policy that compiles must fit into its attribute");

static int store(int fd, const char *name, const void *value, size_t size, struct error *err)
{
	if (fsetxattr(fd, name, value, size, 0) == 0)
		return 0;
	return err_set(err, "identity", errno, "cannot write %s (%zu bytes) on the cell's cgroup",
		       name, size);
}

static int store_or_remove(int fd, const char *name, const void *value, size_t size,
			   struct error *err)
{
	if (size)
		return store(fd, name, value, size, err);
	if (fremovexattr(fd, name) == 0 || errno == ENODATA)
		return 0;
	return err_set(err, "identity", errno, "cannot remove %s", name);
}

int identity_namespaces(uint64_t *ret_netns, uint64_t *ret_pidns)
{
	struct stat net, pid;

	if (stat("/proc/self/ns/net", &net) < 0 || stat("/proc/self/ns/pid", &pid) < 0)
		return -errno;
	*ret_netns = net.st_ino;
	*ret_pidns = pid.st_ino;
	return 0;
}

/* An empty value would do, too; but no attribute is cheaper. */
static int store_policy(int leaf_fd, const struct egress_policy *policy, struct error *err)
{
	int ret;

	ret = store_or_remove(leaf_fd, XATTR_RULES, policy->reprs,
			      policy->n_rules ? strlen(policy->reprs) : 0, err);
	if (ret < 0)
		return ret;
	return store_or_remove(leaf_fd, XATTR_KEYS, policy->keys,
			       policy->n_keys * sizeof(*policy->keys), err);
}

int identity_store(int leaf_fd, const struct identity *id, const struct egress_policy *policy,
		   struct error *err)
{
	char text[IDENTITY_MAX], owner[PIDREF_TEXT_MAX];
	int len, ret = store_policy(leaf_fd, policy, err);

	if (ret < 0)
		return ret;
	pidref_format(&id->owner, owner);
	len = snprintf(text, sizeof(text),
		       "version=%d\nid=%s\ntoken=%s\nkind=run\nbackend=%u\nuid=%u\ngid=%u\n"
		       "uid_dynamic=%d\ngoverned=%d\nlevel=%u\nstarted=%" PRIu64
		       "\ndeadline=%" PRIu64 "\nowner=%s\nnetns=%" PRIu64 "\npidns=%" PRIu64
		       "\ncgroup_root=%" PRIu64 "\nflow_log=%u\nflow_group=%u\nnet=%u\nnet_inode=%"
		       PRIu64 "\nnet_path=%s\n",
		       IDENTITY_VERSION, id->id, id->token, id->backend, id->uid, id->gid,
		       id->uid_dynamic, id->governed, id->level, id->started, id->deadline, owner,
		       id->netns, id->pidns, id->cgroup_root, id->flow_log, id->flow_group, id->net,
		       id->net_inode, id->net_path);
	return store(leaf_fd, XATTR_IDENTITY, text, (size_t)len, err);
}

int identity_store_workload(int leaf_fd, const struct pidref *workload, struct error *err)
{
	char text[PIDREF_TEXT_MAX];

	pidref_format(workload, text);
	return store(leaf_fd, XATTR_PID, text, strlen(text), err);
}

/* Reads an attribute as a string. Return: its length or -errno. */
static ssize_t load(int fd, const char *name, char *buf, size_t size)
{
	ssize_t n = fgetxattr(fd, name, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

/* The value behind "key=", cut out of @text in place; NULL if it is not there. */
static char *cut_value(char *text, const char *key)
{
	size_t len = strlen(key);

	for (char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (!strncmp(line, key, len) && line[len] == '=')
			return line + len + 1;
	return NULL;
}

static bool value_text(char *text, const char *key, char *ret, size_t size)
{
	const char *value = cut_value(text, key);
	size_t len = value ? strcspn(value, "\n") : 0;

	if (!value || len >= size)
		return false;
	memcpy(ret, value, len);
	ret[len] = '\0';
	return true;
}

static bool value_u64(char *text, const char *key, uint64_t max, uint64_t *ret)
{
	char number[24];

	return value_text(text, key, number, sizeof(number)) && !text_to_u64(number, max, ret);
}

/* As the document's: what is printed later must not hold what a terminal obeys. */
static bool is_portable(const char *id)
{
	return *id && !id[strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789._-")];
}

static bool parse_identity(char *text, struct identity *ret)
{
	uint64_t backend, uid, gid, dynamic, governed, level, net, log, group;
	char owner[PIDREF_TEXT_MAX];

	if (!value_text(text, "id", ret->id, sizeof(ret->id)) || !is_portable(ret->id) ||
	    !value_text(text, "token", ret->token, sizeof(ret->token)) ||
	    !value_u64(text, "backend", CELLOS_BACKEND_GVISOR, &backend) ||
	    !value_u64(text, "uid", UINT32_MAX, &uid) ||
	    !value_u64(text, "gid", UINT32_MAX, &gid) ||
	    !value_u64(text, "uid_dynamic", 1, &dynamic) ||
	    !value_u64(text, "governed", 1, &governed) ||
	    !value_u64(text, "level", 255, &level) ||
	    !value_u64(text, "started", UINT64_MAX, &ret->started) ||
	    !value_u64(text, "deadline", UINT64_MAX, &ret->deadline) ||
	    !value_u64(text, "netns", UINT64_MAX, &ret->netns) ||
	    !value_u64(text, "pidns", UINT64_MAX, &ret->pidns) ||
	    !value_u64(text, "cgroup_root", UINT64_MAX, &ret->cgroup_root) ||
	    !value_u64(text, "flow_log", NFT_LOG_DENIED | NFT_LOG_ALLOWED, &log) ||
	    !value_u64(text, "flow_group", UINT16_MAX, &group) ||
	    !value_u64(text, "net", CELLOS_NET_PATH, &net) ||
	    !value_u64(text, "net_inode", UINT64_MAX, &ret->net_inode) ||
	    !value_text(text, "net_path", ret->net_path, sizeof(ret->net_path)) ||
	    !value_text(text, "owner", owner, sizeof(owner)) ||
	    !pidref_parse(owner, &ret->owner))
		return false;
	ret->backend = (enum cellos_backend)backend;
	ret->uid = (uid_t)uid;
	ret->gid = (gid_t)gid;
	ret->uid_dynamic = dynamic;
	ret->governed = governed;
	ret->level = (unsigned int)level;
	ret->flow_log = (uint32_t)log;
	ret->flow_group = (uint16_t)group;
	ret->net = (enum cellos_net)net;
	return true;
}

int identity_load(int leaf_fd, struct identity *ret, struct error *err)
{
	struct identity id = { .owner = PIDREF_NONE, .workload = PIDREF_NONE };
	char text[IDENTITY_MAX], pid[PIDREF_TEXT_MAX];
	ssize_t n = load(leaf_fd, XATTR_IDENTITY, text, sizeof(text));
	uint64_t version;

	if (n < 0)
		return (int)n;
	if (!value_u64(text, "version", UINT64_MAX, &version))
		return err_set(err, "identity", EPROTO, "%s is damaged: no version",
			       XATTR_IDENTITY);
	if (version != IDENTITY_VERSION) {
		err_set(err, "identity", EPROTO, "%s has format version %" PRIu64
			", this helper knows %d", XATTR_IDENTITY, version, IDENTITY_VERSION);
		err_hint(err, "use the helper that made the cell");
		return -EPROTO;
	}
	if (!parse_identity(text, &id))
		return err_set(err, "identity", EPROTO, "%s is damaged", XATTR_IDENTITY);
	if (load(leaf_fd, XATTR_PID, pid, sizeof(pid)) > 0)
		pidref_parse(pid, &id.workload);
	*ret = id;
	return 0;
}

int identity_load_policy(int leaf_fd, struct egress_policy *ret, struct error *err)
{
	char *keys __free(mem) = malloc(XATTR_MAX + 1);
	char *rules __free(mem) = malloc(XATTR_MAX + 1);
	ssize_t n_keys, n_rules;

	if (!keys || !rules)
		return err_set(err, "identity", ENOMEM, "cannot load the egress rules");
	n_keys = load(leaf_fd, XATTR_KEYS, keys, XATTR_MAX + 1);
	n_rules = load(leaf_fd, XATTR_RULES, rules, XATTR_MAX + 1);
	if (n_keys == -ENODATA)
		n_keys = 0;
	if (n_rules == -ENODATA)
		n_rules = rules[0] = 0;
	if (n_keys < 0 || n_rules < 0)
		return err_set(err, "identity", (int)(n_keys < 0 ? n_keys : n_rules),
			       "cannot read the egress rules of the cell's cgroup");
	return egress_policy_load(keys, (size_t)n_keys, rules, (size_t)n_rules, ret, err);
}

bool identity_claimed_by(int leaf_fd, struct pidref *ret)
{
	char text[PIDREF_TEXT_MAX + 16];
	char *verb;

	if (load(leaf_fd, XATTR_CLAIM, text, sizeof(text)) <= 0)
		return false;
	verb = strrchr(text, ' ');
	if (!verb)
		return false;
	*verb = '\0';
	return pidref_parse(text, ret);
}

int identity_claim(int leaf_fd, const struct pidref *self, const char *verb)
{
	char text[PIDREF_TEXT_MAX + 16], pid[PIDREF_TEXT_MAX];
	struct pidref holder = PIDREF_NONE;

	if (identity_claimed_by(leaf_fd, &holder) && holder.pid != self->pid &&
	    pidref_alive(&holder))
		return -EALREADY;
	pidref_format(self, pid);
	snprintf(text, sizeof(text), "%s %s", pid, verb);
	return fsetxattr(leaf_fd, XATTR_CLAIM, text, strlen(text), 0) < 0 ? -errno : 0;
}

enum identity_change identity_change(int leaf_fd)
{
	char text[16];

	if (load(leaf_fd, XATTR_CHANGE, text, sizeof(text)) < 0)
		return CHANGE_NONE;
	return strcmp(text, "done") ? CHANGE_BEGUN : CHANGE_DONE;
}

int identity_change_begin(int leaf_fd, struct error *err)
{
	return store(leaf_fd, XATTR_CHANGE, "begun", 5, err);
}

int identity_change_end(int leaf_fd, const struct egress_policy *policy, struct error *err)
{
	int ret = policy ? store_policy(leaf_fd, policy, err) : 0;

	return ret < 0 ? ret : store(leaf_fd, XATTR_CHANGE, "done", 4, err);
}

void identity_breach(int leaf_fd, const char *what, char *ret, size_t size)
{
	if (load(leaf_fd, XATTR_BREACH, ret, size) >= 0)
		return;
	*ret = '\0';
	if (what && fsetxattr(leaf_fd, XATTR_BREACH, what, strlen(what), XATTR_CREATE) == 0)
		snprintf(ret, size, "%s", what);
}

int identity_store_workspace(int leaf_fd, const char *path, struct error *err)
{
	return store(leaf_fd, XATTR_WORKSPACE, path, strlen(path), err);
}

int identity_workspace(int leaf_fd, char *ret, size_t size)
{
	ssize_t n = load(leaf_fd, XATTR_WORKSPACE, ret, size);

	/* Where there are no such attributes at all, none was written either. */
	if (n == -ENODATA || n == -EOPNOTSUPP)
		return 0;
	return n < 0 ? (int)n : n > 0;
}

int identity_next_uid(int parent_fd, uid_t *ret, struct error *err)
{
	char text[24];
	uint64_t last;
	uint32_t offset;
	ssize_t n = load(parent_fd, XATTR_LAST_UID, text, sizeof(text));

	if (n > 0 && !text_to_u64(text, CELLOS_UID_BASE + CELLOS_UID_COUNT - 1, &last) &&
	    last >= CELLOS_UID_BASE)
		offset = (uint32_t)(last - CELLOS_UID_BASE + 1) % CELLOS_UID_COUNT;
	else if (getrandom(&offset, sizeof(offset), 0) != sizeof(offset))
		return err_set(err, "identity", errno, "getrandom");
	*ret = (uid_t)(CELLOS_UID_BASE + offset % CELLOS_UID_COUNT);
	snprintf(text, sizeof(text), "%u", *ret);
	return store(parent_fd, XATTR_LAST_UID, text, strlen(text), err);
}
