/* SPDX-License-Identifier: MIT */
/*
 * ExecutionCell documents: bytes in, checked values out. Only document*.c reads
 * JSON (jansson). Owns spec.id, spec.authority.egressRules,
 * spec.authority.secretRefs, spec.lifetime and spec.run: there, every unknown
 * key, wrong type, duplicate key and value out of range is refused by name.
 * The other sections are the supervisor's and pass unread.
 */
#ifndef HELPER_DOCUMENT_H
#define HELPER_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "helper/plan.h"

/**
 * struct document - the helper's part of a document
 * @id: a portable identifier
 * @argv: NULL-terminated, at least one entry
 * @argc: entries of @argv
 * @env: KEY=VALUE, NULL-terminated, or NULL
 * @n_env: entries of @env
 * @working_directory: absolute, or NULL
 * @ttl_seconds: 0: absent
 * @grace_seconds: LIMIT_UNSET: absent
 * @limits: as the document says, without defaults
 * @isolation: likewise; its workspace is not decided here
 * @process: likewise
 * @rules: egress rules, or NULL
 * @n_rules: entries of @rules
 *
 * Strings and arrays belong to it: document_done().
 */
struct document {
	char *id;
	char **argv;
	size_t argc;
	char **env;
	size_t n_env;
	char *working_directory;
	uint32_t ttl_seconds;
	uint64_t grace_seconds;
	struct plan_limits limits;
	struct plan_isolation isolation;
	struct plan_process process;
	struct egress_rule *rules;
	unsigned int n_rules;
};

/**
 * document_parse() - judge a document
 * @bytes: JSON (RFC 8259); need not end in NUL
 * @size: at most CELLOS_DOCUMENT_MAX, else refused
 * @ret: filled on success; release with document_done()
 * @err: step "document", and the field at fault as JSON pointer
 *
 * Return: 0; -EINVAL: malformed; -EOPNOTSUPP: understood, but not built yet;
 * -E2BIG: a limit of uapi/cellos.h is passed; -ENOMEM.
 */
int document_parse(const char *bytes, size_t size, struct document *ret, struct error *err);

/* document_done() - release what document_parse() filled; idempotent. */
void document_done(struct document *doc);

/**
 * egress_rules_parse() - judge a JSON array of egress rules alone
 * @bytes: what spec.authority.egressRules would hold
 * @size: at most CELLOS_DOCUMENT_MAX, else refused
 * @ret: the rules; release with egress_rules_done()
 * @ret_n: their number
 * @err: as in document_parse(); fields are relative to the array: /2/port
 *
 * Return: as document_parse().
 */
int egress_rules_parse(const char *bytes, size_t size, struct egress_rule **ret,
		       unsigned int *ret_n, struct error *err);

/* egress_rules_done() - release what egress_rules_parse() returned */
void egress_rules_done(struct egress_rule *rules, unsigned int n_rules);

#endif /* HELPER_DOCUMENT_H */
