// SPDX-License-Identifier: MIT
/*
 * seccomp_gen - the tables as programs for seccomp(2)
 *
 * Runs while the helper is built, on the machine that builds it, and prints a C
 * source with each filter for each architecture; the compiler of the helper picks
 * its own. libseccomp does the translation, so the helper itself needs none.
 *
 * The kernel takes these arguments as int, a filter sees 64 bits. Each comparison
 * below either masks the upper half out, or takes any bit in it for a value that
 * is not open: nothing slips by. Pointers are compared whole.
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "helper/seccomp.h"
#include "helper/seccomp_numbers.h"
#include "helper/seccomp_shrink.h"
#include "helper/seccomp_table.h"
#include "lib/cleanup.h"

/*
 * To these the numbers of the tables mean the same, families, options and errno:
 * the kernel's generic ones. libseccomp knows the numbers of their system calls.
 */
static const struct target {
	const char *condition;
	uint32_t arch;		/* SCMP_ARCH_*, which are AUDIT_ARCH_* but for x32 */
	uint32_t old_last;	/* the last number of its own: see numbers_close() */
} targets[] = {
	{ "defined(__x86_64__) && defined(__LP64__)", SCMP_ARCH_X86_64, 336 },
	{ "defined(__aarch64__) && defined(__AARCH64EL__)", SCMP_ARCH_AARCH64, 294 },
};

DEFINE_FREE(ctx, scmp_filter_ctx, if (*p) seccomp_release(*p))

/* A rule to be: @n comparisons of @call's arguments, to which one more may be added. */
struct rule {
	scmp_filter_ctx ctx;
	int call;
	int errnum;
	unsigned int n;
	struct scmp_arg_cmp cmp[3];
};

#define TYPE	UINT32_C(0xf)	/* socket(2): the bits above it are flags */

/* These bits of this argument, and no other, have this value. */
static void rule_and(struct rule *rule, unsigned int arg, uint32_t bits, uint32_t value)
{
	rule->cmp[rule->n++] = SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, bits, value);
}

static void rule_and_pointer(struct rule *rule, unsigned int arg)
{
	rule->cmp[rule->n++] = SCMP_CMP64(arg, SCMP_CMP_NE, 0, 0);
}

static int rule_close(const struct rule *rule)
{
	return seccomp_rule_add_array(rule->ctx, SCMP_ACT_ERRNO((uint32_t)rule->errnum),
				      rule->call, rule->n, rule->cmp);
}

/*
 * Closes the values of an argument from @value to just before @end. A rule can
 * ask once for each argument, and not for a range: so blocks of 2^n, each aligned.
 */
static int close_values(const struct rule *base, unsigned int arg, uint32_t bits,
			uint32_t value, uint32_t end)
{
	int ret = 0;

	while (value < end && ret == 0) {
		struct rule rule = *base;
		uint32_t size = 1;

		while (!(value & size) && size <= (end - value) / 2)
			size *= 2;
		rule_and(&rule, arg, bits & ~(size - 1), value);
		ret = rule_close(&rule);
		value += size;
	}
	return ret;
}

/* Closes all values of an argument but the open ones. */
static int close_all_but(const struct rule *base, unsigned int arg, uint32_t bits,
			 const struct open_numbers *open)
{
	struct rule rest = *base;
	uint32_t next = 0;
	int ret = 0;

	for (size_t i = 0; i < open->n && ret == 0; i++) {
		ret = close_values(base, arg, bits, next, open->values[i]);
		next = open->values[i] + 1;
	}
	if (ret == 0 && bits != WHOLE)
		return close_values(base, arg, bits, next, bits + 1);
	/* Here a bit of the upper half counts: more than the kernel asks, but never less. */
	rest.cmp[rest.n++] = SCMP_CMP64(arg, SCMP_CMP_GE, next, 0);
	return ret < 0 ? ret : rule_close(&rest);
}

/* Closes all protocols but the open ones of one type of AF_INET and AF_INET6 sockets. */
static int close_protocols(const struct rule *inet, uint32_t type, unsigned int variant)
{
	struct rule rule = *inet;
	uint32_t protocols[16];
	struct open_numbers open = { protocols, 0 };

	for (const struct inet_socket *row = open_inet; row->type; row++) {
		if (row->type != type || row->needs & ~variant)
			continue;
		if (open.n == ARRAY_SIZE(protocols))
			return -E2BIG;
		protocols[open.n++] = row->protocol;
	}
	rule_and(&rule, 1, TYPE, type);
	return close_all_but(&rule, 2, WHOLE, &open);
}

static int close_inet(scmp_filter_ctx ctx, unsigned int variant)
{
	static const uint32_t types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };
	static const struct open_numbers known = { types, ARRAY_SIZE(types) };
	struct rule inet = { ctx, SCMP_SYS(socket), EPROTONOSUPPORT, 0, { { 0 } } };
	struct rule raw;
	int ret;

	/* Both families at once: their numbers differ in one bit. */
	_Static_assert(((AF_INET ^ AF_INET6) & ((AF_INET ^ AF_INET6) - 1)) == 0, "one bit");
	rule_and(&inet, 0, WHOLE & ~(uint32_t)(AF_INET ^ AF_INET6), AF_INET & AF_INET6);
	raw = inet;
	raw.errnum = EPERM;
	rule_and(&raw, 1, TYPE, SOCK_RAW);
	ret = rule_close(&raw);
	if (ret == 0)
		ret = close_all_but(&inet, 1, TYPE, &known);
	for (size_t i = 0; i < known.n && ret == 0; i++)
		if (types[i] != SOCK_RAW)
			ret = close_protocols(&inet, types[i], variant);
	return ret;
}

static int close_sockets(scmp_filter_ctx ctx, unsigned int variant)
{
	const struct rule family = { ctx, SCMP_SYS(socket), EAFNOSUPPORT, 0, { { 0 } } };
	const struct rule pair = { ctx, SCMP_SYS(socketpair), EAFNOSUPPORT, 0, { { 0 } } };
	struct rule netlink = { ctx, SCMP_SYS(socket), EPROTONOSUPPORT, 0, { { 0 } } };
	int ret;

	rule_and(&netlink, 0, WHOLE, AF_NETLINK);
	ret = close_all_but(&family, 0, WHOLE, &open_families);
	if (ret == 0)
		ret = close_inet(ctx, variant);
	if (ret == 0)
		ret = close_all_but(&netlink, 2, WHOLE, &open_netlink);
	if (ret == 0)
		ret = close_all_but(&pair, 0, WHOLE, &open_pairs);
	return ret;
}

static int close_call(scmp_filter_ctx ctx, const struct closed_call *row)
{
	struct rule rule = { ctx, seccomp_syscall_resolve_name(row->name), row->errnum, 0,
			     { { 0 } } };
	int ret;

	for (unsigned int i = 0; i < row->n_args; i++) {
		if (row->args[i].bits == NOT_NULL)
			rule_and_pointer(&rule, row->args[i].number);
		else
			rule_and(&rule, row->args[i].number, row->args[i].bits,
				 row->args[i].value);
	}
	if (rule.call == __NR_SCMP_ERROR)
		ret = -ENOSYS;
	else
		ret = row->why && *row->why ? rule_close(&rule) : -EINVAL;
	if (ret < 0)
		fprintf(stderr, "seccomp_gen: %s: %s\n", row->name, strerror(-ret));
	return ret;
}

static int close_calls(scmp_filter_ctx ctx, const struct closed_call *row, unsigned int variant)
{
	int ret = 0;

	for (; row->name && ret == 0; row++)
		if (!(row->unless & variant))
			ret = close_call(ctx, row);
	return ret;
}

/*
 * For the target, and for no other architecture. As a tree of the numbers: the kernel
 * runs a program once for each of them when it takes it.
 */
static int start(scmp_filter_ctx ctx, uint32_t arch)
{
	int ret = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (ret == 0)
		ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (ret == 0 && arch != seccomp_arch_native()) {
		ret = seccomp_arch_add(ctx, arch);
		if (ret == 0)
			ret = seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
	}
	return ret;
}

/* libseccomp gives a program to a file only; it is in the target's byte order: little endian. */
static int add_rules(scmp_filter_ctx ctx, struct sock_filter *ops, size_t *n)
{
	FILE *file __free(file) = tmpfile();
	int ret = file ? seccomp_export_bpf(ctx, fileno(file)) : -errno;

	if (ret < 0)
		return ret;
	rewind(file);
	for (; *n < BPF_MAXINSNS && fread(&ops[*n], sizeof(*ops), 1, file) == 1; ++*n) {
		ops[*n].code = le16toh(ops[*n].code);
		ops[*n].k = le32toh(ops[*n].k);
	}
	if (ferror(file) || *n == 0)
		return -EIO;
	return *n < BPF_MAXINSNS ? 0 : -E2BIG;
}

static int print_program(scmp_filter_ctx ctx, const struct target *target, unsigned int variant)
{
	static struct sock_filter ops[BPF_MAXINSNS];
	size_t n = 0;
	int ret;

	if (variant & FILTER_BASELINE)
		n = numbers_close(target->arch, target->old_last, ops);
	ret = add_rules(ctx, ops, &n);
	if (ret < 0)
		return ret;
	n = filter_shrink(ops, n);
	printf("\nstatic const struct sock_filter program_%u[] = {\n", variant);
	for (size_t i = 0; i < n; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", (unsigned int)ops[i].code, ops[i].jt,
		       ops[i].jf, ops[i].k);
	printf("};\n");
	return 0;
}

static int print_variant(const struct target *target, unsigned int variant)
{
	scmp_filter_ctx ctx __free(ctx) = seccomp_init(SCMP_ACT_ALLOW);
	int ret = ctx ? start(ctx, target->arch) : -ENOMEM;

	if (ret == 0)
		ret = close_sockets(ctx, variant);
	if (ret == 0)
		ret = close_calls(ctx, closed_calls, variant);
	if (ret == 0 && variant & FILTER_BASELINE)
		ret = close_calls(ctx, baseline_calls, variant);
	return ret < 0 ? ret : print_program(ctx, target, variant);
}

/* Constant, but struct sock_fprog has no word for it; the integer hides that from the compiler. */
static void print_index(void)
{
	printf("\nconst struct sock_fprog filter_programs[FILTER_VARIANTS] = {\n");
	for (unsigned int i = 0; i < FILTER_VARIANTS; i++)
		printf("\t{ sizeof(program_%u) / sizeof(*program_%u),"
		       " (struct sock_filter *)(uintptr_t)program_%u },\n", i, i, i);
	printf("};\n");
}

static int print_target(const struct target *target, const char *directive)
{
	int ret = 0;

	printf("\n%s %s\n", directive, target->condition);
	for (unsigned int i = 0; i < FILTER_VARIANTS && ret == 0; i++)
		ret = print_variant(target, i);
	print_index();
	return ret;
}

int main(void)
{
	int ret = 0;

	printf("/* Made by seccomp_gen of helper/seccomp_table.c: not to be edited. */\n"
	       "#include \"helper/seccomp.h\"\n\n"
	       "#include <errno.h>\n#include <stdint.h>\n#include <sys/socket.h>\n\n"
	       "_Static_assert(SOCK_STREAM == %d && SOL_SOCKET == %d && SO_REUSEPORT == %d &&\n"
	       "\t       EAFNOSUPPORT == %d && EPROTONOSUPPORT == %d,\n"
	       "\t       \"what builds counts as what runs\");\n",
	       SOCK_STREAM, SOL_SOCKET, SO_REUSEPORT, EAFNOSUPPORT, EPROTONOSUPPORT);
	for (size_t i = 0; i < ARRAY_SIZE(targets) && ret == 0; i++)
		ret = print_target(&targets[i], i == 0 ? "#if" : "#elif");
	printf("\n#else\n"
	       "#error no filter of system calls for this architecture: see helper/seccomp_gen.c\n"
	       "#endif\n");
	if (ret == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		ret = -EIO;
	if (ret < 0)
		fprintf(stderr, "seccomp_gen: no filter: %s\n", strerror(-ret));
	return ret < 0;
}
