/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format.h"
#include "sys.h"

struct settings settings;

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value && strcmp(value, "0");
}

static uint64_t number(const char *name, uint64_t least, uint64_t most, uint64_t standard)
{
	const char *value = getenv(name);
	uint64_t parsed, scale = 1;

	if (!value || !*value)
		return standard;
	if (!parse_unsigned(&value, &parsed)) {
		settings.complaint = name;
		return standard;
	}
	if (*value == 'K' || *value == 'k')
		scale = 1ull << 10;
	else if (*value == 'M' || *value == 'm')
		scale = 1ull << 20;
	else if (*value == 'G' || *value == 'g')
		scale = 1ull << 30;
	if (value[*value && scale > 1] || __builtin_mul_overflow(parsed, scale, &parsed) ||
		parsed < least || parsed > most) {
		settings.complaint = name;
		return standard;
	}
	return parsed;
}

static void choose_folder(void)
{
	const char *folder = getenv("HOLTER_DIR"), *state = getenv("XDG_STATE_HOME"),
		   *temporary = getenv("TMPDIR");
	struct format format;

	format_init(&format, settings.folder, sizeof(settings.folder));
	if (folder && *folder) {
		format_text(&format, folder);
	} else if (state && *state == '/') {
		format_text(&format, state);
		format_text(&format, "/holter");
	} else {
		format_text(&format, temporary && *temporary == '/' ? temporary : "/tmp");
		format_text(&format, "/holter-");
		format_unsigned(&format, geteuid());
		settings.folder_must_be_own = true;
	}
}

void settings_load(void)
{
	const char *out = getenv("HOLTER_OUT");

	settings = (struct settings){
		.disabled = is_set("HOLTER_DISABLE"),
		.no_signals = is_set("HOLTER_NO_SIGNALS"),
	};
	settings.threshold_ns = number("HOLTER_THRESHOLD_MS", 1, 3600000, 50) * 1000000;
	settings.interval_ns = number("HOLTER_INTERVAL_MS", 1, 3600000, 10) * 1000000;
	settings.max_bytes = number("HOLTER_MAX_SIZE", 1 << 18, 1ull << 50, 64 << 20);
	if (out && strlen(out) < sizeof(settings.out))
		strcpy(settings.out, out);
	choose_folder();
}

bool settings_switched_off(void)
{
	char path[sizeof(settings.folder) + 16];
	struct format format;
	struct stat status;

	format_init(&format, path, sizeof(path));
	format_text(&format, settings.folder);
	format_text(&format, "/disable");
	return !sys_stat("/etc/holter/disable", &status) || !sys_stat(path, &status);
}
