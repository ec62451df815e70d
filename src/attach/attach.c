/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.c - see attach.h. One thread: it waits for records or for the next turn that would pass
 * the threshold, whichever comes first; once a second it writes what there is.
 */
#include "attach.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "files.h"
#include "naming.h"
#include "proc_path.h"
#include "watch.h"

enum { PROCESSES_MAX = 128, HISTOGRAM_SECONDS = 10 };

static const uint64_t second_ns = 1000000000, report_ns = 250000000;

struct session {
	const struct attach_options *options;
	const struct source_ops *ops;
	struct source *source;
	struct watches *watches;
	struct files *files;
	struct attached *processes[PROCESSES_MAX];
	size_t count;
	uint32_t last_id;
	uint64_t start_ns, next_tick_ns, seconds;
	struct stall_counts counted; /* as far as it has been told */
	bool is_full;                /* more children were there than can be watched */
	int write_error;             /* of a recording that is finished already; 0 */
};

static void complain(const struct session *session, const char *text)
{
	session->options->complain(session->options->context, text);
}

/* What is known while there is no recording yet is noted in it later. */
struct complaints {
	const struct attach_options *options;
	char text[16][256];
	size_t count;
};

static void note(struct complaints *complaints, const char *text)
{
	if (complaints->count < sizeof(complaints->text) / sizeof(complaints->text[0]))
		snprintf(complaints->text[complaints->count++], sizeof(complaints->text[0]), "%s",
			text);
}

static void on_complaint(void *context, const char *text)
{
	struct complaints *complaints = context;

	complaints->options->complain(complaints->options->context, text);
	note(complaints, text);
}

/* --- processes ----------------------------------------------------------------------------------
 */

static struct attached *find(void *context, uint32_t id)
{
	const struct session *session = context;

	for (size_t i = 0; i < session->count; i++) {
		if (session->processes[i]->id == id)
			return session->processes[i];
	}
	return NULL;
}

static struct attached *find_by_pid(const struct session *session, pid_t pid)
{
	for (size_t i = 0; i < session->count; i++) {
		if (session->processes[i]->pid == pid && !session->processes[i]->is_gone)
			return session->processes[i];
	}
	return NULL;
}

static void ask(const struct session *session, struct attached *attached)
{
	struct stall_target target;

	attached_ask(attached);
	target = attached_target(attached);
	session->ops->update(session->source, attached->pidfd, &target);
}

static int begin_to_watch(struct session *session, struct attached *attached)
{
	struct stall_target target = attached_target(attached);
	int error = session->ops->add(session->source, attached->pid, attached->pidfd, &target);

	if (error)
		return error;
	session->processes[session->count++] = attached;
	/* Not before: one that is about to run another program still has its parent's sockets,
	 * and that it does so is told from now on. */
	ask(session, attached);
	return 0;
}

static bool has_ended(const struct attached *attached)
{
	struct pollfd end = {.fd = attached->pidfd, .events = POLLIN};

	return poll(&end, 1, 0) > 0;
}

/* The process that was asked for. */
static int add(struct session *session)
{
	struct attached *attached;
	int error = attached_open(&attached, ++session->last_id, session->options->pid,
		session->options->pidfd, session->options->out, session->options);

	if (error) {
		complain(session, strerror(-error));
		return error;
	}
	attached->started_ns = attached->since_ns; /* long ago, rather */
	error = begin_to_watch(session, attached);
	if (error)
		attached_close(attached, false);
	else if (has_ended(attached))
		error = -ESRCH;
	if (error == -ESRCH)
		complain(session, "the process has ended");
	if (error)
		return error;
	/* While it is watched already: whoever finds its recording may rely on that. */
	error = attached_settle(attached);
	if (error)
		return error;
	ask(session, attached);
	files_look(session->files, attached);
	return 0;
}

/*
 * Most children run something short, and have ended by now: nothing is said of those. started_ns: 0
 * for one that has only just begun.
 */
static void add_child(struct session *session, pid_t pid, uint64_t started_ns)
{
	static const char too_many[] = "more children than can be watched at once";
	struct attached *attached;
	char path[PATH_MAX];

	if (!pid || find_by_pid(session, pid))
		return;
	if (session->count == PROCESSES_MAX) {
		if (!session->is_full) {
			complain(session, too_many);
			writer_note(session->processes[0]->writer, NOTE_LIMITED, too_many);
		}
		session->is_full = true;
		return;
	}
	snprintf(path, sizeof(path), "%s.%d", session->options->out, (int)pid);
	if (attached_open(&attached, ++session->last_id, pid, -1, path, session->options))
		return;
	attached->started_ns = started_ns;
	attached->is_new = !started_ns;
	if (begin_to_watch(session, attached))
		attached_close(attached, false);
}

/* Those that one thread of a process has started already. */
static void add_children_of(struct session *session, pid_t pid, uint32_t tid, uint64_t started_ns)
{
	char path[PROC_PATH_BYTES];
	FILE *file;
	int child;

	proc_path_task(path, sizeof(path), pid, tid, "/children");
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &child) == 1)
		add_child(session, child, started_ns);
	if (file)
		fclose(file);
}

/* The children that the processes from the `first` one on have already, and theirs. */
static void add_descendants(struct session *session, size_t first, uint64_t started_ns)
{
	/* The list grows by what is found. */
	for (size_t i = first; i < session->count; i++) {
		pid_t pid = session->processes[i]->pid;
		char path[PROC_PATH_BYTES];
		struct dirent *entry;
		DIR *folder;

		proc_path(path, sizeof(path), pid, "/task");
		folder = opendir(path);
		while (folder && (entry = readdir(folder))) {
			uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);

			if (tid)
				add_children_of(session, pid, tid, started_ns);
		}
		if (folder)
			closedir(folder);
	}
}

/* Nothing more will be written to its recording, but the names of its functions. */
static int finish(struct session *session, struct attached *attached)
{
	int error = attached->writer ? naming_write(attached, session->files) : 0;

	if (error)
		complain(session, "the recording cannot be read back: functions of native code are "
				  "named by the files that are there when it is looked at");
	return attached_close(attached, false);
}

/* One that has ended is done with before its time. The first is the one that was asked for. */
static void make_room(struct session *session)
{
	for (size_t i = 1; i < session->count; i++) {
		int error;

		if (!session->processes[i]->is_gone)
			continue;
		error = finish(session, session->processes[i]);
		session->write_error = error ? error : session->write_error;
		session->processes[i] = session->processes[--session->count];
		return;
	}
}

/* Of a child that has just begun. By now it may have children itself, which nobody told of. */
static void forked(struct session *session, pid_t pid)
{
	size_t first;

	if (session->count == PROCESSES_MAX)
		make_room(session);
	first = session->count;
	add_child(session, pid, 0);
	add_descendants(session, first, 0);
}

static void executed(struct session *session, const struct stall_process *process)
{
	uint32_t id = process->record.target;
	struct attached *attached =
		id ? find(session, id) : find_by_pid(session, (pid_t)process->pid);
	struct stall_target target;

	if (!attached)
		return;
	watches_forget(session->watches, attached);
	attached_executed(attached);
	if (id)
		return;
	/* What the source knew of the process is gone (on_exec in bpf/stall.bpf.c). */
	attached->is_new = true;
	target = attached_target(attached);
	session->ops->add(session->source, attached->pid, attached->pidfd, &target);
}

/* It has ended, or cannot be recorded. What has no recording makes room. Returns whether it did. */
static bool end(struct session *session, size_t i)
{
	struct attached *attached = session->processes[i];

	watches_forget(session->watches, attached);
	attached_end(attached);
	if (attached->writer)
		return false;
	attached_close(attached, false);
	session->processes[i] = session->processes[--session->count];
	return true;
}

/* A process may begin to listen later. Those that do not are asked again, ever more seldom. */
static void ask_again(struct session *session, struct attached *attached, uint64_t now)
{
	if (attached->is_gone || attached->listens || now < attached->ask_ns)
		return;
	if (attached->started_ns && !session->options->polls)
		return;
	attached->ask_after_ns *= 2;
	attached->ask_ns = now + attached->ask_after_ns;
	ask(session, attached);
}

static void on_record(void *context, const struct stall_record *record)
{
	const struct stall_process *process = (const struct stall_process *)record;
	struct session *session = context;

	if (record->kind != STALL_RECORD_PROCESS)
		watches_record(session->watches, record);
	else if (process->event == STALL_PROCESS_FORKED)
		forked(session, (pid_t)process->pid);
	else
		executed(session, process);
}

/* Which have ended. Returns how many, or a negative number. */
static int poll_ends(const struct session *session, struct pollfd ends[PROCESSES_MAX])
{
	for (size_t i = 0; i < session->count; i++)
		ends[i] = (struct pollfd){
			.fd = session->processes[i]->is_gone ? -1 : session->processes[i]->pidfd,
			.events = POLLIN};
	return poll(ends, session->count, 0);
}

/* Marks those that have ended. Returns whether any is left. */
static bool look_at_processes(struct session *session)
{
	struct pollfd ends[PROCESSES_MAX];
	bool left = false;

	/* Whatever they did last is in the ring by now. */
	if (poll_ends(session, ends) > 0)
		session->ops->drain(session->source, 0, on_record, session);
	if (poll_ends(session, ends) < 0)
		return true;
	/* From the last one on, as one that goes gives its place to the last. */
	for (size_t i = session->count; i-- > 0;) {
		if ((!ends[i].revents && !session->processes[i]->is_gone) || !end(session, i))
			left |= !session->processes[i]->is_gone;
	}
	return left;
}

/* --- time ---------------------------------------------------------------------------------------
 */

static void tell_lost(struct session *session)
{
	struct stall_counts now;
	struct writer *writer = session->processes[0]->writer;

	session->ops->counts(session->source, &now);
	if (now.lost_samples != session->counted.lost_samples)
		writer_lost(writer, LOSS_SAMPLE_SLOT,
			now.lost_samples - session->counted.lost_samples, 0);
	if (now.lost_events != session->counted.lost_events)
		writer_lost(writer, LOSS_EVENT, now.lost_events - session->counted.lost_events, 0);
	if (now.lost_loops + now.storage != session->counted.lost_loops + session->counted.storage)
		writer_lost(writer, LOSS_LOOP,
			now.lost_loops + now.storage - session->counted.lost_loops -
				session->counted.storage,
			0);
	session->counted = now;
}

static void tick(struct session *session, uint64_t now)
{
	/* Often at first, so that a short recording has one too. */
	bool with_histogram =
		++session->seconds < HISTOGRAM_SECONDS || session->seconds % HISTOGRAM_SECONDS == 0;

	watches_tick(session->watches, now, with_histogram);
	tell_lost(session);
	for (size_t i = 0; i < session->count; i++) {
		struct attached *attached = session->processes[i];

		attached_flush(attached);
		attached->report_due = false;
		attached->last_report_ns = now;
		if (!attached->is_gone && attached->is_settled)
			files_look(session->files, attached);
		ask_again(session, attached, now);
	}
	session->next_tick_ns = now + second_ns;
}

/* Stalls reach the disk sooner than the rest. */
static void report(struct session *session, uint64_t now)
{
	for (size_t i = 0; i < session->count; i++) {
		struct attached *attached = session->processes[i];

		if (!attached->report_due || now - attached->last_report_ns < report_ns)
			continue;
		attached_flush(attached);
		attached->report_due = false;
		attached->last_report_ns = now;
	}
}

static void show_progress(const struct session *session, uint64_t now)
{
	struct watches_figures figures = watches_figures(session->watches);
	struct attach_progress progress = {
		.elapsed_ns = now - session->start_ns,
		.duration_ns = session->options->duration_ns,
		.processes = session->count,
		.loops = figures.loops,
		.stalls = figures.stalls,
		.samples = figures.samples,
	};

	if (session->options->progress)
		session->options->progress(session->options->context, &progress);
}

static int watch(struct session *session, struct attach_result *ret)
{
	uint64_t duration_ns = session->options->duration_ns, now = session->start_ns, next = now;
	uint64_t end_ns = duration_ns ? session->start_ns + duration_ns : UINT64_MAX;
	int error = 0;

	while (now < end_ns && !*session->options->stop && !ret->gone) {
		if (next > end_ns)
			next = end_ns;
		error = session->ops->drain(session->source, next, on_record, session);
		if (error && error != -EINTR)
			break;
		error = 0;
		now = clock_monotonic_ns();
		next = watches_look(session->watches, now);
		ret->gone = !look_at_processes(session);
		report(session, now);
		if (now >= session->next_tick_ns) {
			tick(session, now);
			show_progress(session, now);
		}
		if (next > session->next_tick_ns)
			next = session->next_tick_ns;
	}
	session->ops->drain(session->source, 0, on_record, session);
	tick(session, clock_monotonic_ns());
	return error;
}

/* --- opening ------------------------------------------------------------------------------------
 */

static int open_source(
	struct session *session, const struct source_ops *ops, struct complaints *complaints)
{
	const struct source_settings settings = {
		.threshold_ns = session->options->threshold_ns,
		.interval_ns = session->options->interval_ns,
		.polls = session->options->polls,
		.complain = on_complaint,
		.context = complaints,
	};

	session->ops = ops;
	return ops->open(&session->source, &settings);
}

/* Whether it is a right or the kernel that is at fault. */
static bool is_lack(int error)
{
	return error == -EPERM || error == -EACCES || error == -ENOTSUP || error == -ENOSYS ||
	       error == -ENOENT;
}

/* By the method that was asked for, else by the first that works. */
static int choose_source(struct session *session, struct complaints *complaints)
{
	static const char sees_less[] =
		"not observed without eBPF: turns shorter than the threshold, how many events were "
		"ready, what a stall does in less than 10 ms; Python's functions are those of a "
		"moment after a sample";
	enum attach_method method = session->options->method;
	int error = 0;

	if (method != ATTACH_POLL)
		error = open_source(session, &source_probes, complaints);
	if (method == ATTACH_EBPF || (method == ATTACH_BEST && !is_lack(error)))
		return error;
	if (method == ATTACH_BEST)
		on_complaint(complaints, sees_less);
	else
		note(complaints, sees_less);
	return open_source(session, &source_poll, complaints);
}

static int run(struct session *session, struct complaints *complaints, struct attach_result *ret)
{
	int error;

	session->watches =
		watches_new(session->ops, session->source, session->options, find, session);
	session->files = files_new();
	if (!session->watches || !session->files)
		return -ENOMEM;
	error = add(session);
	if (error)
		return error;
	for (size_t i = 0; i < complaints->count; i++)
		writer_note(session->processes[0]->writer, NOTE_LIMITED, complaints->text[i]);
	session->start_ns = clock_monotonic_ns();
	/* They are past their start, like their parent. */
	if (session->options->children)
		add_descendants(session, 0, session->start_ns);
	session->next_tick_ns = session->start_ns;
	return watch(session, ret);
}

/* The processes are left alone before their functions are named, which may take a while. */
static void close_session(struct session *session, struct attach_result *ret)
{
	int error;

	if (session->source)
		session->ops->close(session->source);
	ret->write_error = session->write_error;
	for (size_t i = 0; i < session->count; i++) {
		error = finish(session, session->processes[i]);
		if (error)
			ret->write_error = error;
	}
	files_free(session->files);
	watches_free(session->watches);
	free(session);
}

/* Each CPU takes two, a process that is watched two, each of its files one. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int attach_run(const struct attach_options *options, struct attach_result *ret)
{
	struct session *session = calloc(1, sizeof(*session));
	struct complaints *complaints = calloc(1, sizeof(*complaints));
	int error = -ENOMEM;

	*ret = (struct attach_result){0};
	raise_descriptor_limit();
	if (session && complaints) {
		session->options = complaints->options = options;
		error = choose_source(session, complaints);
	}
	if (!error) {
		ret->method = session->ops->name;
		error = run(session, complaints, ret);
	}
	if (session)
		close_session(session, ret);
	free(complaints);
	return error;
}
