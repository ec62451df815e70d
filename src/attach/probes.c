/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probes.c - the eBPF source: loads the programs of bpf/stall.bpf.c, leaves out singly what this
 * kernel lacks, attaches the rest, and drains their ring.
 *
 * No link is pinned and no name made: all of it vanishes with this process, however that ends
 * (hazard 35). Attaching stops at the first error and never tries a second way (hazard 32). There
 * is no uprobe (hazards 31, 33).
 *
 * Tier C. Data: the kernel's tracepoints -> struct source_ops.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capability.h"
#include "clock.h"
#include "histogram.h"
#include "source.h"
#include "stall.skel.h"
#include "tracefs.h"

_Static_assert((int)STALL_BUCKETS == (int)HISTOGRAM_BUCKETS, "one scale for both");

enum { VERDICT_BYTES = 4096, CLOCK_HZ = 99, LINKS_STEP = 64, CLOSERS_MAX = 32, PARTS_MAX = 32 };

struct source {
	struct stall *skeleton;
	struct ring_buffer *ring;
	struct stall_loop *loops;
	size_t loops_bytes;
	struct bpf_link **links; /* those of the skeleton apart */
	size_t link_count, link_capacity;
	struct source_settings settings;
	bool is_wanted[PARTS_MAX];      /* the parts that are to be attached */
	source_record_function *record; /* during drain */
	void *context;
};

/* What a program is attached to, and whether there is any sense in going on without that. */
struct part {
	const char *program;
	const char *event; /* tracepoint "syscalls/…", or "" for those that libbpf attaches */
	const char *lacks; /* what cannot be observed without it; null: it is indispensable */
	bool polls;        /* wanted only with source_settings.polls */
};

#define WAIT(kind, name, polls)                                                                    \
	{"enter_" #kind, "syscalls/sys_enter_" #name, "loops that wait by " #name, polls},         \
	{                                                                                          \
		"exit_wait", "syscalls/sys_exit_" #name, "loops that wait by " #name, polls        \
	}

static const struct part parts[] = {
	WAIT(epoll, epoll_wait, false),
	WAIT(epoll, epoll_pwait, false),
	WAIT(epoll, epoll_pwait2, false),
	WAIT(poll, poll, true),
	WAIT(poll, ppoll, true),
	WAIT(select, select, true),
	WAIT(select, pselect6, true),
	{"exit_wait", "syscalls/sys_exit_restart_syscall",
		"the turn after a wait by poll that was stopped", true},
	{"on_switch", "", NULL, false},
	{"on_wakeup", "", NULL, false},
	{"on_exit", "", NULL, false},
	{"on_clock", "", NULL, false},
	{"seed", "", "a stall that was going on before, and loops until their second wait", false},
	{"on_fork", "", "children of the process", false},
	{"on_exec", "", "that the process runs another program from now on", false},
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

_Static_assert(PARTS <= PARTS_MAX, "each has its place");

static void complain(const struct source *source, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(const struct source *source, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	source->settings.complain(source->settings.context, text);
}

/* What a step takes of who asks. tracefs can be read by root alone, and mounted by CAP_SYS_ADMIN.
 */
static const enum capability tracing[] = {CAPABILITY_BPF, CAPABILITY_PERFMON};
static const enum capability listing[] = {CAPABILITY_DAC_READ_SEARCH, CAPABILITY_SYS_ADMIN};

/* Names the missing right (hazard 38). */
static void refused(const struct source *source, const char *what, int error,
	const enum capability *wanted, size_t wanted_count)
{
	char missing[64];

	if (error != -EPERM && error != -EACCES)
		complain(source, "%s: %s", what, strerror(-error));
	else if (capability_missing(missing, sizeof(missing), wanted, wanted_count))
		complain(source, "%s: %s: this takes %s; --method=poll does without", what,
			strerror(-error), missing);
	else
		complain(source,
			"%s: %s, in spite of the capabilities: 'holter doctor' may say why; "
			"--method=poll does without",
			what, strerror(-error));
}

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int verbose(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	return vfprintf(stderr, format, arguments);
}

static struct bpf_program *program_of(const struct source *source, const struct part *part)
{
	return bpf_object__find_program_by_name(source->skeleton->obj, part->program);
}

/* --- what this kernel has --------------------------------------------------------------------- */

static bool is_attached_by_btf(const struct bpf_program *program)
{
	return strncmp(bpf_program__section_name(program), "tp_btf/", 7) == 0;
}

/* Whether the kernel has what a program is to be attached to. */
static bool is_there(
	const struct source *source, const struct part *part, const struct btf *btf, int tracefs)
{
	const struct bpf_program *program = program_of(source, part);
	char name[128];

	if (part->event[0])
		return tracefs_event(tracefs, part->event) >= 0;
	if (!is_attached_by_btf(program))
		return true;
	snprintf(name, sizeof(name), "btf_trace_%s",
		strchr(bpf_program__section_name(program), '/') + 1);
	return btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) >= 0;
}

/* One end of a wait is no use without the other. */
static bool is_other_end(const char *enter, const char *exit)
{
	static const char begins[] = "syscalls/sys_enter_", ends[] = "syscalls/sys_exit_";

	return strncmp(enter, begins, strlen(begins)) == 0 &&
	       strncmp(exit, ends, strlen(ends)) == 0 &&
	       strcmp(enter + strlen(begins), exit + strlen(ends)) == 0;
}

static bool is_left_out(const bool *left_out, size_t part)
{
	for (size_t i = 0; i < PARTS; i++) {
		if (left_out[i] && (i == part || is_other_end(parts[i].event, parts[part].event) ||
					   is_other_end(parts[part].event, parts[i].event)))
			return true;
	}
	return false;
}

/* Whether it is the first part of its program. */
static bool is_first(size_t part)
{
	for (size_t i = 0; i < part; i++) {
		if (strcmp(parts[i].program, parts[part].program) == 0)
			return false;
	}
	return true;
}

/* Drops a part. Returns 0, or -ENOTSUP if nothing can be seen without it. */
static int leave_out(const struct source *source, bool *left_out, size_t part, const char *why)
{
	if (!parts[part].lacks) {
		complain(source, "%s for %s", why, parts[part].program);
		return -ENOTSUP;
	}
	if (!is_left_out(left_out, part))
		complain(source, "cannot be seen here: %s (%s for it)", parts[part].lacks, why);
	left_out[part] = true;
	return 0;
}

/* Leaves out what this kernel lacks. Returns 0, or -ENOTSUP where nothing is left to be seen. */
static int choose(struct source *source, const struct btf *btf, int tracefs, bool *left_out)
{
	size_t waits = 0;

	for (size_t i = 0; i < PARTS; i++) {
		bool wanted = source->settings.polls || !parts[i].polls;

		if (wanted && !is_left_out(left_out, i) &&
			!is_there(source, &parts[i], btf, tracefs) &&
			leave_out(source, left_out, i, "this kernel has no tracepoint"))
			return -ENOTSUP;
		source->is_wanted[i] = wanted && !is_left_out(left_out, i);
		waits += source->is_wanted[i] && parts[i].event[0];
		if (is_first(i) || source->is_wanted[i])
			bpf_program__set_autoload(
				program_of(source, &parts[i]), source->is_wanted[i]);
	}
	if (!waits)
		complain(source, "this kernel has no tracepoints on system calls");
	return waits ? 0 : -ENOTSUP;
}

/* --- loading ---------------------------------------------------------------------------------- */

/* The tool's own pid namespace: its inode, and how deep it lies. */
static void describe_namespace(struct source *source)
{
	struct stat status;
	char line[512];
	FILE *file = fopen("/proc/self/status", "re");
	uint32_t numbers = 0;

	if (stat("/proc/self/ns/pid", &status) == 0)
		source->skeleton->rodata->own_pid_namespace = (uint32_t)status.st_ino;
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		for (char *at = strtok(line + 6, " \t\n"); at; at = strtok(NULL, " \t\n"))
			numbers++;
	}
	if (file)
		fclose(file);
	source->skeleton->rodata->own_pid_level = numbers ? numbers - 1 : 0;
}

/* Whether the scheduler's event tells in which state a thread leaves, as its fourth argument. */
static bool switch_tells_state(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);

	while (type && (btf_is_typedef(type) || btf_is_ptr(type)))
		type = btf__type_by_id(btf, type->type);
	/* The first one is the context. */
	return type && btf_is_func_proto(type) && btf_vlen(type) > 4;
}

/* What the kernel's verifier says to the program of each part: nothing, unless it refuses it. */
typedef char verdicts[PARTS][VERDICT_BYTES];

static int load_once(
	struct source *source, const struct btf *btf, int tracefs, bool *left_out, verdicts *said)
{
	int error;

	source->skeleton = stall__open();
	if (!source->skeleton)
		return -errno;
	source->skeleton->rodata->threshold_ns = source->settings.threshold_ns;
	source->skeleton->rodata->switch_tells_state = switch_tells_state(btf);
	describe_namespace(source);
	for (size_t i = 0; i < PARTS; i++) {
		struct bpf_program *program = program_of(source, &parts[i]);

		if (parts[i].event[0])
			bpf_program__set_type(program, BPF_PROG_TYPE_TRACEPOINT);
		if (is_first(i))
			bpf_program__set_log_buf(program, (*said)[i], VERDICT_BYTES);
	}
	error = choose(source, btf, tracefs, left_out);
	return error ? error : stall__load(source->skeleton);
}

/* Drops what a program was for. As leave_out. */
static int refuse(const struct source *source, bool *left_out, const char *program)
{
	int error = 0;

	for (size_t i = 0; i < PARTS && !error; i++) {
		if (source->is_wanted[i] && strcmp(parts[i].program, program) == 0)
			error = leave_out(source, left_out, i, "this kernel refuses the program");
	}
	return error;
}

/* What the verifier of this kernel refuses is left out like what the kernel lacks (hazard 37). */
static int load(struct source *source, const struct btf *btf, int tracefs)
{
	verdicts *said = calloc(1, sizeof(*said));
	bool left_out[PARTS] = {false};
	int error = said ? -EAGAIN : -ENOMEM;

	while (said && error == -EAGAIN) {
		memset(said, 0, sizeof(*said));
		error = load_once(source, btf, tracefs, left_out, said);
		for (size_t i = 0; error && i < PARTS; i++) {
			if (!(*said)[i][0])
				continue;
			stall__destroy(source->skeleton);
			source->skeleton = NULL;
			error = refuse(source, left_out, parts[i].program);
			error = error ? error : -EAGAIN;
			break;
		}
	}
	free(said);
	return error;
}

/* --- attaching -------------------------------------------------------------------------------- */

static int keep(struct source *source, struct bpf_link *link)
{
	struct bpf_link **links;

	if (!link)
		return -errno;
	if (source->link_count == source->link_capacity) {
		source->link_capacity += LINKS_STEP;
		links = realloc(source->links, source->link_capacity * sizeof(struct bpf_link *));
		if (!links) {
			bpf_link__destroy(link);
			return -ENOMEM;
		}
		source->links = links;
	}
	source->links[source->link_count++] = link;
	return 0;
}

static int attach_event(struct source *source, const struct bpf_program *program,
	struct perf_event_attr *attributes, int cpu)
{
	int fd = (int)syscall(SYS_perf_event_open, attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	struct bpf_link *link;

	if (fd < 0)
		return -errno;
	/* The link owns the descriptor. */
	link = bpf_program__attach_perf_event(program, fd);
	if (!link) {
		int error = -errno;

		close(fd);
		return error;
	}
	return keep(source, link);
}

static int attach_tracepoint(struct source *source, const struct part *part, int tracefs)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attributes),
		.config = (uint64_t)tracefs_event(tracefs, part->event),
		.sample_period = 1,
		.wakeup_events = 1,
	};

	/* The program runs on every CPU, whichever the event is opened on. */
	return attach_event(source, program_of(source, part), &attributes, 0);
}

static int attach_clocks(struct source *source, const struct bpf_program *program)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.size = sizeof(attributes),
		.freq = 1,
		.sample_freq = CLOCK_HZ,
	};
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int attached = 0;

	for (int cpu = 0; cpu < cpus; cpu++) {
		int error = attach_event(source, program, &attributes, cpu);

		if (error == -ENODEV)
			continue; /* it is offline */
		if (error)
			return error;
		attached++;
	}
	return attached ? 0 : -ENODEV;
}

static int attach_part(struct source *source, const struct part *part, int tracefs)
{
	struct bpf_program *program = program_of(source, part);

	if (part->event[0])
		return attach_tracepoint(source, part, tracefs);
	if (program == source->skeleton->progs.on_clock)
		return attach_clocks(source, program);
	return keep(source, bpf_program__attach(program));
}

static int attach(struct source *source, int tracefs)
{
	for (size_t i = 0; i < PARTS; i++) {
		int error;

		if (!source->is_wanted[i])
			continue;
		error = attach_part(source, &parts[i], tracefs);
		if (error) {
			refused(source, parts[i].program, error, tracing,
				sizeof(tracing) / sizeof(tracing[0]));
			return error;
		}
	}
	return 0;
}

/* --- maps ---------------------------------------------------------------------------------------
 */

static int on_record(void *context, void *data, size_t size)
{
	struct source *source = context;

	if (size >= sizeof(struct stall_record))
		source->record(source->context, data);
	return 0;
}

static int map_loops(struct source *source)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	/* The kernel rounds each value up to eight bytes, and the whole to pages. */
	size_t bytes = ((sizeof(struct stall_loop) + 7) & ~(size_t)7) * STALL_LOOPS_MAX;
	void *address;

	bytes = (bytes + page - 1) & ~(page - 1);
	address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_map__fd(source->skeleton->maps.loops), 0);
	if (address == MAP_FAILED)
		return -errno;
	source->loops = address;
	source->loops_bytes = bytes;
	return 0;
}

static int free_slot(struct source *source, uint32_t loop)
{
	return bpf_map__update_elem(
		       source->skeleton->maps.free_loops, NULL, 0, &loop, sizeof(loop), BPF_ANY)
		       ? -errno
		       : 0;
}

static int open_maps(struct source *source)
{
	int error = map_loops(source);

	for (uint32_t loop = STALL_LOOPS_MAX; !error && loop-- > 0;)
		error = free_slot(source, loop);
	if (error)
		return error;
	source->ring =
		ring_buffer__new(bpf_map__fd(source->skeleton->maps.ring), on_record, source, NULL);
	return source->ring ? 0 : -errno;
}

/* --- operations ---------------------------------------------------------------------------------
 */

struct closer {
	struct source *source;
	size_t first, step;
	pthread_t thread;
	bool runs;
};

static void *close_links(void *argument)
{
	const struct closer *closer = argument;

	for (size_t i = closer->first; i < closer->source->link_count; i += closer->step)
		bpf_link__destroy(closer->source->links[i]);
	return NULL;
}

/* The kernel waits at each until no CPU runs its program any more, some 50 ms: at all of them at
 * once.
 */
static void close_all_links(struct source *source)
{
	struct closer closers[CLOSERS_MAX];
	size_t count = source->link_count < CLOSERS_MAX ? source->link_count : CLOSERS_MAX;

	for (size_t i = 0; i < count; i++) {
		closers[i] = (struct closer){.source = source, .first = i, .step = count};
		closers[i].runs =
			!pthread_create(&closers[i].thread, NULL, close_links, &closers[i]);
		if (!closers[i].runs)
			close_links(&closers[i]);
	}
	for (size_t i = 0; i < count; i++) {
		if (closers[i].runs)
			pthread_join(closers[i].thread, NULL);
	}
	free(source->links);
}

static void probes_close(struct source *source)
{
	if (!source)
		return;
	close_all_links(source);
	ring_buffer__free(source->ring);
	if (source->loops)
		munmap(source->loops, source->loops_bytes);
	stall__destroy(source->skeleton);
	free(source);
}

static int probes_open(struct source **ret, const struct source_settings *settings)
{
	struct source *source = calloc(1, sizeof(*source));
	struct btf *btf;
	int tracefs, error;

	if (!source)
		return -ENOMEM;
	source->settings = *settings;
	libbpf_set_print(getenv("HOLTER_DEBUG") ? verbose : quiet);
	btf = btf__load_vmlinux_btf();
	if (!btf) {
		complain(source, "this kernel does not describe its types (no "
				 "/sys/kernel/btf/vmlinux): eBPF cannot be used");
		free(source);
		return -ENOTSUP;
	}
	tracefs = tracefs_open();
	error = tracefs < 0 ? tracefs : load(source, btf, tracefs);
	if (tracefs < 0)
		refused(source, "the list of tracepoints (tracefs)", tracefs,
			&listing[capability_held(listing[0])], 1);
	else if (error)
		refused(source, "loading the probes", error, tracing,
			sizeof(tracing) / sizeof(tracing[0]));
	if (!error)
		error = open_maps(source);
	if (!error)
		error = attach(source, tracefs);
	if (tracefs >= 0)
		close(tracefs);
	btf__free(btf);
	if (error) {
		probes_close(source);
		return error;
	}
	*ret = source;
	return 0;
}

static int probes_update(struct source *source, int pidfd, const struct stall_target *target)
{
	return bpf_map__update_elem(source->skeleton->maps.targets, &pidfd, sizeof(pidfd), target,
		       sizeof(*target), BPF_ANY)
		       ? -errno
		       : 0;
}

/* Runs `seed` over the tasks of the machine, which looks at the threads of the targets. */
static int seed(struct source *source)
{
	char nothing[64];
	int link, fd;
	ssize_t got;

	for (size_t i = 0; i < source->link_count; i++) {
		struct bpf_link_info info = {0};
		uint32_t length = sizeof(info);

		link = bpf_link__fd(source->links[i]);
		if (bpf_obj_get_info_by_fd(link, &info, &length) || info.type != BPF_LINK_TYPE_ITER)
			continue;
		fd = bpf_iter_create(link);
		if (fd < 0)
			return -errno;
		do
			got = read(fd, nothing, sizeof(nothing));
		while (got > 0 || (got < 0 && errno == EAGAIN));
		close(fd);
		return got < 0 ? -errno : 0;
	}
	return 0;
}

static int probes_add(
	struct source *source, pid_t pid, int pidfd, const struct stall_target *target)
{
	int error = probes_update(source, pidfd, target);

	(void)pid;
	if (error == -ENOENT) /* the descriptor's process has ended, and been noticed */
		return -ESRCH;
	return error ? error : seed(source);
}

static struct stall_loop *probes_loops(struct source *source)
{
	return source->loops;
}

static void probes_release(struct source *source, uint32_t loop)
{
	uint32_t generation = source->loops[loop].generation;

	/* Nobody else writes to it now. The next loop counts from nought. */
	memset(&source->loops[loop], 0, sizeof(source->loops[loop]));
	source->loops[loop].generation = generation;
	free_slot(source, loop);
}

static int probes_drain(
	struct source *source, uint64_t until_ns, source_record_function *record, void *context)
{
	struct pollfd wanted = {.fd = ring_buffer__epoll_fd(source->ring), .events = POLLIN};
	uint64_t now = clock_monotonic_ns(), left = until_ns > now ? until_ns - now : 0;
	struct timespec timeout = {
		.tv_sec = (time_t)(left / 1000000000),
		.tv_nsec = (long)(left % 1000000000),
	};
	int rc = ppoll(&wanted, 1, &timeout, NULL);

	if (rc < 0)
		return -errno;
	source->record = record;
	source->context = context;
	rc = ring_buffer__consume(source->ring);
	return rc < 0 ? rc : 0;
}

static void probes_counts(struct source *source, struct stall_counts *ret)
{
	*ret = source->skeleton->bss->counts;
	/* The kernel passes a program by where it, or another one, was interrupted on that CPU. */
	for (size_t i = 0; i < PARTS; i++) {
		const struct bpf_program *program = program_of(source, &parts[i]);
		struct bpf_prog_info info = {0};
		uint32_t length = sizeof(info);

		if (!is_first(i) || bpf_program__fd(program) < 0 ||
			bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length))
			continue;
		if (program == source->skeleton->progs.on_clock)
			ret->lost_samples += info.recursion_misses;
		else
			ret->lost_events += info.recursion_misses;
	}
}

const struct source_ops source_probes = {
	.name = "ebpf",
	.open = probes_open,
	.close = probes_close,
	.add = probes_add,
	.update = probes_update,
	.loops = probes_loops,
	.release = probes_release,
	.drain = probes_drain,
	.counts = probes_counts,
};
