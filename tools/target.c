/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - see target.h. Tier C. */
#include "target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	SEGMENTS_MAX = 128,
	SCRIPTS_MAX = 4,       /* the kernel's own limit of scripts that run scripts (fs/exec.c) */
	SCRIPT_LINE_MAX = 256, /* BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h */
};

static bool read_at(int fd, void *buffer, size_t length, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, buffer, length, (off_t)offset) == (ssize_t)length;
}

/* The path in PT_INTERP. Returns 1; 0 if there is none; -ENOEXEC if the headers are malformed. */
static int read_loader(int fd, const Elf64_Ehdr *header, char *ret, size_t size)
{
	for (unsigned i = 0; i < header->e_phnum && i < SEGMENTS_MAX; i++) {
		Elf64_Phdr segment;

		if (!read_at(fd, &segment, sizeof(segment), header->e_phoff + i * sizeof(segment)))
			return -ENOEXEC;
		if (segment.p_type != PT_INTERP)
			continue;
		if (segment.p_filesz < 2 || segment.p_filesz > size ||
			!read_at(fd, ret, segment.p_filesz, segment.p_offset))
			return -ENOEXEC;
		ret[segment.p_filesz - 1] = '\0';
		return 1;
	}
	return 0;
}

enum target_kind target_kind(int fd, char *ret_loader, size_t size)
{
	const char *slash;
	Elf64_Ehdr header;
	int loader;

	ret_loader[0] = '\0';
	if (!read_at(fd, &header, sizeof(header), 0) ||
		memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		return TARGET_NO_PROGRAM;
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
		header.e_machine != EM_X86_64 || header.e_phentsize != sizeof(Elf64_Phdr))
		return TARGET_FOREIGN;
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return TARGET_NO_PROGRAM;
	loader = read_loader(fd, &header, ret_loader, size);
	if (loader <= 0) {
		ret_loader[0] = '\0';
		return loader < 0 ? TARGET_NO_PROGRAM : TARGET_STATIC;
	}
	slash = strrchr(ret_loader, '/');
	return strncmp(slash ? slash + 1 : ret_loader, "ld-musl", 7) == 0 ? TARGET_MUSL
									  : TARGET_USABLE;
}

static bool may_run(const char *path)
{
	struct stat status;

	return access(path, X_OK) == 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

bool target_find(const char *name, char *ret_path, size_t size)
{
	const char *folder = getenv("PATH");

	if (strchr(name, '/'))
		return snprintf(ret_path, size, "%s", name) < (int)size && may_run(ret_path);
	if (!name[0])
		return false;
	folder = folder ? folder : "/bin:/usr/bin"; /* as execvp(3) */
	for (;;) {
		size_t length = strcspn(folder, ":");

		/* An empty entry is the current folder. */
		if (snprintf(ret_path, size, "%.*s/%s", length ? (int)length : 1,
			    length ? folder : ".", name) < (int)size &&
			may_run(ret_path))
			return true;
		if (!folder[length])
			return false;
		folder += length + 1;
	}
}

/* The program that env(1) would run, from its part of a script's first line. */
static bool find_by_env(char *words, char *ret_path, size_t size)
{
	char *rest = words, *word;

	while ((word = strsep(&rest, " \t"))) {
		if (word[0] && word[0] != '-' && !strchr(word, '='))
			return target_find(word, ret_path, size);
	}
	return false;
}

/*
 * The interpreter of a script. Returns 1 and its path, 0 if the file is no script, or -ENOENT if
 * there is no such interpreter.
 */
static int read_script(int fd, char *ret_path, size_t size)
{
	char line[SCRIPT_LINE_MAX + 1], *at, *words;
	ssize_t length = pread(fd, line, SCRIPT_LINE_MAX, 0);
	const char *base;

	if (length < 2 || line[0] != '#' || line[1] != '!')
		return 0;
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	at = line + 2 + strspn(line + 2, " \t");
	words = at + strcspn(at, " \t");
	if (*words)
		*words++ = '\0';
	base = strrchr(at, '/');
	if (base && strcmp(base, "/env") == 0)
		return find_by_env(words, ret_path, size) ? 1 : -ENOENT;
	return snprintf(ret_path, size, "%s", at) < (int)size && may_run(ret_path) ? 1 : -ENOENT;
}

/*
 * Whether the kernel would start it with AT_SECURE, for which the loader drops LD_PRELOAD
 * (ld.so(8), "Secure-execution mode").
 */
static bool gains_privilege(int fd)
{
	struct statvfs file_system;
	struct stat status;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || fstat(fd, &status) < 0 ||
		(fstatvfs(fd, &file_system) == 0 && file_system.f_flag & ST_NOSUID))
		return false;
	if (status.st_mode & S_ISUID && status.st_uid != getuid())
		return true;
	/* Without the group's x bit this bit asks for mandatory locking. */
	if (status.st_mode & S_ISGID && status.st_mode & S_IXGRP && status.st_gid != getgid())
		return true;
	return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static void explain(
	enum target_kind kind, const char *path, const char *loader, char *why, size_t size)
{
	switch (kind) {
	case TARGET_NO_PROGRAM:
		snprintf(why, size,
			"%s is neither an ELF program nor a script with '#!'; name the program "
			"that runs it",
			path);
		break;
	case TARGET_FOREIGN:
		snprintf(why, size,
			"%s is no 64-bit x86-64 program; install the x86-64 build of it", path);
		break;
	case TARGET_STATIC:
		snprintf(why, size,
			"%s is linked statically, so that no library can be loaded into it; "
			"link it dynamically",
			path);
		break;
	case TARGET_MUSL:
		snprintf(why, size,
			"%s runs on musl (%s), and libholter.so is made for glibc; use a glibc "
			"build of it",
			path, loader);
		break;
	case TARGET_USABLE:
		why[0] = '\0';
		break;
	}
}

/* One file on the way from a script to a program. Returns 1 to go on with `path` replaced. */
static int check_one(char *path, size_t path_size, char *why, size_t size)
{
	char loader[PATH_MAX], next[PATH_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), script;
	enum target_kind kind;
	bool privileged;

	if (fd < 0 && errno == EACCES)
		return 0; /* it may still be run: what cannot be read cannot be held against it */
	if (fd < 0) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return -ENOTSUP;
	}
	script = read_script(fd, next, sizeof(next));
	if (script) {
		close(fd);
		if (script < 0)
			snprintf(why, size,
				"%s is a script whose interpreter is not here; install it", path);
		else
			snprintf(path, path_size, "%s", next);
		return script < 0 ? -ENOTSUP : 1;
	}
	kind = target_kind(fd, loader, sizeof(loader));
	privileged = gains_privilege(fd);
	close(fd);
	if (kind != TARGET_USABLE) {
		explain(kind, path, loader, why, size);
		return -ENOTSUP;
	}
	if (privileged) {
		snprintf(why, size,
			"%s gains privilege when it starts (setuid, setgid or file capabilities), "
			"and "
			"the loader then ignores LD_PRELOAD; start it as the user that it becomes",
			path);
		return -ENOTSUP;
	}
	return 0;
}

int target_check(const char *path, char *why, size_t size)
{
	char at[PATH_MAX];

	if (snprintf(at, sizeof(at), "%s", path) >= (int)sizeof(at)) {
		snprintf(why, size, "the program's path is too long");
		return -ENOTSUP;
	}
	for (int scripts = 0; scripts <= SCRIPTS_MAX; scripts++) {
		int result = check_one(at, sizeof(at), why, size);

		if (result <= 0)
			return result;
	}
	snprintf(why, size, "%s is a script that is run by scripts, too deep", path);
	return -ENOTSUP;
}
