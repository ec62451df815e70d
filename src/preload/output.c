/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"
#include "format.h"
#include "settings.h"
#include "sys.h"

enum { FILE_MODE = 0600, FOLDER_MODE = 0700 };

static int claim(const char *path)
{
	int fd = sys_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

	return fd < 0 ? fd : sys_close(fd);
}

/* Makes the folder and its parents. One in a shared place must be ours alone (hazard 52). */
static int make_folder(const char *folder)
{
	char path[sizeof(settings.folder)];
	struct stat status = {0};
	bool is_own;
	int fd, rc;

	strcpy(path, folder);
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		sys_mkdir(path, FOLDER_MODE);
		*at = '/';
	}
	rc = sys_mkdir(path, FOLDER_MODE);
	if (!rc || rc != -EEXIST)
		return rc;
	fd = sys_open(path,
		O_RDONLY | O_DIRECTORY | O_CLOEXEC | (settings.folder_must_be_own ? O_NOFOLLOW : 0),
		0);
	if (fd < 0)
		return fd;
	rc = sys_fstat(fd, &status);
	sys_close(fd);
	if (rc)
		return rc;
	/* A folder that others may write to, and that somebody else made, can hold links laid out
	 * for us; and whoever owns it can take away what we make in it. */
	is_own = status.st_uid == (uid_t)sys_call3(SYS_geteuid, 0, 0, 0);
	if (!is_own && (settings.folder_must_be_own ||
			       ((status.st_mode & 022) && !(status.st_mode & S_ISVTX))))
		return -EPERM;
	return 0;
}

/* YYYYMMDD-HHMMSS, UTC (days to civil date after H. Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static void format_time(struct format *format, uint64_t seconds)
{
	uint64_t days = seconds / 86400 + 719468, rest = seconds % 86400, era = days / 146097;
	uint64_t day_of_era = days % 146097;
	uint64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint64_t shifted = (5 * day_of_year + 2) / 153,
		 day = day_of_year - (153 * shifted + 2) / 5 + 1;
	uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
	uint64_t year = year_of_era + era * 400 + (month <= 2);
	uint64_t parts[] = {month, day, rest / 3600, rest / 60 % 60, rest % 60};

	format_unsigned(format, year);
	for (size_t i = 0; i < 5; i++) {
		format_text(format, i == 2 ? "-" : "");
		format_text(format, parts[i] < 10 ? "0" : "");
		format_unsigned(format, parts[i]);
	}
}

static void append_pid(struct format *format)
{
	format_unsigned(format, (uint64_t)sys_getpid());
}

static int create_named(char *path, size_t size)
{
	struct format format;
	int rc = claim(settings.out);

	format_init(&format, path, size);
	format_text(&format, settings.out);
	if (rc != -EEXIST)
		return rc;
	format_text(&format, ".");
	append_pid(&format);
	return claim(path);
}

static int create_in_folder(char *path, size_t size)
{
	struct utsname names = {0};
	struct format format;
	int rc;

	format_init(&format, path, size);
	format_text(&format, settings.folder);
	rc = make_folder(settings.folder);
	if (rc)
		return rc;
	sys_call3(SYS_uname, (uint64_t)(uintptr_t)&names, 0, 0);
	format_text(&format, "/");
	format_text(&format, names.nodename);
	format_text(&format, "-");
	format_time(&format, clock_realtime_ns() / 1000000000);
	format_text(&format, "-");
	append_pid(&format);
	format_text(&format, ".holter");
	return claim(path);
}

int output_create(char *path, size_t size)
{
	return settings.out[0] ? create_named(path, size) : create_in_folder(path, size);
}

/* By the kernel's own rules, in this thread alone: the user for files is changed for a moment, in
 * which no handler of the server's may run. */
bool output_is_closed_to(uint32_t user)
{
	char folder[sizeof(settings.out)];
	const char *slash = strrchr(settings.out, '/');
	struct format format;
	sigset_t all, old;
	uint64_t own;
	int64_t rc;

	if (!settings.out[0])
		return false;
	format_init(&format, folder, sizeof(folder));
	if (slash)
		format_bytes(&format, settings.out, (size_t)(slash + 1 - settings.out));
	else
		format_text(&format, ".");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	own = (uint64_t)sys_call3(SYS_setfsuid, user, 0, 0);
	rc = sys_call6(439 /* faccessat2 */, (uint64_t)AT_FDCWD, (uint64_t)(uintptr_t)folder,
		W_OK | X_OK, AT_EACCESS, 0, 0);
	sys_call3(SYS_setfsuid, own, 0, 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == -EACCES;
}
