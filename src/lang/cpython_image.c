/* SPDX-License-Identifier: Apache-2.0 */
#include "cpython_image.h"

#include <errno.h>
#include <string.h>

#include "format.h"

enum { VERSION_FIRST = 309, VERSION_LAST = 313 };

/* From 3.11 on Py_Version is PY_VERSION_HEX: two digits each of major, minor and micro version. */
static bool read_version(
	struct cpython_image *image, struct memory *memory, uint16_t *ret, uint8_t *ret_micro)
{
	uint64_t address, size, version;

	if (image_symbol(&image->image, memory, "Py_Version", &address, &size) ||
		memory_u64(memory, address, &version))
		return false;
	*ret = (uint16_t)((version >> 24 & 0xff) * 100 + (version >> 16 & 0xff));
	*ret_micro = (uint8_t)(version >> 8);
	return true;
}

/* "python3.9" and "libpython3.9.so.1.0" tell what older interpreters have no symbol for. */
static bool version_of_path(const char *path, uint16_t *ret)
{
	const char *slash = strrchr(path, '/'), *at;
	uint64_t minor = 0;

	at = strstr(slash ? slash : path, "python3.");
	if (!at)
		return false;
	at += sizeof("python3.") - 1;
	if (!parse_unsigned(&at, &minor) || minor > 99)
		return false;
	*ret = (uint16_t)(300 + minor);
	return true;
}

static void name_version(struct cpython_image *image, uint16_t version, const uint8_t *micro)
{
	struct format format;

	format_init(&format, image->version, sizeof(image->version));
	format_text(&format, "python ");
	format_unsigned(&format, version / 100);
	format_text(&format, ".");
	format_unsigned(&format, version % 100);
	if (micro) {
		format_text(&format, ".");
		format_unsigned(&format, *micro);
	}
}

/* A type is known by its name; returns 0 if what the symbol names is another. */
static uint64_t find_type(const struct cpython_image *image, struct memory *memory,
	const char *symbol, const char *name)
{
	uint64_t address, size, text;
	char found[16];

	if (image_symbol(&image->image, memory, symbol, &address, &size) ||
		memory_u64(memory, address + image->layout.type_name, &text) ||
		memory_string(memory, text, found, sizeof(found)) < 0 || strcmp(found, name) != 0)
		return 0;
	return address;
}

static int read_layout(struct cpython_image *image, struct memory *memory, uint16_t version,
	const char **ret_reason)
{
	if (version < VERSION_FIRST)
		*ret_reason = "a CPython older than 3.9";
	else if (version > VERSION_LAST)
		*ret_reason = "a CPython newer than this version of Holter knows";
	else if (!cpython_layout_known(&image->layout, version) &&
		 cpython_layout_read(&image->layout, memory, image->runtime))
		*ret_reason = "a CPython that describes itself in a way this version of Holter "
			      "does not know";
	else
		return 0;
	return -ENOTSUP;
}

/* Whether the image is a CPython, and one that can be read. */
static int read_image(struct cpython_image *image, struct memory *memory, const char *path,
	const char **ret_reason)
{
	uint64_t address, size;
	uint16_t version;
	uint8_t micro = 0;
	bool exact;
	int error;

	if (image_symbol(&image->image, memory, "_PyRuntime", &image->runtime, &size) ||
		image_symbol(&image->image, memory, "_PyEval_EvalFrameDefault", &address, &size))
		return -ENOENT;
	image->evaluator_start = address;
	image->evaluator_end = address + size;
	exact = read_version(image, memory, &version, &micro);
	if (!exact && !version_of_path(path, &version)) {
		*ret_reason = "a CPython of unknown version";
		return -ENOTSUP;
	}
	error = read_layout(image, memory, version, ret_reason);
	if (error)
		return error;
	name_version(image, version, exact ? &micro : NULL);
	image->type_code = find_type(image, memory, "PyCode_Type", "code");
	image->type_text = find_type(image, memory, "PyUnicode_Type", "str");
	image->type_bytes = find_type(image, memory, "PyBytes_Type", "bytes");
	if (!image->type_code || !image->type_text || !image->type_bytes) {
		*ret_reason = "a CPython whose types are not where its version has them";
		return -ENOTSUP;
	}
	return 0;
}

int cpython_image_find(
	struct cpython_image *ret, const struct lang_target *target, const char **ret_reason)
{
	const struct maps *maps = target->maps;
	const struct map *last = NULL;

	/* The interpreter is an executable (Debian), or a library of it or of another program. */
	for (size_t i = 0; i < maps->count; i++) {
		const struct map *map = &maps->entries[i], *first;
		int error;

		if (!(map->protection & MAP_EXECUTE) || !map->inode)
			continue;
		first = image_first_map(maps, map);
		if (!first || first == last)
			continue;
		last = first;
		*ret = (struct cpython_image){0};
		if (image_open(&ret->image, target->memory, first->start))
			continue;
		error = read_image(ret, target->memory, maps_path(maps, first), ret_reason);
		if (error != -ENOENT)
			return error;
	}
	return -ENOENT;
}
