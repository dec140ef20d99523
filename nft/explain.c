// SPDX-License-Identifier: MIT
#include "nft/explain.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

static const struct nlmsghdr *sent_message(const struct conn *conn, uint32_t seq)
{
	const struct nlmsghdr *nlh = (const void *)conn->out.data;
	int left = (int)conn->out.used;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		if (nlh->nlmsg_seq == seq)
			return nlh;
	return NULL;
}

/* The entry that holds the place at fault; where none is said, one that stands alone. */
static const struct nlattr *entry_at(const struct nlmsghdr *nlh, uint32_t offset)
{
	struct attrs list = elements_of_message(nlh);
	const char *fault = (const char *)nlh + offset;
	const struct nlattr *entry;

	attrs_for_each(entry, list)
		if (offset && fault >= (const char *)entry &&
		    fault < (const char *)entry + entry->nla_len)
			return entry;
	return attrs_find(list, NFTA_LIST_ELEM, 1) ? NULL : attrs_find(list, NFTA_LIST_ELEM, 0);
}

static unsigned int rule_of(const struct nft_cell *cell, const struct set_id *set,
			    const struct dumped *dumped)
{
	struct element_list list = policy_elements(cell);
	struct element element;
	unsigned int i;

	for (i = 0; i < list.n; i++) {
		list.at(&list, i, &element);
		if (set_equal(&element.set, set) &&
		    dumped->key_size == set_key_size(set) &&
		    !memcmp(element.key, dumped->key, dumped->key_size))
			return element.rule;
	}
	return NO_RULE;
}

struct culprit culprit_of(const struct nft *nft, const struct nft_cell *cell,
			  const struct batch *batch)
{
	const struct nlmsghdr *nlh = batch->seq ? sent_message(&nft->conn, batch->seq) : NULL;
	struct culprit culprit = { .rule = NO_RULE };
	const struct nlattr *entry;
	struct dumped dumped;
	struct attrs attrs;

	if (!nlh)
		return culprit;
	attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	if (!set_parse(attr_str(attrs_find(attrs, NFTA_SET_ELEM_LIST_SET, 0)), &culprit.set))
		return culprit;
	entry = entry_at(nlh, batch->offset);
	culprit.is_set = true;
	if (entry && cell->governed && element_parse(entry, &dumped))
		culprit.rule = rule_of(cell, &culprit.set, &dumped);
	return culprit;
}

int explain_batch(const struct culprit *culprit, const struct batch *batch, struct error *err)
{
	int errnum = -batch->error;
	char field[64];

	snprintf(field, sizeof(field), "/spec/authority/egressRules/%u", culprit->rule);
	if (culprit->rule != NO_RULE)
		err_field_set(err, field);
	if (errnum == EEXIST && culprit->is_set) {
		err_set(err, CONN_STEP, EUCLEAN, "the table holds elements of this cgroup already");
		err_hint(err, "run 'cellos-helper reconcile'");
		return -EUCLEAN;
	}
	err_set(err, CONN_STEP, errnum, "nf_tables refused the cell's rules%s%s",
		*batch->text ? ": " : "", batch->text);
	if (errnum == ENOENT)	/* no module has what a rule is made of */
		err_hint(err, "the kernel needs nf_tables with CONFIG_NFT_SOCKET, "
			 "CONFIG_NFT_FIB_INET and CONFIG_NFT_REJECT; for a flow log "
			 "CONFIG_NFT_LOG, CONFIG_NFT_LIMIT and nfnetlink_log, too");
	return -errnum;
}
