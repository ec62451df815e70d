/* SPDX-License-Identifier: Apache-2.0 */
/* source_map_find.c - see source_map_find.h. */
#include "source_map_find.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base64.h"
#include "locate.h"
#include "source_map_path.h"

static const int64_t NS_PER_S = 1000000000;

enum { NO_DIGIT = 255 }; /* of base64 */

struct text {
	char *bytes; /* null: not read */
	size_t length;
	bool is_newer; /* than the recording */
};

/* A folder tree that is searched: that of the process, or DIR as if it were one. */
struct place {
	struct source_map_search *search;
	int root;
	bool is_sources; /* DIR: what lies there is believed */
};

static int read_all(struct text *ret, int fd, size_t size)
{
	struct text text = {.bytes = malloc(size + 1)};

	if (!text.bytes)
		return -ENOMEM;
	while (text.length < size) {
		ssize_t got = read(fd, text.bytes + text.length, size - text.length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(text.bytes);
			return -EIO;
		}
		if (got == 0)
			break;
		text.length += (size_t)got;
	}
	text.bytes[text.length] = '\0';
	*ret = text;
	return 0;
}

/*
 * The time of the last change of the inode, not that of the content: tools that copy and unpack
 * files set the latter back.
 */
static bool is_newer(const struct stat *status, int64_t begin_ns)
{
	return status->st_ctim.tv_sec > begin_ns / NS_PER_S ||
	       (status->st_ctim.tv_sec == begin_ns / NS_PER_S &&
		       status->st_ctim.tv_nsec > begin_ns % NS_PER_S);
}

/* Returns 0; -ENOENT; -EFBIG; -ENOMEM; -EIO. */
static int read_file(struct text *ret, const struct place *place, const char *path)
{
	struct source_map_search *search = place->search;
	struct stat status;
	int fd = locate_file(place->root, path), result;

	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -EFBIG ? fd : -EIO;
	if (fstat(fd, &status) < 0)
		result = -EIO;
	else if (status.st_size > SOURCE_MAP_FILE_MAX ||
		 (uint64_t)status.st_size > search->bytes_left)
		result = -EFBIG;
	else
		result = read_all(ret, fd, (size_t)status.st_size);
	if (result == 0) {
		search->bytes_left -= (uint64_t)status.st_size;
		ret->is_newer = !place->is_sources && is_newer(&status, search->begin_ns);
	}
	close(fd);
	return result;
}

/* Whether from here on a script has comments of one line and blanks only. */
static bool is_end_of_script(const char *at)
{
	for (;;) {
		at += strspn(at, " \t\r\n");
		if (*at == '\0')
			return true;
		if (strncmp(at, "//", 2) != 0)
			return false;
		at += strcspn(at, "\r\n");
	}
}

/*
 * What the comment at the end of a script refers to: "//# sourceMappingURL=REFERENCE", also with
 * the older "@" and as a block comment. Scripts that handle source maps have it in their strings as
 * well: nothing but comments may follow.
 */
static const char *find_reference(const struct text *script, size_t *ret_length)
{
	static const char key[] = " sourceMappingURL=";
	const char *found = NULL, *at = script->bytes, *end;

	while ((at = memmem(at, script->length - (size_t)(at - script->bytes), key, strlen(key)))) {
		found = at;
		at += strlen(key);
	}
	if (!found || found - script->bytes < 3 || (found[-1] != '#' && found[-1] != '@') ||
		found[-3] != '/' || (found[-2] != '/' && found[-2] != '*'))
		return NULL;
	at = found + strlen(key);
	end = at + strcspn(at, " \t\r\n'\"`");
	*ret_length = (size_t)(end - at);
	if (found[-2] == '*') {
		end += strspn(end, " \t");
		if (strncmp(end, "*/", 2) != 0)
			return NULL;
		end += 2;
	}
	return *ret_length > 0 && is_end_of_script(end) ? at : NULL;
}

/* In the alphabet of URLs (RFC 4648, section 5) as well. */
static uint8_t value_of_digit(unsigned char c)
{
	int digit = base64_digit(c);

	if (digit < 0)
		return c == '-' ? 62 : c == '_' ? 63 : NO_DIGIT;
	return (uint8_t)digit;
}

/* Decodes in place. Returns the length, or -EINVAL. */
static ssize_t decode_base64(char *text, size_t length)
{
	uint8_t values[256];
	uint32_t bits = 0;
	size_t used = 0;
	int held = 0;

	for (int c = 0; c < 256; c++)
		values[c] = value_of_digit((unsigned char)c);
	for (size_t i = 0; i < length && text[i] != '='; i++) {
		uint8_t value = values[(unsigned char)text[i]];

		if (value == NO_DIGIT)
			return -EINVAL;
		bits = bits << 6 | value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			text[used++] = (char)(bits >> held);
		}
	}
	return (ssize_t)used;
}

/* "data:application/json;charset=utf-8;base64,eyJ2..." or with percent escapes. RFC 2397. */
static int parse_data_url(struct source_map_document **ret, const char *reference, size_t length)
{
	static const char base64[] = ";base64";
	const char *comma = memchr(reference, ',', length);
	size_t head = comma ? (size_t)(comma - reference) : 0;
	char *text;
	ssize_t used;
	int result;

	if (!comma)
		return -EINVAL;
	text = malloc(length - head);
	if (!text)
		return -ENOMEM;
	memcpy(text, comma + 1, length - head - 1);
	used = (ssize_t)source_map_path_decode(text, length - head - 1);
	if (head >= strlen(base64) &&
		strncasecmp(comma - strlen(base64), base64, strlen(base64)) == 0)
		used = decode_base64(text, (size_t)used);
	result = used < 0 ? -EINVAL : source_map_document_parse(ret, text, (size_t)used);
	free(text);
	return result;
}

/* Reads and parses a map; `path` as the place has it. Sets the folder that its sources are relative
 * to. */
static int load_map(struct source_map_found *found, const struct place *place, const char *path)
{
	struct text text = {0};
	int result = read_file(&text, place, path);
	char *folder;

	if (result < 0)
		return result;
	result = text.is_newer
			 ? -ESTALE
			 : source_map_document_parse(&found->document, text.bytes, text.length);
	free(text.bytes);
	if (result < 0)
		return result;
	folder = source_map_path_folder(path);
	if (folder && place->is_sources) {
		char *inside = folder;

		folder = source_map_path_join(place->search->sources, inside + 1);
		free(inside);
	}
	found->folder = folder;
	return folder ? 0 : -ENOMEM;
}

/* What the script itself says of its map. Returns -ENOENT if it says nothing. */
static int follow_reference(struct source_map_found *found, const struct place *place,
	const char *path, const struct text *script)
{
	size_t length;
	const char *reference = find_reference(script, &length);
	char *folder, *named, *map;
	int result;

	if (!reference)
		return -ENOENT;
	folder = source_map_path_folder(path);
	if (!folder)
		return -ENOMEM;
	if (length > 5 && strncasecmp(reference, "data:", 5) == 0) {
		result = parse_data_url(&found->document, reference, length);
		found->folder = !place->is_sources
					? folder
					: source_map_path_join(place->search->sources, folder + 1);
		if (found->folder != folder)
			free(folder);
		return result == 0 && !found->folder ? -ENOMEM : result;
	}
	named = strndup(reference, length);
	map = named ? source_map_path_of_map(folder, reference, length) : NULL;
	if (!map)
		result = -ENOMEM;
	else if (source_map_path_is_remote(named))
		result = -EREMOTE;
	else
		result = load_map(found, place, map);
	free(map);
	free(named);
	free(folder);
	/* The script asks for a map: that it is not there is worth saying. */
	return result == -ENOENT ? -ENOKEY : result;
}

/* FILE.map, for a script that does not say so, or says that its map lies on a network. */
static int load_beside(struct source_map_found *found, const struct place *place, const char *path)
{
	char *beside;
	int result;

	if (asprintf(&beside, "%s.map", path) < 0)
		return -ENOMEM;
	result = load_map(found, place, beside);
	free(beside);
	return result;
}

static int find_in(struct source_map_found *ret, const struct place *place, const char *path)
{
	struct source_map_found found = {0};
	struct text script = {0};
	int result = read_file(&script, place, path);

	if (result == 0)
		result = follow_reference(&found, place, path, &script);
	else if (result == -EIO)
		result = -ENOENT; /* as far as one may see, it has no map */
	if (result == -ENOENT || result == -EREMOTE || result == -ENOKEY) {
		int beside = load_beside(&found, place, path);

		result = beside == -ENOENT ? result : beside;
	}
	if (result == 0 && script.is_newer)
		result = -ESTALE;
	found.script = script.bytes;
	found.script_length = script.length;
	if (result < 0) {
		source_map_found_done(&found);
		return result;
	}
	*ret = found;
	return 0;
}

/* Below DIR there may be the server's whole path, or the end of it that begins with the project. */
static int find_below(
	struct source_map_found *ret, struct source_map_search *search, const char *script)
{
	const struct place place = {
		.search = search, .root = search->sources_fd, .is_sources = true};

	for (const char *path = script; path; path = strchr(path + 1, '/')) {
		int result = find_in(ret, &place, path);

		if (result != -ENOENT && result != -ENOTDIR)
			return result;
	}
	return -ENOENT;
}

int source_map_find(
	struct source_map_found *ret, struct source_map_search *search, const char *script)
{
	const struct place system = {.search = search, .root = search->process_fd};
	struct text text = {0};
	int below = -ENOENT, result;

	if (search->sources_fd != LOCATE_SYSTEM)
		below = find_below(ret, search, script);
	if (below == 0) {
		/* The map alone is what one keeps; the script may still be where it ran. */
		if (!ret->script && read_file(&text, &system, script) == 0 && text.is_newer)
			free(text.bytes);
		else if (!ret->script) {
			ret->script = text.bytes;
			ret->script_length = text.length;
		}
		return 0;
	}
	result = find_in(ret, &system, script);
	/* Of two reasons that of DIR counts: somebody wants it to be used. */
	if (result < 0 && below != -ENOENT)
		return below;
	return result == -ENOTDIR ? -ENOENT : result;
}

const char *source_map_find_reason(int error)
{
	switch (error) {
	case -ESTALE:
		return "script or map were changed after the recording began (--sources DIR takes "
		       "them all the same)";
	case -EREMOTE:
		return "the map lies on a network, from which nothing is fetched (--sources DIR "
		       "takes a copy)";
	case -ENOKEY:
		return "the map is not there (--sources DIR says where else to look)";
	case -EFBIG:
	case -ENOMEM:
		return "script or map are too large";
	case -ETIME:
		return "there was no time left to read the map";
	case -EINVAL:
		return "the map is damaged, or of another version than 3";
	default:
		return "the map cannot be read";
	}
}

void source_map_found_done(struct source_map_found *found)
{
	source_map_document_free(found->document);
	free(found->folder);
	free(found->script);
	*found = (struct source_map_found){0};
}
