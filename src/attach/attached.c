/* SPDX-License-Identifier: Apache-2.0 */
#include "attached.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"
#include "proc_path.h"

enum { STACKS_BYTES = 24 << 20, CHUNK_SECONDS = 10, DESCRIPTORS_MAX = 1 << 16 };

static const uint64_t second_ns = 1000000000;

static void complain(const struct attached *attached, const char *what, int error)
{
	char text[512];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(-error));
	attached->options->complain(attached->options->context, text);
}

/* --- what it is ---------------------------------------------------------------------------------
 */

struct status {
	uint32_t own_pid; /* in its own pid namespace */
	bool is_stopped;
};

static struct status read_status(pid_t pid)
{
	struct status status = {.own_pid = (uint32_t)pid};
	char path[PROC_PATH_BYTES], line[512];
	FILE *file;

	proc_path(path, sizeof(path), pid, "/status");
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		const char *last = strrchr(line, '\t');

		/* The last number of "NSpid:" is the innermost one (proc(5)). */
		if (strncmp(line, "NSpid:", 6) == 0 && last)
			status.own_pid = (uint32_t)strtoul(last, NULL, 10);
		if (strncmp(line, "State:", 6) == 0 && last)
			status.is_stopped = last[1] == 'T' || last[1] == 't';
	}
	if (file)
		fclose(file);
	return status;
}

/* The name that it was started under, from its auxiliary vector. False: not to be had. */
static bool read_started(pid_t pid, char *ret, size_t size)
{
	char path[PROC_PATH_BYTES];
	struct memory_process memory;
	Elf64_auxv_t entry;
	uint64_t address = 0;
	FILE *file;

	proc_path(path, sizeof(path), pid, "/auxv");
	file = fopen(path, "re");
	while (file && fread(&entry, sizeof(entry), 1, file) == 1) {
		if (entry.a_type == AT_EXECFN)
			address = entry.a_un.a_val;
	}
	if (file)
		fclose(file);
	memory_process_init(&memory, pid);
	return address && memory_string(&memory.memory, address, ret, size) > 0;
}

/* Where libholter.so is, if the process has preloaded it; 0: nowhere. */
static uint64_t find_library(const struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		const char *slash = strrchr(maps_path(maps, &maps->entries[i]), '/');

		if (slash && strcmp(slash, "/libholter.so") == 0)
			return maps->entries[i].start;
	}
	return 0;
}

static int open_stacks(struct attached *attached)
{
	char started[sizeof(attached->program.path)];
	struct stacks_config config = {.pid = attached->pid, .program = &attached->program};
	int error;

	program_identify(&attached->program, attached->pid,
		read_started(attached->pid, started, sizeof(started)) ? started : NULL);
	cgroup_open(&attached->cgroup, attached->pid);
	error = arena_init(&attached->storage, STACKS_BYTES);
	if (error)
		return error;
	error = stacks_open(&attached->stacks, &attached->storage, &config);
	if (error)
		return error;
	stacks_hide(attached->stacks, find_library(stacks_maps(attached->stacks)));
	return 0;
}

/* --- its recording ------------------------------------------------------------------------------
 */

/* A name in a folder that others may write to must be new, and no link (hazard 52). */
static int claim(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : (close(fd), 0);
}

static struct record_head head_of(const struct attached *attached, const struct utsname *names)
{
	return (struct record_head){
		.holter_version = HOLTER_VERSION,
		.runtime = stacks_runtime(attached->stacks),
		.program = attached->program.path,
		.host = names->nodename,
		.kernel = names->release,
		.unwinder = stacks_unwinder(attached->stacks),
		.pid = attached->own_pid,
		.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
		.mode = MODE_ATTACH,
		.start_ns = attached->since_ns,
		.threshold_ns = attached->options->threshold_ns,
		.interval_ns = attached->options->interval_ns,
		.utc_offset_ns = (int64_t)(clock_realtime_ns() - clock_monotonic_ns()),
	};
}

static int open_writer(struct attached *attached)
{
	struct writer_config config = {
		.path = attached->path,
		.max_bytes = attached->options->max_bytes,
		.chunk_ns = CHUNK_SECONDS * second_ns,
		.now_ns = clock_monotonic_ns,
	};
	struct record_head head;
	struct utsname names = {0};
	int error = attached->options->prepare(attached->path) ? claim(attached->path) : -EEXIST;

	if (error)
		return error;
	while (!config.recording_id) {
		if (getrandom(&config.recording_id, sizeof(config.recording_id), 0) < 0)
			return -errno;
	}
	uname(&names);
	head = head_of(attached, &names);
	error = arena_init(&attached->writing, writer_arena_bytes());
	return error ? error : writer_open(&attached->writer, &attached->writing, &config, &head);
}

/* Said at once, and in the recording for whoever reads it later. */
static void note(struct attached *attached, const char *text)
{
	attached->options->complain(attached->options->context, text);
	writer_note(attached->writer, NOTE_LIMITED, text);
}

static void note_limits(struct attached *attached)
{
	if (stacks_complaint(attached->stacks))
		writer_note(attached->writer, NOTE_LIMITED, stacks_complaint(attached->stacks));
	if (find_library(stacks_maps(attached->stacks)))
		note(attached, "libholter.so is preloaded in this process and records it, too: the "
			       "same stalls are in both recordings");
	if (read_status(attached->pid).is_stopped)
		note(attached, "the process was stopped, by a signal or a debugger, when watching "
			       "began: nothing happens in it until it goes on");
}

int attached_open(struct attached **ret, uint32_t id, pid_t pid, int pidfd, const char *path,
	const struct attach_options *options)
{
	struct attached *attached = calloc(1, sizeof(*attached));
	int error;

	if (!attached)
		return -ENOMEM;
	attached->id = id;
	attached->pid = pid;
	attached->options = options;
	attached->since_ns = clock_monotonic_ns();
	attached->ask_after_ns = second_ns;
	attached->ask_ns = attached->since_ns + second_ns;
	snprintf(attached->path, sizeof(attached->path), "%s", path);
	attached->pidfd =
		pidfd < 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	if (attached->pidfd < 0) {
		error = -errno;
		free(attached);
		return error;
	}
	*ret = attached;
	return 0;
}

/* It runs another program than the one that its recording began with. */
static void tell_program(struct attached *attached)
{
	struct utsname names = {0};
	struct record_head head;

	uname(&names);
	head = head_of(attached, &names);
	writer_set_head(attached->writer, &head);
}

int attached_settle(struct attached *attached)
{
	int error;

	attached->own_pid = read_status(attached->pid).own_pid;
	arena_done(&attached->storage);
	attached->stacks = NULL;
	error = open_stacks(attached);
	if (error) {
		complain(attached, "the process", error);
		return error;
	}
	if (attached->writer) {
		tell_program(attached);
	} else {
		error = open_writer(attached);
		if (error) {
			complain(attached, attached->path, error);
			return error;
		}
	}
	note_limits(attached);
	attached->is_settled = true;
	return 0;
}

void attached_flush(struct attached *attached)
{
	int error = attached->writer ? writer_flush(attached->writer) : 0;

	if (error < 0 && !attached->write_error)
		attached->write_error = error;
}

int attached_close(struct attached *attached, bool goodbye)
{
	int error;

	if (!attached)
		return 0;
	attached_flush(attached);
	error = attached->write_error;
	if (attached->writer)
		writer_close(attached->writer, goodbye);
	close(attached->pidfd);
	arena_done(&attached->storage);
	arena_done(&attached->writing);
	free(attached);
	return error;
}

void attached_executed(struct attached *attached)
{
	static const char text[] = "the process runs another program from here on";

	attached->is_settled = attached->listens = false;
	attached->started_ns = 0;
	attached->ask_after_ns = second_ns;
	if (!attached->writer)
		return;
	attached->options->complain(attached->options->context, text);
	writer_note(attached->writer, NOTE_RESUMED, text);
}

void attached_ask(struct attached *attached)
{
	attached->listens = attached->options->listens(attached->pid);
	if (!attached->started_ns &&
		(attached->listens || attached->options->serves(attached->pid)))
		attached->started_ns = clock_monotonic_ns();
}

void attached_end(struct attached *attached)
{
	attached->is_gone = true;
	arena_done(&attached->storage);
	attached->stacks = NULL;
}

struct stall_target attached_target(const struct attached *attached)
{
	const struct lang *lang = attached->stacks ? stacks_lang(attached->stacks) : NULL;
	struct lang_chase chase = {0};

	if (lang && lang->ops->chase)
		lang->ops->chase(lang->state, &chase);
	return (struct stall_target){
		.id = attached->id,
		.listens = attached->listens,
		.follow = attached->options->children,
		.is_new = attached->is_new,
		.chase =
			{
				.kind = (uint32_t)chase.kind,
				.object = chase.object,
				.witness = chase.witness,
				.first = chase.first,
				.next = chase.next,
				.outer_first = chase.outer_first,
				.outer_next = chase.outer_next,
				.has_outer = chase.has_outer,
			},
	};
}

static bool is_waited_on(
	const struct attached *attached, const struct stall_loop *loops, int32_t descriptor)
{
	for (size_t i = 0; i < STALL_LOOPS_MAX; i++) {
		if (loops[i].state == STALL_LOOP_LIVE && loops[i].target == attached->id &&
			loops[i].descriptor == descriptor)
			return true;
	}
	return false;
}

bool attached_has_idle_epoll(const struct attached *attached, const struct stall_loop *loops)
{
	char path[PROC_PATH_BYTES], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *folder;

	proc_path(path, sizeof(path), attached->pid, "/fd");
	folder = opendir(path);
	for (int i = 0; folder && !found && i < DESCRIPTORS_MAX && (entry = readdir(folder)); i++) {
		ssize_t length =
			readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

		target[length > 0 ? length : 0] = '\0';
		found = strcmp(target, "anon_inode:[eventpoll]") == 0 &&
			!is_waited_on(attached, loops, atoi(entry->d_name));
	}
	if (folder)
		closedir(folder);
	return found;
}
