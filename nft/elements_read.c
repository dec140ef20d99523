// SPDX-License-Identifier: MIT
/* What the kernel has of elements. */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "nft/elements.h"

struct userdata {
	const char *comment;
	uint64_t owner;
};

/* Type, length, value; anything malformed ends the reading. */
static struct userdata userdata_parse(const struct nlattr *attr)
{
	struct userdata ret = { .comment = "" };
	struct attrs bytes = attrs_of(attr);
	size_t at, len;

	for (at = 0; at + 2 <= bytes.len; at += 2 + len) {
		const char *value = bytes.data + at + 2;
		uint8_t type = (uint8_t)bytes.data[at];

		len = (uint8_t)bytes.data[at + 1];
		if (at + 2 + len > bytes.len)
			break;
		if (type == UDATA_COMMENT && len && !value[len - 1])
			ret.comment = value;
		else if (type == UDATA_OWNER && len == 8)
			memcpy(&ret.owner, value, 8);
	}
	return ret;
}

struct attrs elements_of_message(const struct nlmsghdr *nlh)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));

	return attrs_of(attrs_find(attrs, NFTA_SET_ELEM_LIST_ELEMENTS, 0));
}

bool element_parse(const struct nlattr *entry, struct dumped *ret)
{
	struct attrs attrs = attrs_of(entry);
	const struct nlattr *key = attrs_find(attrs, NFTA_SET_ELEM_KEY, 0);
	const struct nlattr *value = attrs_find(attrs_of(key), NFTA_DATA_VALUE, 0);
	struct attrs bytes = attrs_of(value);

	if (!value)
		return false;
	ret->key = (const uint8_t *)bytes.data;
	ret->key_size = bytes.len;
	ret->owner = userdata_parse(attrs_find(attrs, NFTA_SET_ELEM_USERDATA, 0)).owner;
	return true;
}

/* Our elements are a key, user data and an expression; nothing else has a value. */
static bool is_plain(struct attrs element, bool map)
{
	const struct nlattr *attr;
	struct attrs bytes;
	size_t i;

	attrs_for_each(attr, element) {
		switch (mnl_attr_get_type(attr)) {
		case NFTA_SET_ELEM_KEY:
		case NFTA_SET_ELEM_USERDATA:
		case NFTA_SET_ELEM_EXPR:
		case NFTA_SET_ELEM_PAD:
			continue;
		case NFTA_SET_ELEM_DATA:
			if (map)
				continue;
			break;
		}
		bytes = attrs_of(attr);
		for (i = 0; i < bytes.len; i++)
			if (bytes.data[i])
				return false;
	}
	return true;
}

static void read_counter(struct attrs attrs, struct element_state *state)
{
	struct attrs expr = attrs_of(attrs_find(attrs, NFTA_SET_ELEM_EXPR, 0));
	struct attrs data = attrs_of(attrs_find(expr, NFTA_EXPR_DATA, 0));

	const char *name = attr_str(attrs_find(expr, NFTA_EXPR_NAME, 0));

	if (strcmp(name, "counter")) {
		state->plain = state->plain && (!expr.len || (state->logs &&
							      !strcmp(name, "limit")));
		return;
	}
	state->counted = true;
	state->count.bytes = attr_be64(attrs_find(data, NFTA_COUNTER_BYTES, 0));
	state->count.packets = attr_be64(attrs_find(data, NFTA_COUNTER_PACKETS, 0));
}

/* Does the entry of a map jump to the chain that it has to? */
static bool jumps_to_flow(const struct element *element, struct attrs entry)
{
	struct attrs data = attrs_of(attrs_find(entry, NFTA_SET_ELEM_DATA, 0));
	struct attrs verdict = attrs_of(attrs_find(data, NFTA_DATA_VERDICT, 0));
	uint64_t cgroup_id;

	memcpy(&cgroup_id, element->key, 8);
	return set_logs(element->set.kind) &&
	       attr_be32(attrs_find(verdict, NFTA_VERDICT_CODE, 0)) == (uint32_t)NFT_JUMP &&
	       !strcmp(attr_str(attrs_find(verdict, NFTA_VERDICT_CHAIN, 0)),
		       flow_chain_name(element->set.kind, cgroup_id).text);
}

int element_judge(const struct element *element, const struct reply *reply,
		  struct element_state *ret, struct error *err)
{
	const struct nlattr *entry;
	struct userdata userdata;
	struct dumped dumped;
	struct name name;

	*ret = (struct element_state) { 0 };
	if (reply->error == -ENOENT)
		return 0;
	if (reply->error) {
		name = set_name(&element->set);
		return err_set(err, CONN_STEP, reply->error, "cannot read an element of set %s%s%s",
			       name.text, *reply->text ? ": " : "", reply->text);
	}
	entry = attrs_find(elements_of_message(reply->nlh), NFTA_LIST_ELEM, 0);
	if (!entry || !element_parse(entry, &dumped) ||
	    dumped.key_size != set_key_size(&element->set) ||
	    memcmp(dumped.key, element->key, dumped.key_size))
		return err_set(err, CONN_STEP, EPROTO, "nf_tables answered for another element");
	userdata = userdata_parse(attrs_find(attrs_of(entry), NFTA_SET_ELEM_USERDATA, 0));
	ret->taken = true;
	ret->found = userdata.owner == element->owner;
	ret->comment = userdata.comment;
	ret->logs = jumps_to_flow(element, attrs_of(entry));
	ret->plain = is_plain(attrs_of(entry), set_logs(element->set.kind));
	read_counter(attrs_of(entry), ret);
	return 0;
}

/*
 * Reply 0 is the generation, reply 1 is about element @first. Elements below
 * @done were told to @each: when replies were lost and a window is read again,
 * nothing is told twice.
 */
struct reading {
	const struct element_list *list;
	unsigned int first;
	unsigned int done;
	int (*each)(unsigned int i, const struct element *element,
		    const struct element_state *state, void *arg);
	void *arg;
	uint32_t gen;
	struct error *err;
};

static int read_one(const struct reply *reply, void *arg)
{
	struct reading *reading = arg;
	struct element_state state;
	struct element element;
	unsigned int i;
	int r;

	if (!reply->index) {
		reading->gen = ruleset_gen(reply->nlh);
		if (reading->gen)
			return 0;
		return err_set(reading->err, CONN_STEP, reply->error ? reply->error : EPROTO,
			       "cannot read nf_tables");
	}
	i = reading->first + reply->index - 1;
	if (i < reading->done)
		return 0;
	if (i > reading->done)
		return -ENOBUFS;
	reading->list->at(reading->list, i, &element);
	r = element_judge(&element, reply, &state, reading->err);
	reading->done++;
	return r < 0 ? r : reading->each(i, &element, &state, reading->arg);
}

/* Reads as many as the window takes. Return: how many, or -errno. */
static int read_window(struct nft *nft, struct reading *reading)
{
	unsigned int window = nft->conn.window - 1;
	unsigned int i, n = reading->list->n - reading->first;
	struct message *m = &nft->conn.out;
	struct element element;
	int r;

	if (n > window)
		n = window;
	message_reset(m);
	message_begin(m, NFT_MSG_GETGEN, 0);
	for (i = 0; i < n; i++) {
		reading->list->at(reading->list, reading->first + i, &element);
		element_get(m, nft, &element);
	}
	r = conn_ask(&nft->conn, read_one, reading, reading->err);
	return r < 0 ? r : (int)n;
}

int elements_read(struct nft *nft, const struct element_list *list,
		  int (*each)(unsigned int i, const struct element *element,
			      const struct element_state *state, void *arg),
		  void *arg, uint32_t *ret_gen, struct error *err)
{
	struct reading reading = { .list = list, .each = each, .arg = arg, .err = err };
	uint32_t gen = 0;
	int r;

	while (reading.first < list->n) {
		r = read_window(nft, &reading);
		if (r < 0 && r != -ENOBUFS)
			return r;
		if (r < 0)
			continue;
		if (!reading.first)
			gen = reading.gen;
		else if (reading.gen != gen)
			gen = 0;
		reading.first += (unsigned int)r;
	}
	if (list->n)
		*ret_gen = gen;
	return 0;
}
