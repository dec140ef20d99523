/* SPDX-License-Identifier: MIT */
/*
 * Cells that do what a test tells them while they live (workload_flow.c), and a
 * second network at the other end of a wire to talk to. A test is a process of the
 * harness and ends with it: what is allocated and opened here lives as long.
 */
#ifndef SELFTESTS_ROOT_FLOW_H
#define SELFTESTS_ROOT_FLOW_H

#include <stdbool.h>

#include "selftests/root/common.h"

/* This end of the wire, and the other one's addresses. */
#define WIRE_HERE4	"198.51.100.1"
#define WIRE_PEER4	"198.51.100.2"
#define WIRE_OTHER4	"198.51.100.3"
#define WIRE_HERE6	"2001:db8::1"
#define WIRE_PEER6	"2001:db8::2"
#define WIRE_OTHER6	"2001:db8::3"

/* A rule of the document in short; join with ", ". */
#define RULE(host, port, protocol)	\
	"{'host': '" host "', 'port': " #port ", 'protocol': '" protocol "'}"
#define RULES(...)	"[" __VA_ARGS__ "]"

/* ---- networks ---- */

/* net_new() - a network namespace with loopback up, and nobody in it. Its fd. */
int net_new(void);
/* net_here() - the one that this thread is in. Its fd. */
int net_here(void);
/* net_enter() - go there; sockets made and commands run then are of that one. */
void net_enter(int net);
/* net_inode() - which one it is. */
ino_t net_inode(int net);
/* net_path() - a name of the fd that other processes can open. */
const char *net_path(int net);

/* net_of() - that of a process. Its fd. */
int net_of(pid_t pid);
/* net_rules() - `nft list ruleset` there; "" says that there is nothing. */
const char *net_rules(int net);
/* net_tables() - names of the tables there, a blank behind each. */
const char *net_tables(int net);

/* wire() - connect two namespaces by a veth pair. False: this kernel has none. */
bool wire(int here, int there);

/**
 * serve() - a server in a namespace: bound, and for SOCK_STREAM listening
 * @room: SO_RCVBUF, or 0
 *
 * Its descriptor does not block.
 */
int serve(int net, int type, const char *host, int port, int room);
/* serve_connection() - wait for one. Its descriptor does not block; -1: none came. */
int serve_connection(int server);
/* drain() - read all that comes until there is no more. Return: how many bytes. */
long long drain(int fd);
/* has_hello() - is "hello", and nothing else, there, or coming? */
bool has_hello(int fd);

/* ---- cells that obey ---- */

/**
 * struct talk - a cell that does what it is told
 * @run: its run; filled by talk_start(), but for args, before_exec, helper, environ
 * @id: of the cell
 */
struct talk {
	struct run run;
	const char *id;
	int fifo;
	unsigned int answers;
};

/**
 * talk_start() - start a cell, and wait until it listens
 * @rules: of the document, with ' for "; NULL: no authority at all
 *
 * Return: did it come so far? Else its run has ended, or hangs.
 */
bool talk_start(const struct test_env *env, struct talk *talk, const char *id, const char *rules);

/* talk_send() - say a line, do not wait. */
__attribute__((format(printf, 2, 3)))
void talk_send(struct talk *talk, const char *fmt, ...);
/* talk_answer() - wait for the next answer; "(none)" if there is none. */
const char *talk_answer(struct talk *talk);
/* say() - both. */
__attribute__((format(printf, 2, 3)))
const char *say(struct talk *talk, const char *fmt, ...);

/* reach() - "send" for each of the first @n sockets. The answers, a blank behind each. */
const char *reach(struct talk *talk, int n);

/* talk_end() - let it exit by itself. Return: the status of its run. */
int talk_end(struct talk *talk);
/* talk_crash() - SIGKILL to its helper; with --stdio inherit the cell can still answer. */
void talk_crash(struct talk *talk);

/* ---- the verbs ---- */

/* json_text() - with " for ' */
char *json_text(const char *rules);

/* verb() - run one with --json. Return: what it printed; NULL: nothing. */
json_t *verb(const struct test_env *env, struct run *ret, const char *name, const char *argument);
/* egress_set() - `egress ID --set - --json` with this array, ' for ". */
json_t *egress_set(const struct test_env *env, struct run *ret, const char *id,
		   const char *rules);
/* egress_set_start() - the same without --json, only started. */
void egress_set_start(const struct test_env *env, struct run *run, const char *id,
		      const char *rules);
/* is_verified() - `show` says so, and ends with 0. Nothing else is said on stderr. */
bool is_verified(const struct test_env *env, const char *id);

/* nft() - nft(8) with these commands. Return: its stdout; NULL: it failed. */
char *nft(const char *commands);

#endif /* SELFTESTS_ROOT_FLOW_H */
