/* SPDX-License-Identifier: Apache-2.0 */
/* subject.c - see subject.h. Tier C. */
#include "subject.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "procfs.h"

enum {
	MAPS_MAX = 16384,
	NAMES_MAX = 1 << 20,
};

static int load_maps(struct subject *subject)
{
	struct map *entries = calloc(MAPS_MAX, sizeof(*entries));
	char *names = malloc(NAMES_MAX);

	/* Owned by the subject from here on. */
	maps_init(&subject->maps, entries, MAPS_MAX, names, NAMES_MAX);
	if (!entries || !names)
		return -ENOMEM;
	subject->maps_error = maps_load(&subject->maps, subject->pid);
	return 0;
}

static void look_at_program(struct subject *subject)
{
	static const char suffix[] = " (deleted)";
	char path[64], *end;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)subject->pid);
	subject->program_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (subject->program_fd < 0)
		subject->program_fd = -errno;
	if (procfs_link(subject->pid, "exe", subject->program, sizeof(subject->program)) <
		(ssize_t)sizeof(suffix))
		return;
	end = subject->program + strlen(subject->program) - (sizeof(suffix) - 1);
	subject->replaced = strcmp(end, suffix) == 0;
	if (subject->replaced)
		*end = '\0';
}

static int look_at_descriptor(void *context, int fd)
{
	struct subject *subject = context;
	char name[32], target[64];

	snprintf(name, sizeof(name), "fd/%d", fd);
	if (procfs_link(subject->pid, name, target, sizeof(target)) < 0)
		return 0;
	subject->epolls += strcmp(target, "anon_inode:[eventpoll]") == 0;
	subject->rings += strcmp(target, "anon_inode:[io_uring]") == 0;
	return 0;
}

int subject_open(struct subject *ret, pid_t pid)
{
	char folder[64];
	int threads;

	*ret = (struct subject){.pid = pid, .program_fd = -ENOENT};
	ret->threads = calloc(SUBJECT_THREADS_MAX, sizeof(*ret->threads));
	if (!ret->threads || load_maps(ret) < 0)
		return -ENOMEM;
	procfs_read(pid, "status", ret->status, sizeof(ret->status));
	look_at_program(ret);
	threads = threads_look(pid, ret->threads, SUBJECT_THREADS_MAX);
	ret->thread_count = threads > 0 ? (size_t)threads : 0;
	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	ret->descriptors_error = procfs_each(folder, look_at_descriptor, ret);
	return 0;
}

void subject_close(struct subject *subject)
{
	free(subject->threads);
	free(subject->maps.entries);
	free(subject->maps.names);
	if (subject->program_fd >= 0)
		close(subject->program_fd);
}

bool subject_status(const struct subject *subject, const char *field, char *ret, size_t size)
{
	const char *value = procfs_field(subject->status, field);

	if (value)
		snprintf(ret, size, "%.*s", (int)strcspn(value, "\n"), value);
	return value != NULL;
}

uint64_t subject_number(const struct subject *subject, const char *field, int base)
{
	const char *value = procfs_field(subject->status, field);

	return value ? strtoull(value, NULL, base) : 0;
}

bool subject_has_signal(uint64_t mask, int number)
{
	return mask >> (number - 1) & 1;
}

uint64_t subject_blocked(const struct subject *subject, const struct thread *thread)
{
	char name[64], status[SUBJECT_STATUS_BYTES];
	const char *blocked;

	snprintf(name, sizeof(name), "task/%d/status", (int)thread->tid);
	if (procfs_read(subject->pid, name, status, sizeof(status)) < 0)
		return 0; /* it has ended meanwhile */
	blocked = procfs_field(status, "SigBlk:");
	return blocked ? strtoull(blocked, NULL, 16) : 0;
}

const struct thread *subject_holter(const struct subject *subject)
{
	for (size_t i = 0; i < subject->thread_count; i++) {
		const struct thread *thread = subject->threads + i;

		if (thread->tid != subject->pid && strcmp(thread->name, "holter") == 0)
			return thread;
	}
	return NULL;
}

int subject_auxiliary(const struct subject *subject, uint64_t type, uint64_t *ret)
{
	Elf64_auxv_t entries[64];
	ssize_t length = procfs_read(subject->pid, "auxv", (char *)entries, sizeof(entries));

	if (length < 0)
		return (int)length;
	for (size_t i = 0; i < (size_t)length / sizeof(*entries); i++) {
		if (entries[i].a_type == type) {
			*ret = entries[i].a_un.a_val;
			return 0;
		}
	}
	return -ENOENT;
}

const char *subject_library(const struct subject *subject, const char *const *words)
{
	for (size_t i = 0; i < subject->maps.count; i++) {
		const char *path = maps_path(&subject->maps, subject->maps.entries + i);
		const char *slash = strrchr(path, '/');

		for (size_t word = 0; slash && words[word]; word++) {
			if (strstr(slash, words[word]))
				return path;
		}
	}
	return NULL;
}

int subject_read_memory(const struct subject *subject)
{
	struct memory_process memory;
	char byte;

	if (subject->maps_error)
		return subject->maps_error;
	memory_process_init(&memory, subject->pid);
	for (size_t i = 0; i < subject->maps.count; i++) {
		const struct map *map = subject->maps.entries + i;
		int64_t got;

		if (!(map->protection & MAP_READ))
			continue;
		got = memory.memory.read(&memory.memory, map->start, &byte, sizeof(byte));
		if (got > 0)
			return 0;
		if (got < 0)
			return (int)got;
	}
	return -EFAULT;
}
