/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_claim.c - claims of processes: taken, seen by others, gone with who took them.
 */
#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "claim.h"
#include "procfs.h"

/* A process that sleeps until it is killed. */
static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void end(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* Another tool that claims the target, and waits once it has. */
static pid_t start_tool(pid_t target)
{
	int ready[2];
	char byte;
	pid_t tool;

	ck_assert_int_eq(pipe(ready), 0);
	tool = fork();
	ck_assert_int_ge(tool, 0);
	if (tool == 0) {
		byte = claim_take(target) >= 0 ? 'y' : 'n';
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'y');
	close(ready[0]);
	close(ready[1]);
	return tool;
}

START_TEST(two_tools)
{
	pid_t target = start_sleeper(), first, second;

	ck_assert_int_eq(claim_other(target), 0);
	first = start_tool(target);
	ck_assert_int_eq(claim_other(target), first);
	second = start_tool(target);
	ck_assert(claim_other(target) == first || claim_other(target) == second);
	end(first);
	ck_assert_int_eq(claim_other(target), second);
	end(second);
	ck_assert_int_eq(claim_other(target), 0);
	end(target);
}
END_TEST

/* How many claims of the calling process's are on a target; others may be at work on this machine.
 */
static size_t own_claims(pid_t target, uint64_t start)
{
	struct claims claims;
	size_t count = 0;

	ck_assert_int_eq(claims_load(&claims), 0);
	for (size_t i = 0; i < claims.count; i++)
		count += claims.entries[i].target == target && claims.entries[i].start == start &&
			 claims.entries[i].tool == getpid();
	claims_done(&claims);
	return count;
}

START_TEST(own_claim)
{
	pid_t target = start_sleeper();
	struct procfs_stat stat;
	int fd = claim_take(target);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(claim_take(target), -EADDRINUSE);
	ck_assert_int_eq(claim_other(target), 0);
	ck_assert_int_eq(procfs_stat(target, &stat), 0);
	ck_assert_uint_eq(own_claims(target, stat.start), 1);
	close(fd);
	ck_assert_uint_eq(own_claims(target, stat.start), 0);
	end(target);
	ck_assert_int_eq(claim_take(target), -ESRCH);
}
END_TEST

/* A pid that was claimed and is another process's now. */
START_TEST(reused_pid)
{
	struct claim entry = {.target = 10, .tool = 20, .start = 30};
	struct claims claims = {&entry, 1};

	ck_assert_int_eq(claims_find(&claims, 10, 30), 20);
	ck_assert_int_eq(claims_find(&claims, 10, 31), 0);
	ck_assert_int_eq(claims_find(&claims, 11, 30), 0);
}
END_TEST

static const struct {
	const char *name;
	bool claim;
} names[] = {
	{"@holter.attach.12.345.67\n", true},
	{"@holter.attach.12.345.67", false}, /* cut */
	{"@holter.attach.12.345.67@\n", false},
	{"@holter.attach.12.345\n", false},
	{"@holter.attach.0.345.67\n", false},
	{"@holter.attach.-12.345.67\n", false},
	{"@holter.attach.12.0x45.67\n", false},
	{"@holter.attach.4294967308.345.67\n", false},
	{"@holter.attach.12.99999999999999999999.67\n", false},
	{"@holter.attach..\n", false},
	{"/tmp/@holter.attach.12.345.67\n", false},
	{"\n", false},
};

START_TEST(lines)
{
	struct claim claim;
	char line[256];

	snprintf(line, sizeof(line),
		"00000000deadbeef: 00000002 00000000 00000000 0001 01 1503324 %s", names[_i].name);
	ck_assert_int_eq(claim_parse(line, &claim), names[_i].claim);
	if (names[_i].claim) {
		ck_assert_int_eq(claim.target, 12);
		ck_assert_uint_eq(claim.start, 345);
		ck_assert_int_eq(claim.tool, 67);
	}
}
END_TEST

START_TEST(lines_without_a_name)
{
	struct claim claim;

	ck_assert(!claim_parse(
		"00000000deadbeef: 00000002 00000000 00000000 0001 01   644\n", &claim));
	ck_assert(
		!claim_parse("Num       RefCount Protocol Flags    Type St Inode Path\n", &claim));
	ck_assert(!claim_parse("", &claim));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("claim");
	TCase *cases = tcase_create("claims");

	tcase_add_test(cases, two_tools);
	tcase_add_test(cases, own_claim);
	tcase_add_test(cases, reused_pid);
	tcase_add_loop_test(cases, lines, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(cases, lines_without_a_name);
	suite_add_tcase(suite, cases);
	return suite;
}
