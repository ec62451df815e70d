/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c - see worker.h. The child writes, for each offset in order: a struct wire_answer, then
 * for each place a struct wire_place and its two strings, each with its NUL. One struct wire_head
 * with the outcome comes first.
 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	NOBODY = 65534,
	STRING_MAX = 8192,
	OUTPUT_BYTES_MAX = 256 << 20,
};

/* On top of what the parent has. Files are mapped, and so count as address space only. */
#define CHILD_SPACE_BYTES ((rlim_t)80 << 30)
#define CHILD_DATA_BYTES  ((rlim_t)4 << 30)
#define CHILD_CPU_SECONDS 60

struct wire_head {
	uint32_t outcome;
};

struct wire_answer {
	uint32_t count;
};

struct wire_place {
	uint64_t start;
	uint32_t line, column, function_line;
	uint32_t name_bytes, file_bytes; /* with the NUL; 0: null */
};

static void set_limit(int resource, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_max > value) {
		limit.rlim_cur = limit.rlim_max = value;
		setrlimit((__rlimit_resource_t)resource, &limit);
	}
}

/* What the process has now: limits below it would stop the child at once. */
static void read_sizes(rlim_t *ret_space, rlim_t *ret_data)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long space = 0, data = 0;
	rlim_t page = (rlim_t)sysconf(_SC_PAGESIZE);

	if (file) {
		if (fscanf(file, "%llu %*u %*u %*u %*u %llu", &space, &data) != 2)
			space = data = 0;
		fclose(file);
	}
	*ret_space = (rlim_t)space * page;
	*ret_data = (rlim_t)data * page;
}

/*
 * Gives up what a parser does not need. Where a step is refused (no such user in this namespace),
 * the others still hold.
 */
static void confine(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
	rlim_t space, data;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	set_limit(RLIMIT_CPU, CHILD_CPU_SECONDS);
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_FSIZE, 0);
	read_sizes(&space, &data);
	set_limit(RLIMIT_AS, space + CHILD_SPACE_BYTES);
	set_limit(RLIMIT_DATA, data + CHILD_DATA_BYTES);
	if (geteuid() == 0 && setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0)
		(void)!setresuid(NOBODY, NOBODY, NOBODY);
	syscall(SYS_capset, &header, none);
}

static uint32_t bytes_of(const char *text)
{
	size_t bytes = text ? strlen(text) + 1 : 0;

	return bytes > STRING_MAX ? 0 : (uint32_t)bytes;
}

static void put_text(FILE *out, const char *text, uint32_t bytes)
{
	if (bytes)
		fwrite(text, 1, bytes, out);
}

static void put_answer(FILE *out, const struct place *places, size_t count)
{
	struct wire_answer answer = {.count = (uint32_t)count};

	fwrite(&answer, sizeof(answer), 1, out);
	for (size_t i = 0; i < count; i++) {
		struct wire_place place = {
			.start = places[i].start,
			.line = places[i].line,
			.column = places[i].column,
			.function_line = places[i].function_line,
			.name_bytes = bytes_of(places[i].name),
			.file_bytes = bytes_of(places[i].file),
		};

		fwrite(&place, sizeof(place), 1, out);
		put_text(out, places[i].name, place.name_bytes);
		put_text(out, places[i].file, place.file_bytes);
	}
	/* At once, so that an answer survives what the next one may do to this process. */
	fflush(out);
}

static enum worker_outcome open_checked(struct module **ret, const struct module_source *source,
	const uint64_t *offsets, size_t count)
{
	int result = module_open(ret, source);

	if (result == -ESTALE)
		return WORKER_CHANGED;
	if (result < 0)
		return WORKER_UNREADABLE;
	/* Without a build id, code where there is none says that it is another file. */
	for (size_t i = 0; i < count && source->build_id_length == 0; i++) {
		if (!module_has_code(*ret, offsets[i]))
			return WORKER_CHANGED;
	}
	return WORKER_DONE;
}

_Noreturn static void child_main(
	int fd, const struct module_source *source, const uint64_t *offsets, size_t count)
{
	FILE *out = fdopen(fd, "w");
	struct module *module = NULL;
	struct place places[PLACE_DEPTH_MAX];
	struct wire_head head;

	confine();
	if (!out)
		_exit(1);
	head.outcome = open_checked(&module, source, offsets, count);
	fwrite(&head, sizeof(head), 1, out);
	for (size_t i = 0; i < count && head.outcome == WORKER_DONE; i++)
		put_answer(out, places, module_lookup(module, offsets[i], places));
	fflush(out);
	_exit(0);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct buffer {
	char *bytes;
	size_t used, capacity;
};

static bool make_room(struct buffer *buffer)
{
	size_t capacity = buffer->capacity ? buffer->capacity * 2 : 65536;
	char *grown;

	if (buffer->used < buffer->capacity)
		return true;
	if (capacity > OUTPUT_BYTES_MAX)
		return false;
	grown = realloc(buffer->bytes, capacity);
	if (!grown)
		return false;
	buffer->bytes = grown;
	buffer->capacity = capacity;
	return true;
}

/* Reads until the child is done, dead or late. */
static void collect(struct buffer *buffer, int fd, uint64_t deadline_ns)
{
	for (;;) {
		uint64_t now = now_ns();
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t got;
		int ready;

		if (now >= deadline_ns || !make_room(buffer))
			return;
		ready = poll(&wait, 1, (int)((deadline_ns - now) / 1000000) + 1);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return;
		got = read(fd, buffer->bytes + buffer->used, buffer->capacity - buffer->used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		buffer->used += (size_t)got;
	}
}

static bool take(const struct buffer *buffer, size_t *at, void *ret, size_t bytes)
{
	if (bytes > buffer->used - *at)
		return false;
	memcpy(ret, buffer->bytes + *at, bytes);
	*at += bytes;
	return true;
}

/* A string of the answer, in place. False: malformed. */
static bool take_text(const struct buffer *buffer, size_t *at, uint32_t bytes, const char **ret)
{
	const char *text = buffer->bytes + *at;

	*ret = NULL;
	if (!bytes)
		return true;
	if (bytes > buffer->used - *at || bytes > STRING_MAX || text[bytes - 1] != '\0')
		return false;
	*at += bytes;
	*ret = text;
	return true;
}

static bool take_place(const struct buffer *buffer, size_t *at, struct place *ret)
{
	struct wire_place wire;

	if (!take(buffer, at, &wire, sizeof(wire)))
		return false;
	*ret = (struct place){
		.start = wire.start,
		.line = wire.line,
		.column = wire.column,
		.function_line = wire.function_line,
	};
	return take_text(buffer, at, wire.name_bytes, &ret->name) &&
	       take_text(buffer, at, wire.file_bytes, &ret->file);
}

/* Takes whole answers. Returns how many there were. */
static size_t take_answers(
	const struct buffer *buffer, size_t at, struct answers *ret, size_t count)
{
	size_t taken = 0, places = 0;

	while (taken < count) {
		struct wire_answer wire;

		if (!take(buffer, &at, &wire, sizeof(wire)) || wire.count > PLACE_DEPTH_MAX)
			break;
		for (uint32_t i = 0; i < wire.count; i++) {
			if (!take_place(buffer, &at, ret->places + places + i))
				return taken;
		}
		ret->entries[taken++] = (struct answer){
			.count = wire.count,
			.places = ret->places + places,
		};
		places += wire.count;
	}
	return taken;
}

/* The outcome, from what the child has said. */
static int read_answers(const struct buffer *buffer, struct answers *ret, size_t count)
{
	/* No place is shorter than its fixed part: so many fit at most. */
	size_t places_max = buffer->used / sizeof(struct wire_place) + 1;
	struct wire_head head;
	size_t at = 0;

	ret->text = buffer->bytes; /* the places' strings lie in it */
	if (!take(buffer, &at, &head, sizeof(head)) || head.outcome > WORKER_UNREADABLE)
		return WORKER_UNREADABLE;
	ret->places = calloc(places_max, sizeof(*ret->places));
	if (!ret->places)
		return -ENOMEM;
	if (head.outcome == WORKER_DONE && take_answers(buffer, at, ret, count) < count)
		return WORKER_UNREADABLE;
	return (int)head.outcome;
}

int worker_lookup(struct answers *ret, const struct module_source *source, const uint64_t *offsets,
	size_t count, uint64_t deadline_ns)
{
	struct buffer buffer = {0};
	int pipe_fds[2];
	pid_t child;

	*ret = (struct answers){.entries = calloc(count, sizeof(*ret->entries))};
	if (!ret->entries)
		return -ENOMEM;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return WORKER_UNREADABLE;
	child = fork();
	if (child == 0) {
		close(pipe_fds[0]);
		child_main(pipe_fds[1], source, offsets, count);
	}
	close(pipe_fds[1]);
	if (child > 0)
		collect(&buffer, pipe_fds[0], deadline_ns);
	close(pipe_fds[0]);
	if (child < 0)
		return WORKER_UNREADABLE;
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	return read_answers(&buffer, ret, count);
}

void worker_done(struct answers *answers)
{
	free(answers->entries);
	free(answers->places);
	free(answers->text);
	*answers = (struct answers){0};
}
