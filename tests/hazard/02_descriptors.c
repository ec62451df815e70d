/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 02_descriptors.c - hazard 2 (and 22): the program closes every descriptor it does not know, as
 * daemons do, and puts sockets of its own on all the numbers that were open, Holter's among them.
 * Then it echoes random bytes over a socket pair while its loop is sampled: not one byte may be
 * foreign, and nothing may arrive at the other sockets.
 *
 *     02_descriptors SECONDS            under Holter
 *     02_descriptors SECONDS wrong      the control: this program's own handler unwinds in place
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop.h"
#include "wrong_unwinder.h"

enum { LOWEST = 3, NUMBERS = 1024, TAKEN_BELOW = 64, CHUNK = 512, STALL_MS = 40 };

static bool was_open[NUMBERS];
static int peers[NUMBERS]; /* the other end of the pair that occupies a number; 0: none */
static bool wrong;

/* Notes which numbers are open, whoever opened them. */
static void note_open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;

	while (folder && (entry = readdir(folder)) != NULL) {
		long number = strtol(entry->d_name, NULL, 10);

		if (number >= LOWEST && number < NUMBERS && number != dirfd(folder))
			was_open[number] = true;
	}
	if (folder)
		closedir(folder);
}

/* Puts one end of a socket pair on every number below TAKEN_BELOW and on every one that was open
 * before. */
static void occupy(void)
{
	struct rlimit limit;
	int spare = NUMBERS;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);

	for (int number = LOWEST; number < NUMBERS; number++) {
		int pair[2];

		if (number >= TAKEN_BELOW && !was_open[number])
			continue;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
			broken("socketpair: %s", strerror(errno));
		/* The peers go where they are in nobody's way. */
		peers[number] = dup2(pair[1], spare++);
		if (pair[1] != number)
			close(pair[1]);
		if (pair[0] != number) {
			dup2(pair[0], number);
			close(pair[0]);
		}
	}
}

/* Whether a byte has come to any of the occupied numbers, or through them to their peers. */
static void expect_silence(void)
{
	char bytes[64];

	for (int number = LOWEST; number < NUMBERS; number++) {
		if (!peers[number])
			continue;
		if (recv(number, bytes, sizeof(bytes), MSG_DONTWAIT) > 0 ||
			recv(peers[number], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			broken("foreign bytes in descriptor %d", number);
	}
}

/* Sends random bytes to the loop and expects the same ones back. */
__attribute__((noreturn)) static void *converse(void *argument)
{
	int connection = *(int *)argument;
	unsigned seed = 1;

	for (;;) {
		char sent[CHUNK], received[CHUNK];
		size_t got = 0;

		for (size_t i = 0; i < sizeof(sent); i++)
			sent[i] = (char)rand_r(&seed);
		if (send(connection, sent, sizeof(sent), MSG_NOSIGNAL) != sizeof(sent))
			broken("send: %s", strerror(errno));
		while (got < sizeof(received)) {
			ssize_t length = read(connection, received + got, sizeof(received) - got);

			if (length <= 0)
				broken("the conversation broke off: %s", strerror(errno));
			got += (size_t)length;
		}
		if (memcmp(sent, received, sizeof(sent)) != 0)
			broken("the echo differs");
	}
}

/* What a turn does: burns with a deep stack of large frames, so that an unwinder has something to
 * check. */
__attribute__((noinline)) static void burn_deep(int depth)
{
	volatile char padding[9000];

	padding[0] = (char)depth;
	if (depth > 0)
		burn_deep(depth - 1);
	else if (wrong)
		raise(WRONG_SIGNAL);
	else
		burn_ms(STALL_MS);
	padding[1] = padding[0];
}

static void echo(int connection)
{
	char bytes[CHUNK];
	ssize_t length;

	while ((length = recv(connection, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		if (send(connection, bytes, (size_t)length, MSG_NOSIGNAL) != length)
			broken("echo: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 5, end;
	int loop = loop_open(), pair[2];
	unsigned rounds = 0;
	pthread_t peer;

	wrong = argc > 2 && strcmp(argv[2], "wrong") == 0;
	serve();
	if (wrong)
		wrong_install();
	loop_warm(loop);
	for (int i = 0; i < 5; i++) { /* Holter has sampled, and has open whatever it opens */
		burn_deep(6);
		loop_turn(loop);
	}
	note_open_descriptors();
	closefrom(LOWEST);
	occupy();

	loop = loop_open();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		broken("socketpair: %s", strerror(errno));
	pthread_create(&peer, NULL, converse, &pair[1]);
	loop_warm(loop);
	for (end = now_ms() + 1e3 * seconds; now_ms() < end; rounds++) {
		echo(pair[0]);
		burn_deep(6);
		expect_silence();
		loop_turn(loop);
	}
	printf("%u rounds\n", rounds);
	fflush(stdout);
	_exit(0);
}
