/* SPDX-License-Identifier: Apache-2.0 */
/* process_identity.c - see process_identity.h. Tier C. */
#include "process_identity.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "lang.h"
#include "maps.h"
#include "memory.h"
#include "procfs.h"
#include "recorder.h"

enum {
	MAPS_MAX = 16384,
	NAMES_MAX = 1 << 20,
	LANG_BYTES = 16 << 20,
	ARGUMENTS_MAX = 4096, /* of a command line that are looked at for a script */
	STATUS_MAX = 4096,
};

/* Its mappings, with the storage that they need. */
struct mappings {
	struct maps maps;
	struct map *entries;
	char *names;
};

const char *process_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void process_name(pid_t pid, struct process_names *ret)
{
	static const char deleted[] = " (deleted)"; /* what the kernel adds (fs/d_path.c) */
	char arguments[ARGUMENTS_MAX];
	ssize_t length;
	size_t program;

	if (procfs_link(pid, "exe", ret->program, sizeof(ret->program)) < 0)
		ret->program[0] = '\0';
	program = strlen(ret->program);
	if (program >= sizeof(deleted) &&
		strcmp(ret->program + program - strlen(deleted), deleted) == 0)
		ret->program[program - strlen(deleted)] = '\0';
	length = procfs_read(pid, "cmdline", arguments, sizeof(arguments));
	if (length <= 0 || !script_name(process_base_name(ret->program), arguments, (size_t)length,
				   ret->script))
		ret->script[0] = '\0';
}

bool process_is_called(
	const struct process *process, const struct process_names *names, const char *name)
{
	const char *dot = strrchr(names->script, '.');
	size_t stem = dot ? (size_t)(dot - names->script) : 0;

	if (!name[0])
		return false;
	return strcmp(name, process->name) == 0 ||
	       strcmp(name, process_base_name(names->program)) == 0 ||
	       strcmp(name, names->script) == 0 ||
	       (stem > 0 && strlen(name) == stem && strncmp(name, names->script, stem) == 0);
}

static void identify_user(pid_t pid, struct process_identity *ret)
{
	char status[STATUS_MAX], *end;
	const struct passwd *entry;
	const char *field;

	ret->uid = (uid_t)-1;
	if (procfs_read(pid, "status", status, sizeof(status)) < 0)
		return;
	field = procfs_field(status, "Uid:"); /* real, effective, saved, of the file system */
	if (!field)
		return;
	strtoul(field, &end, 10);
	ret->uid = (uid_t)strtoul(end, NULL, 10);
	entry = getpwuid(ret->uid);
	if (entry)
		snprintf(ret->user, sizeof(ret->user), "%s", entry->pw_name);
	else
		snprintf(ret->user, sizeof(ret->user), "%u", (unsigned)ret->uid);
}

static void mappings_close(struct mappings *mappings)
{
	free(mappings->entries);
	free(mappings->names);
}

/* Returns 0 or a negative errno; mappings_close in either case. */
static int mappings_open(struct mappings *ret, pid_t pid)
{
	ret->entries = malloc(MAPS_MAX * sizeof(*ret->entries));
	ret->names = malloc(NAMES_MAX);
	if (!ret->entries || !ret->names)
		return -ENOMEM;
	maps_init(&ret->maps, ret->entries, MAPS_MAX, ret->names, NAMES_MAX);
	return maps_load(&ret->maps, pid);
}

/* "node", "python 3.11": what the program is called, in the words of src/lang. */
static void guess_runtime(struct process_identity *ret)
{
	const char *program = process_base_name(ret->names.program);

	if (strcmp(program, "node") == 0 || strcmp(program, "nodejs") == 0)
		snprintf(ret->runtime, sizeof(ret->runtime), "node");
	else if (strncmp(program, "python", 6) == 0)
		snprintf(ret->runtime, sizeof(ret->runtime), "python%s%.8s",
			isdigit((unsigned char)program[6]) ? " " : "", program + 6);
	ret->guessed = ret->runtime[0] != '\0';
}

static void identify_runtime(
	pid_t pid, const struct mappings *mappings, struct process_identity *ret)
{
	struct memory_process memory;
	const char *reason = NULL;
	struct arena arena;
	struct lang lang;
	int result;

	if (arena_init(&arena, LANG_BYTES) < 0) {
		guess_runtime(ret);
		return;
	}
	memory_process_init(&memory, pid);
	result = lang_open(&lang,
		&(struct lang_target){.memory = &memory.memory,
			.maps = &mappings->maps,
			.pid = pid,
			.arena = &arena},
		&reason);
	if (result == 0)
		snprintf(ret->runtime, sizeof(ret->runtime), "%s", lang.ops->runtime(lang.state));
	else
		guess_runtime(ret);
	arena_done(&arena);
}

/* Holter's library is in the process: which file does it write? */
static void find_recording(const struct process *process, struct process_identity *ret)
{
	char path[PATH_MAX] = "", *target = ret->file;

	if (recorder_file(process->pid, process->recorder, path, sizeof(path)) < 0)
		return;
	if (ret->container.foreign & CONTAINER_MOUNT &&
		snprintf(target, sizeof(ret->file), "/proc/%d/root%s", (int)process->pid, path) <
			(int)sizeof(ret->file))
		return;
	memcpy(ret->file, path, sizeof(ret->file));
}

static bool holds_library(const struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->maps.count; i++) {
		const char *path = maps_path(&mappings->maps, mappings->maps.entries + i);

		if (strncmp(process_base_name(path), "libholter.so", strlen("libholter.so")) == 0)
			return true;
	}
	return false;
}

static void identify_recording(const struct process *process, const struct claims *claims,
	const struct mappings *mappings, struct process_identity *ret)
{
	ret->tool = claims_find(claims, process->pid, process->start);
	if (process->recorder && mappings && holds_library(mappings)) {
		ret->recording = PROCESS_RECORDS_ITSELF;
		find_recording(process, ret);
	} else if (ret->tool) {
		ret->recording = PROCESS_ATTACHED;
	}
}

void process_identify(
	const struct process *process, const struct claims *claims, struct process_identity *ret)
{
	struct mappings mappings = {0};
	bool mapped;

	*ret = (struct process_identity){0};
	process_name(process->pid, &ret->names);
	identify_user(process->pid, ret);
	container_look(process->pid, &ret->container);
	mapped = mappings_open(&mappings, process->pid) == 0;
	if (mapped)
		identify_runtime(process->pid, &mappings, ret);
	else
		guess_runtime(ret);
	identify_recording(process, claims, mapped ? &mappings : NULL, ret);
	mappings_close(&mappings);
}
