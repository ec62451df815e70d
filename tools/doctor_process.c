/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_process.c - what can be observed of one running process, from what /proc says about it
 * and from its memory, both read only.
 *
 * Tier C.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "doctor.h"
#include "lang.h"
#include "maps.h"
#include "memory.h"
#include "target.h"

enum {
	MAPS_MAX = 16384,
	NAMES_MAX = 1 << 20,
	LANG_BYTES = 16 << 20,
};

/* Its mappings, with the storage that they need. */
struct process_maps {
	struct maps maps;
	struct map *entries;
	char *names;
};

static void proc_path(char *ret, size_t size, pid_t pid, const char *file)
{
	snprintf(ret, size, "/proc/%d/%s", (int)pid, file);
}

static bool read_status(pid_t pid, const char *field, char *ret, size_t size)
{
	char path[64];

	proc_path(path, sizeof(path), pid, "status");
	return doctor_read(path, field, ret, size);
}

static void maps_close(struct process_maps *maps)
{
	free(maps->entries);
	free(maps->names);
}

/* Returns 0 or a negative errno; maps_close in either case. */
static int maps_open(struct process_maps *ret, pid_t pid)
{
	ret->entries = calloc(MAPS_MAX, sizeof(*ret->entries));
	ret->names = malloc(NAMES_MAX);
	if (!ret->entries || !ret->names)
		return -ENOMEM;
	maps_init(&ret->maps, ret->entries, MAPS_MAX, ret->names, NAMES_MAX);
	return maps_load(&ret->maps, pid);
}

static void look_at_process(pid_t pid, struct doctor_answer *ret)
{
	char name[64] = "?", state[32] = "?", user[32] = "";
	const struct passwd *entry;
	uid_t uid;

	read_status(pid, "Name:", name, sizeof(name));
	read_status(pid, "State:", state, sizeof(state));
	read_status(pid, "Uid:", user, sizeof(user));
	uid = (uid_t)strtoul(user, NULL, 10);
	entry = getpwuid(uid);
	doctor_answer(ret, DOCTOR_OK, NULL, "%s, user %s (%u), state %s", name,
		entry ? entry->pw_name : "without a name", (unsigned)uid, state);
}

static void answer_kind(
	struct doctor_answer *ret, enum target_kind kind, const char *program, const char *loader)
{
	switch (kind) {
	case TARGET_USABLE:
		doctor_answer(ret, DOCTOR_OK, NULL, "%s, loaded by %s", program, loader);
		break;
	case TARGET_STATIC:
		doctor_answer(ret, DOCTOR_NO, "link it dynamically",
			"%s is linked statically: no library can be loaded into it", program);
		break;
	case TARGET_MUSL:
		doctor_answer(ret, DOCTOR_NO, "use a glibc build of it",
			"%s runs on musl (%s), and libholter.so is made for glibc", program,
			loader);
		break;
	case TARGET_FOREIGN:
	case TARGET_NO_PROGRAM:
		doctor_answer(ret, DOCTOR_NO, "install the x86-64 build of it",
			"%s is no 64-bit x86-64 program", program);
		break;
	}
}

static void look_at_program(pid_t pid, struct doctor_answer *ret)
{
	char path[64], program[200], loader[200];
	ssize_t length;
	int fd;

	proc_path(path, sizeof(path), pid, "exe");
	length = readlink(path, program, sizeof(program) - 1);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (length < 0 || fd < 0) {
		doctor_denied(ret, "its program");
	} else {
		program[length] = '\0';
		answer_kind(ret, target_kind(fd, loader, sizeof(loader)), program, loader);
	}
	if (fd >= 0)
		close(fd);
}

/* AT_SECURE of its auxiliary vector: 1, 0, or a negative errno. */
static int read_secure(pid_t pid)
{
	Elf64_auxv_t entry;
	char path[64];
	FILE *file;
	int secure = 0;

	proc_path(path, sizeof(path), pid, "auxv");
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fread(&entry, sizeof(entry), 1, file) == 1 && entry.a_type != AT_NULL) {
		if (entry.a_type == AT_SECURE)
			secure = entry.a_un.a_val != 0;
	}
	fclose(file);
	return secure;
}

static void look_at_privilege(pid_t pid, struct doctor_answer *ret)
{
	char no_new[16] = "";
	int secure = read_secure(pid);

	read_status(pid, "NoNewPrivs:", no_new, sizeof(no_new));
	if (secure == 1)
		doctor_answer(ret, DOCTOR_NO, "start it as the user that it becomes",
			"it gained privilege when it started (setuid, setgid or file "
			"capabilities): the "
			"loader ignored LD_PRELOAD");
	else if (secure < 0)
		doctor_denied(ret, "whether it gained privilege when it started");
	else
		doctor_answer(ret, DOCTOR_OK, NULL, "none gained at its start%s",
			no_new[0] == '1' ? "; it can gain none (no_new_privs)" : "");
}

static void look_at_filter(pid_t pid, struct doctor_answer *ret)
{
	char mode[16];

	if (!read_status(pid, "Seccomp:", mode, sizeof(mode)) || mode[0] == '0')
		doctor_answer(ret, DOCTOR_OK, NULL, "no filter");
	else if (mode[0] == '1')
		doctor_answer(ret, DOCTOR_NO, NULL, "strict mode: it may only read and write");
	else
		doctor_answer(ret, DOCTOR_LIMITED,
			"its filter must allow process_vm_readv and rt_tgsigqueueinfo",
			"a filter is in force: what it refuses, its recording will note");
}

static void look_at_preload(pid_t pid, struct doctor_answer *ret)
{
	struct process_maps maps = {0};
	const char *library = NULL;
	int result = maps_open(&maps, pid);

	for (size_t i = 0; result == 0 && !library && i < maps.maps.count; i++) {
		const char *path = maps_path(&maps.maps, maps.maps.entries + i);
		const char *slash = strrchr(path, '/');

		if (slash && strncmp(slash, "/libholter.so", 13) == 0)
			library = path;
	}
	if (result < 0)
		doctor_denied(ret, "what is mapped in it");
	else if (library)
		doctor_answer(ret, DOCTOR_OK, NULL, "%.300s is in it", library);
	else
		doctor_answer(ret, DOCTOR_NO, "restart it with: holter run -- PROGRAM",
			"libholter.so is not in it: it is not being recorded");
	maps_close(&maps);
}

static void answer_runtime(struct doctor_answer *ret, pid_t pid, const struct maps *maps)
{
	struct memory_process memory;
	struct arena arena;
	struct lang lang;
	const char *reason = NULL, *caveat;
	int result;

	if (arena_init(&arena, LANG_BYTES) < 0) {
		doctor_answer(ret, DOCTOR_LIMITED, NULL, "not looked at: out of memory");
		return;
	}
	memory_process_init(&memory, pid);
	result = lang_open(&lang,
		&(struct lang_target){
			.memory = &memory.memory, .maps = maps, .pid = pid, .arena = &arena},
		&reason);
	caveat = result == 0 && lang.ops->caveat ? lang.ops->caveat(lang.state) : NULL;
	if (caveat)
		doctor_answer(
			ret, DOCTOR_LIMITED, NULL, "%s: %s", lang.ops->runtime(lang.state), caveat);
	else if (result == 0)
		doctor_answer(ret, DOCTOR_OK, NULL, "%s: a known version, its functions get names",
			lang.ops->runtime(lang.state));
	else if (result == -ENOTSUP)
		doctor_answer(ret, DOCTOR_LIMITED,
			"use a version of the runtime that this Holter knows",
			"a language runtime whose functions get no names: %s",
			reason ? reason : "unknown");
	else
		doctor_answer(ret, DOCTOR_OK, NULL, "native code");
	arena_done(&arena);
}

static void look_at_runtime(pid_t pid, struct doctor_answer *ret)
{
	struct process_maps maps = {0};

	if (maps_open(&maps, pid) < 0)
		doctor_denied(ret, "its memory");
	else
		answer_runtime(ret, pid, &maps.maps);
	maps_close(&maps);
}

const struct doctor_check doctor_process[] = {
	{"process", look_at_process},
	{"program", look_at_program},
	{"privilege", look_at_privilege},
	{"seccomp", look_at_filter},
	{"preloaded", look_at_preload},
	{"runtime", look_at_runtime},
	{NULL, NULL},
};
