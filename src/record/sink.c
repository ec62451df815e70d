/* SPDX-License-Identifier: Apache-2.0 */
/* sink.c - see sink.h. Tier A. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "sys.h"

enum { DESCRIPTOR_MIN = 900, FILE_MODE = 0600 };

static const uint8_t block_magic[] = {'H', 'L', 'T', 0xB1};

static int truncate_to(int descriptor, int64_t length)
{
	return sys_ftruncate(descriptor, length);
}

static int64_t write_some(int descriptor, const void *bytes, size_t size)
{
	return sys_write(descriptor, bytes, size);
}

static int rename_to(const char *from, const char *to)
{
	return sys_rename(from, to);
}

static const struct sink_calls system_calls = {
	.write = write_some,
	.truncate = truncate_to,
	.rename = rename_to,
};

/* Whether the descriptor's number still stands for our file. */
static bool is_ours(const struct sink_file *file)
{
	struct stat status = {0};

	return file->descriptor >= 0 && sys_fstat(file->descriptor, &status) == 0 &&
	       status.st_dev == file->device && status.st_ino == file->inode;
}

static void file_close(struct sink_file *file)
{
	if (is_ours(file))
		sys_close(file->descriptor);
	file->descriptor = -1;
}

/* Moves a descriptor out of the range that servers count on. */
static int raise_descriptor(int descriptor)
{
	int high = sys_fcntl(descriptor, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN);

	if (high < 0)
		return descriptor;
	sys_close(descriptor);
	return high;
}

/* Begins with an empty file. */
static int adopt(struct sink *sink, int descriptor)
{
	struct stat status = {0};
	int error = sys_fstat(descriptor, &status);

	if (error < 0) {
		sys_close(descriptor);
		return error;
	}
	sink->file = (struct sink_file){.descriptor = raise_descriptor(descriptor),
		.device = status.st_dev,
		.inode = status.st_ino};
	sink->size = 0;
	sink->blocks = 0;
	sink->torn = false;
	return 0;
}

/* Opens a file that exists already, if it may be overwritten: a regular one of the same owner that
 * is empty or a recording. Returns a descriptor or -errno. */
static int open_existing(const char *path)
{
	int descriptor = sys_open(
		path, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	uint8_t begin[sizeof(block_magic)];
	struct stat status = {0};
	int64_t length;
	int error;

	if (descriptor < 0)
		return descriptor;
	error = sys_fstat(descriptor, &status);
	if (error == 0 && (!S_ISREG(status.st_mode) ||
				  status.st_uid != (uid_t)sys_call3(SYS_geteuid, 0, 0, 0)))
		error = -EEXIST;
	if (error == 0) {
		length = sys_pread(descriptor, begin, sizeof(begin), 0);
		if (length < 0)
			error = (int)length;
		else if (length != 0 && (length != sizeof(begin) ||
						memcmp(begin, block_magic, sizeof(begin)) != 0))
			error = -EEXIST;
	}
	if (error == 0)
		return descriptor;
	sys_close(descriptor);
	return error;
}

static int create(struct sink *sink, bool may_exist)
{
	int descriptor = sys_open(sink->path,
		O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	int error;

	if (descriptor == -EEXIST && may_exist) {
		descriptor = open_existing(sink->path);
		error = descriptor < 0 ? 0 : sys_ftruncate(descriptor, 0);
		if (error < 0) {
			sys_close(descriptor);
			return error;
		}
	}
	if (descriptor < 0)
		return descriptor;
	return adopt(sink, descriptor);
}

int sink_open(struct sink *sink, const char *path)
{
	size_t length = strlen(path);

	*sink = (struct sink){.calls = &system_calls, .file.descriptor = -1};
	if (length + sizeof(".1") > sizeof(sink->old_path))
		return -ENAMETOOLONG;
	memcpy(sink->path, path, length + 1);
	memcpy(sink->old_path, path, length);
	memcpy(sink->old_path + length, ".1", sizeof(".1"));
	return create(sink, true);
}

/* Whether somebody has removed the file, which then takes room and is seen by nobody. */
static bool is_removed(const struct sink_file *file)
{
	struct stat status = {0};

	return sys_fstat(file->descriptor, &status) == 0 && status.st_nlink == 0;
}

/* Takes up our file again after the server has closed its descriptor, or begins a new one. */
static int reopen(struct sink *sink)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

	sink->file.descriptor = sys_open(sink->path, flags, 0);
	if (sink->file.descriptor == -ENOENT)
		return create(sink, false);
	if (sink->file.descriptor < 0)
		return sink->file.descriptor;
	if (!is_ours(&sink->file)) {
		sys_close(sink->file.descriptor);
		sink->file.descriptor = -1;
		return -ESTALE;
	}
	sink->file.descriptor = raise_descriptor(sink->file.descriptor);
	return 0;
}

uint64_t sink_size_limit(void)
{
	struct rlimit limit = {0};

	if (sys_call3(SYS_getrlimit, RLIMIT_FSIZE, (uint64_t)(uintptr_t)&limit, 0) < 0)
		return UINT64_MAX;
	return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* Cuts off what a failed write left behind the last whole block. */
static int cut_back(struct sink *sink)
{
	int error = sink->calls->truncate(sink->file.descriptor, (int64_t)sink->size);

	sink->torn = error < 0;
	return error;
}

static int write_whole(struct sink *sink, const uint8_t *bytes, size_t length)
{
	while (length > 0) {
		int64_t written = sink->calls->write(sink->file.descriptor, bytes, length);

		if (written == -EINTR)
			continue;
		if (written < 0)
			return (int)written;
		if (written == 0)
			return -EIO;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

int sink_append(struct sink *sink, const void *block, size_t length)
{
	uint64_t limit = sink_size_limit();
	int error = 0;

	if (!is_ours(&sink->file)) {
		error = reopen(sink);
	} else if (is_removed(&sink->file)) {
		file_close(&sink->file);
		error = create(sink, false);
		/* The new file is to begin with a chunk, which this block is in the middle of. */
		error = error < 0 ? error : -ESTALE;
	}
	if (error == 0 && sink->torn)
		error = cut_back(sink);
	if (error < 0)
		return error;
	if (length > limit || sink->size > limit - length)
		return -EFBIG;
	error = write_whole(sink, block, length);
	if (error < 0) {
		cut_back(sink);
		return error;
	}
	sink->size += length;
	sink->blocks++;
	return 0;
}

int sink_rotate(struct sink *sink, uint64_t *ret_blocks_lost)
{
	struct sink_file old = sink->file;
	uint64_t blocks = sink->blocks;
	int replaced = sink->old_blocks ? -ENOENT : open_existing(sink->old_path), error;

	*ret_blocks_lost = 0;
	if (replaced == -EEXIST)
		return replaced;
	if (replaced >= 0)
		sys_close(replaced);
	error = sink->calls->rename(sink->path, sink->old_path);
	if (error < 0)
		return error;
	*ret_blocks_lost = sink->old_blocks;
	sink->old_blocks = 0;
	error = create(sink, false);
	if (error < 0) {
		/* Go on in the file we have, under its own name again. */
		sink->calls->rename(sink->old_path, sink->path);
		return error;
	}
	sink->old_blocks = blocks;
	file_close(&old);
	return 0;
}

int sink_restart(struct sink *sink, uint64_t *ret_blocks_lost)
{
	int error;

	*ret_blocks_lost = 0;
	if (!is_ours(&sink->file))
		return -EBADF;
	error = sink->calls->truncate(sink->file.descriptor, 0);
	if (error < 0)
		return error;
	*ret_blocks_lost = sink->blocks;
	sink->size = 0;
	sink->blocks = 0;
	sink->torn = false;
	return 0;
}

void sink_close(struct sink *sink)
{
	file_close(&sink->file);
}
