/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - opens a recording for a command.
 *
 * Tier C. Data: a path -> struct recording, or one line on standard error.
 */
#include "load.h"

#include <errno.h>
#include <string.h>

#include "command.h"
#include "source_map.h"
#include "symbol.h"

int load_complain(const char *path, int error)
{
	if (error <= RECORDING_NOT_ONE) {
		complain("%s: %s", path, recording_complaint(error));
		return STATUS_FAILED;
	}
	complain("%s: cannot be read: %s", path, strerror(-error));
	return error == -EACCES || error == -EPERM ? STATUS_PERMISSION : STATUS_FAILED;
}

int load_recording(struct recording **ret, const char *path, const struct load_options *options)
{
	const struct symbol_options symbol = {.root = options->symbols, .perf_maps = true};
	const struct source_map_options source_map = {
		.sources = options->sources, .root = options->root};
	struct symbol_report report;
	struct recording *recording;
	int error = recording_load(&recording, path);

	if (error)
		return load_complain(path, error);
	error = symbol_recording(recording, &symbol, &report);
	if (error) {
		recording_free(recording);
		return load_complain(path, error);
	}
	error = source_map_recording(recording, &source_map);
	if (error) {
		recording_free(recording);
		return load_complain(error == -ENOMEM ? path : options->sources, error);
	}
	*ret = recording;
	return STATUS_OK;
}
