/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c - what the checks of doctor_machine.c and doctor_process.c have in common. Tier C. */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void doctor_answer(struct doctor_answer *ret, enum doctor_status status, const char *advice,
	const char *format, ...)
{
	va_list arguments;

	ret->status = status;
	ret->denied = false;
	snprintf(ret->advice, sizeof(ret->advice), "%s", advice ? advice : "");
	va_start(arguments, format);
	vsnprintf(ret->what, sizeof(ret->what), format, arguments);
	va_end(arguments);
}

void doctor_denied(struct doctor_answer *ret, const char *what)
{
	doctor_answer(ret, DOCTOR_LIMITED,
		geteuid() == 0 ? "needs the capability CAP_SYS_PTRACE over it"
			       : "ask again as its user, or with sudo (CAP_SYS_PTRACE)",
		"%s may not be looked at", what);
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
