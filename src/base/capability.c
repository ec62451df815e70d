/* SPDX-License-Identifier: Apache-2.0 */
#include "capability.h"

#include <linux/capability.h>

#include "format.h"
#include "sys.h"

static const char *name_of(enum capability capability)
{
	switch (capability) {
	case CAPABILITY_DAC_READ_SEARCH:
		return "CAP_DAC_READ_SEARCH";
	case CAPABILITY_SYS_PTRACE:
		return "CAP_SYS_PTRACE";
	case CAPABILITY_SYS_ADMIN:
		return "CAP_SYS_ADMIN";
	case CAPABILITY_PERFMON:
		return "CAP_PERFMON";
	case CAPABILITY_BPF:
		return "CAP_BPF";
	}
	return "";
}

bool capability_held(enum capability capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return !sys_call3(SYS_capget, (uint64_t)(uintptr_t)&header, (uint64_t)(uintptr_t)sets, 0) &&
	       sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

/* bpf_capable, perfmon_capable (include/linux/capability.h) */
static bool has_stand_in(enum capability capability)
{
	return (capability == CAPABILITY_BPF || capability == CAPABILITY_PERFMON) &&
	       capability_held(CAPABILITY_SYS_ADMIN);
}

size_t capability_missing(
	char *buffer, size_t size, const enum capability *wanted, size_t wanted_count)
{
	struct format format;
	size_t count = 0;

	format_init(&format, buffer, size);
	for (size_t i = 0; i < wanted_count; i++) {
		if (capability_held(wanted[i]) || has_stand_in(wanted[i]))
			continue;
		format_text(&format, count++ ? " and " : "");
		format_text(&format, name_of(wanted[i]));
	}
	return count;
}
