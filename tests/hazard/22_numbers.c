/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 22_numbers.c - hazard 22: which descriptors the process has. Under Holter it has its own and no
 * others, as /proc/PID/fd shows them, also when the limit leaves no number free; it closes all that
 * it does not know, puts its own in their place, and Holter records on.
 *
 *     22_numbers            under Holter
 *     22_numbers wrong      the control: another thread opens a file, as a tool with a log would
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop.h"

enum { LOWEST = 3, LOOP = LOWEST, LISTENER, LIMIT, TURNS = 10, STALL_MS = 40 };

static void expect_own_descriptors(void)
{
	const struct rlimit high = {1024, 1024}, low = {LIMIT, 1024};
	struct dirent *entry;
	DIR *folder;

	setrlimit(RLIMIT_NOFILE, &high);
	folder = opendir("/proc/self/fd");
	while (folder && (entry = readdir(folder)) != NULL) {
		long number = strtol(entry->d_name, NULL, 10);

		if (number >= LIMIT && number != dirfd(folder))
			broken("descriptor %ld is not the program's", number);
	}
	if (!folder)
		broken("cannot read /proc/self/fd");
	closedir(folder);
	setrlimit(RLIMIT_NOFILE, &low);
}

static void stall_turns(void)
{
	for (int i = 0; i < TURNS; i++) {
		burn_ms(STALL_MS);
		loop_turn(LOOP);
		expect_own_descriptors();
	}
}

static void *open_log(void *unused)
{
	(void)unused;
	if (open("/dev/null", O_WRONLY | O_CLOEXEC) < 0)
		broken("cannot open /dev/null");
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t other;

	(void)argv;
	closefrom(LOWEST);
	if (loop_open() != LOOP)
		broken("the first descriptor is not %d", LOOP);
	serve();
	expect_own_descriptors(); /* and from here on there is no number left */
	loop_warm(LOOP);
	if (argc > 1) {
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){1024, 1024});
		pthread_create(&other, NULL, open_log, NULL);
		pthread_join(other, NULL);
	}
	stall_turns();
	closefrom(LOWEST);
	if (loop_open() != LOOP)
		broken("the first descriptor is not %d", LOOP);
	loop_warm(LOOP);
	stall_turns();
	return 0;
}
