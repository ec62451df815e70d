/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.h - the file under a recording: appends a block whole or not at all, cuts a torn one back,
 * and turns FILE into FILE.1. It knows nothing of what a block holds.
 *
 * The descriptor lives among those of a server that may close it and reuse its number (hazard 22):
 * it stands high where the limit allows, and its identity is checked before every use; a descriptor
 * that is no longer ours is given up, and the file opened again. A size limit of the process is
 * respected beforehand, so that no SIGXFSZ arises (hazard 44).
 * Data: src/record/writer.c -> the disk. Tier A: raw system calls. One thread owns a sink.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The calls that fail on a bad day; a test puts its own here. Negative errno, as in sys.h. */
struct sink_calls {
	int64_t (*write)(int descriptor, const void *bytes, size_t size);
	int (*truncate)(int descriptor, int64_t length);
	int (*rename)(const char *from, const char *to);
};

struct sink_file {
	int descriptor; /* -1: none */
	uint64_t device, inode;
};

struct sink {
	const struct sink_calls *calls;
	char path[PATH_MAX], old_path[PATH_MAX]; /* FILE and FILE.1 */
	struct sink_file file;                   /* FILE */
	uint64_t size;                           /* bytes of whole blocks in FILE */
	uint64_t blocks, old_blocks;             /* of this recording in FILE and in FILE.1 */
	bool torn;                               /* bytes beyond size could not be cut off */
};

/*
 * Creates FILE, mode 0600. An existing one is emptied if it is a regular file of the same owner
 * that is empty or a recording, and refused otherwise (-EEXIST): nothing else is ever overwritten.
 * Returns 0 or a negative errno.
 */
int sink_open(struct sink *sink, const char *path);
/* Appends a block. Returns 0, or a negative errno with the file as it was; -ESTALE: it had been
 * removed, and is a new one now, that the block would be no beginning of. */
int sink_append(struct sink *sink, const void *block, size_t length);
/*
 * Makes FILE the new FILE.1 and begins an empty FILE; *ret_blocks_lost is how many blocks of this
 * recording went with the FILE.1 that was replaced. Returns 0, or a negative errno with FILE still
 * in use (blocks may have been lost in that case, too). -EEXIST: there is a FILE.1 that may not be
 * overwritten, as above.
 */
int sink_rotate(struct sink *sink, uint64_t *ret_blocks_lost);
/* Empties FILE, where there is no rotating; *ret_blocks_lost as above. Returns 0 or -errno. */
int sink_restart(struct sink *sink, uint64_t *ret_blocks_lost);
/* How large FILE may become by the process's own limit. */
uint64_t sink_size_limit(void);
/* Closes the descriptor if it is still ours, and leaves the file as it is. */
void sink_close(struct sink *sink);
