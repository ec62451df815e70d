/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c - what all checks of `holter doctor` have in common. Tier C. */
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void answer(struct doctor_answer *ret, enum doctor_status status, enum limit_id limit,
	const char *advice, const char *format, va_list arguments)
{
	*ret = (struct doctor_answer){.status = status, .limit = limit, .advice = advice};
	vsnprintf(ret->what, sizeof(ret->what), format, arguments);
}

void doctor_ok(struct doctor_answer *ret, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	answer(ret, DOCTOR_OK, LIMIT_NONE, NULL, format, arguments);
	va_end(arguments);
}

void doctor_trouble(struct doctor_answer *ret, enum doctor_status status, const char *advice,
	const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	answer(ret, status, LIMIT_NONE, advice, format, arguments);
	va_end(arguments);
}

void doctor_limit(struct doctor_answer *ret, enum doctor_status status, enum limit_id limit,
	const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	answer(ret, status, limit, limits[limit].instead, format, arguments);
	va_end(arguments);
}

void doctor_denied(struct doctor_answer *ret, const char *what)
{
	doctor_trouble(ret, DOCTOR_LIMITED,
		geteuid() == 0 ? "needs the capability CAP_SYS_PTRACE over it"
			       : "ask again as its user, or with sudo (CAP_SYS_PTRACE)",
		"%s may not be inspected", what);
	ret->denied = true;
}

bool doctor_read(const char *path, const char *field, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[4096];
	size_t skip = field ? strlen(field) : 0;
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		if (field && strncmp(line, field, skip) != 0)
			continue;
		found = true;
		skip += strspn(line + skip, " \t");
		line[strcspn(line, "\n")] = '\0';
		snprintf(ret, size, "%s", line + skip);
	}
	fclose(file);
	return found;
}

int doctor_try(int (*attempt)(void))
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(-attempt());
	if (waitpid(child, &status, 0) != child)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}
