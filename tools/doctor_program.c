/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_program.c - what a process runs, and which of its functions will have names: the kind of
 * program, its symbols, its language runtime, code that was made while it runs.
 *
 * Tier C.
 */
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "doctor.h"
#include "elf_file.h"
#include "image.h"
#include "lang.h"
#include "locate.h"
#include "memory.h"
#include "perf_map.h"
#include "proc_path.h"
#include "process_file.h"
#include "subject.h"
#include "target.h"

enum {
	LANG_BYTES = 16 << 20,
	SEGMENTS_MAX = 128,
	NOTES_BYTES = 4096,
	LOADER_BYTES = 256,
	NT_GO_BUILD_ID = 4, /* cmd/internal/buildid of Go */
};

static const char not_readable[] = "its program";

static void look_at_architecture(const struct subject *subject, struct doctor_answer *ret)
{
	char loader[LOADER_BYTES];
	enum target_kind kind;

	if (subject->program_fd < 0) {
		doctor_denied(ret, not_readable);
		return;
	}
	kind = target_kind(subject->program_fd, loader, sizeof(loader));
	if (kind == TARGET_FOREIGN || kind == TARGET_NO_PROGRAM)
		doctor_limit(ret, DOCTOR_NO, LIMIT_FOREIGN, "%.300s is no 64-bit x86-64 program",
			subject->program);
	else
		doctor_ok(ret, "64-bit x86-64");
}

static void look_at_linkage(const struct subject *subject, struct doctor_answer *ret)
{
	char loader[LOADER_BYTES];

	if (subject->program_fd < 0) {
		doctor_denied(ret, not_readable);
		return;
	}
	switch (target_kind(subject->program_fd, loader, sizeof(loader))) {
	case TARGET_STATIC:
		doctor_limit(ret, DOCTOR_NO, LIMIT_STATIC,
			"%.300s is linked statically: no library can be loaded into it",
			subject->program);
		break;
	case TARGET_MUSL:
		doctor_limit(ret, DOCTOR_NO, LIMIT_MUSL, "%.200s runs on musl (%.200s)",
			subject->program, loader);
		break;
	default: /* what is foreign, look_at_architecture says */
		doctor_ok(ret, "%.200s, loaded by %.200s", subject->program,
			loader[0] ? loader : "nothing");
		break;
	}
}

/* Whether a segment of notes holds one of Go's. */
static bool holds_go_note(const uint8_t *bytes, size_t length)
{
	Elf64_Nhdr note;
	size_t at = 0;

	while (length - at >= sizeof(note) + 4) {
		size_t name_bytes, text_bytes;

		memcpy(&note, bytes + at, sizeof(note));
		at += sizeof(note);
		if (note.n_type == NT_GO_BUILD_ID && note.n_namesz == 4 &&
			memcmp(bytes + at, "Go\0", 4) == 0)
			return true;
		name_bytes = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		text_bytes = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name_bytes > length - at || text_bytes > length - at - name_bytes)
			return false;
		at += name_bytes + text_bytes;
	}
	return false;
}

static bool is_go(int fd)
{
	uint8_t notes[NOTES_BYTES];
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
		header.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	for (unsigned i = 0; i < header.e_phnum && i < SEGMENTS_MAX; i++) {
		ssize_t length;

		if (pread(fd, &segment, sizeof(segment),
			    (off_t)(header.e_phoff + i * sizeof(segment))) != sizeof(segment))
			return false;
		if (segment.p_type != PT_NOTE)
			continue;
		length = pread(fd, notes,
			segment.p_filesz < sizeof(notes) ? segment.p_filesz : sizeof(notes),
			(off_t)segment.p_offset);
		if (length > 0 && holds_go_note(notes, (size_t)length))
			return true;
	}
	return false;
}

static void look_at_go(const struct subject *subject, struct doctor_answer *ret)
{
	if (subject->program_fd < 0)
		doctor_denied(ret, not_readable);
	else if (is_go(subject->program_fd))
		doctor_limit(ret, DOCTOR_NO, LIMIT_GO, "%.300s was made by Go (.note.go.buildid)",
			subject->program);
	else
		doctor_ok(ret, "not made by Go");
}

static bool ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), end = strlen(suffix);

	return length >= end && strcmp(text + length - end, suffix) == 0;
}

/* Code whose file is gone from its folder. What never was in one (memfd, shared memory) is not. */
static const char *find_replaced(const struct subject *subject)
{
	for (size_t i = 0; i < subject->maps.count; i++) {
		const struct map *map = subject->maps.entries + i;
		const char *path = maps_path(&subject->maps, map);

		if (map->protection & MAP_EXECUTE && ends_with(path, " (deleted)") &&
			strncmp(path, "/memfd:", 7) != 0 && strncmp(path, "/dev/", 5) != 0 &&
			strncmp(path, "/SYSV", 5) != 0)
			return path;
	}
	return NULL;
}

static void look_at_files(const struct subject *subject, struct doctor_answer *ret)
{
	const char *replaced = find_replaced(subject);

	if (subject->replaced)
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_REPLACED,
			"%.300s was replaced or removed since it started", subject->program);
	else if (subject->maps_error)
		doctor_denied(ret, "what is mapped in it");
	else if (replaced)
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_REPLACED, "%.300s", replaced);
	else
		doctor_ok(ret, "those that run are those that are there");
}

/* Whether the program has a separate debug file on this machine. */
static bool has_debug_file(const struct subject *subject)
{
	struct memory_process memory;
	struct image image;
	int fd;

	memory_process_init(&memory, subject->pid);
	for (size_t i = 0; i < subject->maps.count; i++) {
		const struct map *map = subject->maps.entries + i;

		if (map->offset || strcmp(maps_path(&subject->maps, map), subject->program) != 0)
			continue;
		if (image_open(&image, &memory.memory, map->start) < 0)
			return false;
		fd = locate_debug(LOCATE_SYSTEM, image.build_id, image.build_id_length);
		if (fd >= 0)
			close(fd);
		return fd >= 0;
	}
	return false;
}

static void look_at_symbols(const struct subject *subject, struct doctor_answer *ret)
{
	struct elf_file_symbol symbol = {.name = "main"};
	int result;

	if (subject->program_fd < 0) {
		doctor_denied(ret, not_readable);
		return;
	}
	result = elf_file_symbols(subject->program_fd, &symbol, 1);
	if (result >= 0)
		doctor_ok(ret, "%.300s has its symbol table", subject->program);
	else if (has_debug_file(subject))
		doctor_ok(ret, "%.300s was stripped, and its debug file is here", subject->program);
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_STRIPPED,
			"%.300s was stripped: of its native functions only exported ones have "
			"names",
			subject->program);
}

/* The language runtime of a process, if Holter knows it. */
struct runtime {
	struct arena arena;
	struct memory_process memory;
	struct lang lang;
	const char *reason;
};

/* Returns as lang_open, or -ENOMEM. runtime_close in either case. */
static int runtime_open(struct runtime *ret, const struct subject *subject)
{
	*ret = (struct runtime){0};
	if (arena_init(&ret->arena, LANG_BYTES) < 0)
		return -ENOMEM;
	memory_process_init(&ret->memory, subject->pid);
	return lang_open(&ret->lang,
		&(struct lang_target){.memory = &ret->memory.memory,
			.maps = &subject->maps,
			.pid = subject->pid,
			.arena = &ret->arena},
		&ret->reason);
}

static void runtime_close(struct runtime *runtime)
{
	arena_done(&runtime->arena);
}

static void answer_runtime(const struct runtime *runtime, struct doctor_answer *ret)
{
	const struct lang *lang = &runtime->lang;
	const char *caveat = lang->ops->caveat ? lang->ops->caveat(lang->state) : NULL;

	if (caveat)
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_RUNTIME, "%s: %s",
			lang->ops->runtime(lang->state), caveat);
	else
		doctor_ok(ret, "%s: a known version, its functions get names",
			lang->ops->runtime(lang->state));
}

static void look_at_runtime(const struct subject *subject, struct doctor_answer *ret)
{
	struct runtime runtime;
	int result;

	if (subject_read_memory(subject) < 0) {
		doctor_denied(ret, "its memory");
		return;
	}
	result = runtime_open(&runtime, subject);
	if (result == 0)
		answer_runtime(&runtime, ret);
	else if (result == -ENOTSUP)
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_RUNTIME,
			"a language runtime whose functions get no names: %s",
			runtime.reason ? runtime.reason : "unknown");
	else if (result == -ENOENT)
		doctor_ok(ret, "native code");
	else
		doctor_trouble(ret, DOCTOR_LIMITED, NULL, "cannot be told: %s", strerror(-result));
	runtime_close(&runtime);
}

/* Whether there is executable memory that no file is behind, and that is not the kernel's. */
static bool has_generated_code(const struct subject *subject)
{
	for (size_t i = 0; i < subject->maps.count; i++) {
		const struct map *map = subject->maps.entries + i;
		const char *path = maps_path(&subject->maps, map);

		if (map->protection & MAP_EXECUTE &&
			(!path[0] || strncmp(path, "/memfd:", 7) == 0 ||
				strncmp(path, "[anon:", 6) == 0))
			return true;
	}
	return false;
}

/* Whether the code is that of a runtime which names it. */
static bool has_known_runtime(const struct subject *subject)
{
	struct runtime runtime;
	bool known = runtime_open(&runtime, subject) != -ENOENT;

	runtime_close(&runtime);
	return known;
}

/* Its own number in its own pid namespace: so it names its map, and its recording too. */
static int own_number(const struct subject *subject)
{
	char numbers[256];
	const char *innermost;

	if (!subject_status(subject, "NSpid:", numbers, sizeof(numbers)))
		return (int)subject->pid;
	innermost = strrchr(numbers, '\t');
	return atoi(innermost ? innermost : numbers);
}

/* In the process's own root, as its user wrote it. */
static int open_perf_map(struct perf_map **ret, pid_t pid, const char *path)
{
	int folder = process_file_find(pid, "/tmp"), result;
	char process[PROC_PATH_BYTES];
	struct stat status;

	if (folder < 0)
		return folder;
	proc_path(process, sizeof(process), pid, "");
	result = perf_map_open(ret, folder, strrchr(path, '/') + 1,
		stat(process, &status) == 0 ? status.st_uid : geteuid());
	close(folder);
	return result;
}

static void look_at_generated_code(const struct subject *subject, struct doctor_answer *ret)
{
	struct perf_map *map = NULL;
	char path[64];
	int result;

	if (subject->maps_error) {
		doctor_denied(ret, "what is mapped in it");
		return;
	}
	if (!has_generated_code(subject) || has_known_runtime(subject)) {
		doctor_ok(ret, "none but that of a known runtime");
		return;
	}
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", own_number(subject));
	result = open_perf_map(&map, subject->pid, path);
	perf_map_free(map);
	if (result == 0)
		doctor_ok(ret, "%s names it", path);
	else if (result == -EPERM)
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_JIT,
			"there is some; %s is not believed, since others may have written it",
			path);
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_JIT, "there is some, and no %s", path);
}

const struct doctor_check doctor_program[] = {
	{"architecture", MODES_ALL, look_at_architecture},
	{"program", MODE_PRELOADING, look_at_linkage},
	{"go", MODES_ALL, look_at_go},
	{"runtime", MODES_ALL, look_at_runtime},
	{"symbols", MODES_ALL, look_at_symbols},
	{"generated code", MODES_ALL, look_at_generated_code},
	{"files", MODES_ALL, look_at_files},
	{NULL, 0, NULL},
};
