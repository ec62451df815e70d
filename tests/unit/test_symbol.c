/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_symbol.c - naming native frames: addresses of tests/fixtures/symbol/places.c, looked up in
 * the library as it was built, stripped, split, replaced, missing and corrupt.
 */
#include "suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "places.h"
#include "symbol.h"
#include "worker.h"

#define PLACES FIXTURES "/libplaces.so"

/* The recording's arena, as far as symbols need it. */
static void *allocated[1000];
static size_t allocated_count;

void *recording_alloc(struct recording *recording, size_t size)
{
	void *memory = calloc(1, size);

	(void)recording;
	ck_assert(memory && allocated_count < 1000);
	allocated[allocated_count++] = memory;
	return memory;
}

char *recording_text(struct recording *recording, const char *text, size_t length)
{
	char *copy = recording_alloc(recording, length + 1);

	memcpy(copy, text, length);
	return copy;
}

/* A recording of one stack: a frame that is not to be named, and the one under test. */
struct scene {
	struct recording recording;
	struct mapping mapping, *mappings[1];
	struct frame frames[2];
	struct stack stack, *stacks[1];
	char path[512];
	struct symbol_options options;
	struct symbol_report report;
};

static struct scene scene;
static struct place_here (*outer)(void), (*last_call)(void), (*hidden)(void);
static char folder[] = "/tmp/holter-test-symbol-XXXXXX";

static void read_build_id(struct record_mapping *record)
{
	char command[] = "readelf -n " PLACES " | sed -n 's/.*Build ID: //p'";
	FILE *pipe = popen(command, "r"); /* NOLINT(bugprone-command-processor): a constant */
	char text[80] = "";

	ck_assert(pipe && fgets(text, sizeof(text), pipe));
	pclose(pipe);
	record->build_id_length = (uint8_t)(strspn(text, "0123456789abcdef") / 2);
	for (size_t i = 0; i < record->build_id_length; i++)
		sscanf(text + 2 * i, "%2hhx", record->build_id + i);
	ck_assert_uint_eq(record->build_id_length, 20);
}

/* Fills in the mapping of this process that holds an address. */
static void read_mapping(struct record_mapping *record, uint64_t address)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[1024];

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		unsigned long start, end, offset;

		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 &&
			address >= start && address < end) {
			record->start = start;
			record->end = end;
			record->offset = offset;
		}
	}
	fclose(file);
	ck_assert_uint_ne(record->end, 0);
}

static void set_up(void)
{
	void *library = dlopen(PLACES, RTLD_NOW);
	struct place_here here;

	ck_assert_msg(library != NULL, "%s", dlerror());
	outer = (struct place_here(*)(void))dlsym(library, "places_outer");
	last_call = (struct place_here(*)(void))dlsym(library, "places_last_call");
	hidden = (struct place_here(*)(void))dlsym(library, "places_hidden");
	ck_assert(outer && last_call && hidden);
	here = outer();
	scene = (struct scene){0};
	scene.mappings[0] = &scene.mapping;
	scene.stacks[0] = &scene.stack;
	scene.frames[0] = (struct frame){.kind = FRAME_KERNEL, .address = 1};
	scene.frames[1] = (struct frame){.mapping = &scene.mapping};
	scene.stack = (struct stack){.id = 1, .count = 2, .frames = scene.frames};
	scene.recording.mappings = scene.mappings;
	scene.recording.mapping_count = 1;
	scene.recording.stacks = scene.stacks;
	scene.recording.stack_count = 1;
	scene.mapping.record.path = PLACES;
	read_mapping(&scene.mapping.record, (uint64_t)here.return_address);
	read_build_id(&scene.mapping.record);
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "/bin/rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0); /* NOLINT(bugprone-command-processor) */
	while (allocated_count)
		free(allocated[--allocated_count]);
}

/* Names the address in `path` and returns the frame that stands for it. */
static const struct frame *name_in(const char *path, const void *address)
{
	scene.mapping.record.path = path;
	scene.frames[1].address = (uint64_t)address;
	ck_assert_int_eq(symbol_recording(&scene.recording, &scene.options, &scene.report), 0);
	ck_assert_uint_eq(scene.report.frames, 1);
	ck_assert_int_eq(scene.stack.frames[0].kind, FRAME_KERNEL);
	ck_assert_ptr_null(scene.stack.frames[0].function);
	return scene.stack.frames + scene.stack.count - 1;
}

static void check_frame(const struct frame *frame, const char *name, int line, bool inlined)
{
	ck_assert_ptr_nonnull(frame->function);
	ck_assert_str_eq(frame->function->name, name);
	ck_assert_int_eq((int)frame->line, line);
	ck_assert_int_eq(frame->inlined, inlined);
	ck_assert_int_eq(frame->address == 0, inlined);
	ck_assert_ptr_null(frame->unresolved);
	if (line)
		ck_assert_str_eq(frame->function->file, PLACES_SOURCE);
}

static void check_outer_with_lines(const char *path)
{
	struct place_here here = outer();

	name_in(path, here.return_address);
	ck_assert_uint_eq(scene.stack.count, 4);
	check_frame(scene.stack.frames + 1, "places_inner", here.inner_line, true);
	check_frame(scene.stack.frames + 2, "places_middle", here.middle_line, true);
	check_frame(scene.stack.frames + 3, "places_outer", here.outer_line, false);
	/* The declaration stands two lines above the first statement. */
	ck_assert_int_eq((int)scene.stack.frames[1].function->line, here.inner_line - 3);
	ck_assert_int_eq((int)scene.stack.frames[3].function->line, here.outer_line - 3);
	ck_assert_uint_gt(scene.stack.frames[1].column, 0);
	ck_assert_uint_eq(scene.report.named, 1);
	ck_assert_uint_eq(scene.report.with_line, 1);
}

START_TEST(inlined_functions_are_frames)
{
	check_outer_with_lines(PLACES);
}
END_TEST

START_TEST(separate_debug_file_by_link)
{
	check_outer_with_lines(FIXTURES "/places_linked.so");
}
END_TEST

START_TEST(return_address_behind_the_function)
{
	struct place_here here = last_call();

	check_frame(name_in(PLACES, here.return_address), "call_last", here.outer_line, false);
}
END_TEST

START_TEST(innermost_address_is_no_return_address)
{
	/* As a program counter, the first byte of a function is in it; as a return address it is
	 * not. */
	const struct frame *frame;

	scene.stack.frames = scene.frames + 1;
	scene.stack.count = 1;
	scene.mapping.record.path = FIXTURES "/places_stripped.so";
	scene.frames[1].address = (uint64_t)outer;
	ck_assert_int_eq(symbol_recording(&scene.recording, &scene.options, &scene.report), 0);
	frame = scene.stack.frames;
	check_frame(frame, "places_outer", 0, false);
}
END_TEST

START_TEST(stripped_library_has_exported_names_only)
{
	const struct frame *frame = name_in(FIXTURES "/places_stripped.so", outer().return_address);
	uint64_t address;

	check_frame(frame, "places_outer", 0, false);
	ck_assert_str_eq(frame->function->file, "");
	/* A static function is not taken for the exported one before it. */
	scene.stack.frames = scene.frames;
	scene.stack.count = 2;
	frame = name_in(FIXTURES "/places_stripped.so", hidden().return_address);
	ck_assert_ptr_null(frame->function);
	ck_assert_str_eq(frame->unresolved, "no symbols");
	ck_assert_uint_eq(scene.report.named, 0);
	/* But where it begins is known: at its only call at the latest. */
	address = frame->address - (scene.mapping.record.start - scene.mapping.record.offset);
	ck_assert_uint_gt(frame->start, 0);
	ck_assert_uint_lt(frame->start, address);
	ck_assert_uint_lt(address - frame->start, 64);
}
END_TEST

static void check_unresolved(const char *path, const char *why)
{
	const struct frame *frame;

	scene.stack.frames = scene.frames;
	scene.stack.count = 2;
	frame = name_in(path, outer().return_address);
	ck_assert_ptr_null(frame->function);
	ck_assert_uint_eq(frame->line, 0);
	ck_assert_str_eq(frame->unresolved, why);
}

START_TEST(file_that_is_not_the_recorded_one)
{
	scene.mapping.record.build_id[3] ^= 1;
	check_unresolved(PLACES, "file changed");
	ck_assert_uint_eq(scene.report.files_changed, 1);
	ck_assert_uint_eq(scene.report.files_missing, 0);
	/* A file without a build id is not it either. */
	check_unresolved("/etc/passwd", "file corrupt");
}
END_TEST

START_TEST(file_without_recorded_build_id)
{
	struct place_here here = outer();

	scene.mapping.record.build_id_length = 0;
	check_frame(name_in(PLACES, here.return_address), "places_outer", here.outer_line, false);
	scene.mapping.record.offset += 1 << 20;
	check_unresolved(PLACES, "file changed");
}
END_TEST

START_TEST(deleted_file_needs_a_build_id)
{
	struct place_here here = outer();

	check_frame(name_in(PLACES " (deleted)", here.return_address), "places_outer",
		here.outer_line, false);
	scene.mapping.record.build_id_length = 0;
	check_unresolved(PLACES " (deleted)", "file not found");
}
END_TEST

/* Hazard 49: what is no regular file is not opened, and nothing blocks. */
START_TEST(odd_files)
{
	snprintf(scene.path, sizeof(scene.path), "%s/fifo", folder);
	ck_assert_int_eq(mkfifo(scene.path, 0600), 0);
	check_unresolved(scene.path, "file not found");
	ck_assert_uint_eq(scene.report.files_missing, 1);
	check_unresolved("/dev/null", "file not found");
	check_unresolved("/proc/self/status", "file not found");
	check_unresolved("relative/libplaces.so", "generated code");
	check_unresolved("/", "file not found");
}
END_TEST

static void copy_with(const char *from, const char *to, size_t keep, size_t flip)
{
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	int byte;

	ck_assert(in && out);
	for (size_t at = 0; at < keep && (byte = fgetc(in)) != EOF; at++)
		fputc(at == flip ? byte ^ 0xff : byte, out);
	fclose(in);
	ck_assert_int_eq(fclose(out), 0);
}

START_TEST(root_folder_comes_first)
{
	struct place_here here = outer();

	scene.options.root = folder;
	snprintf(scene.path, sizeof(scene.path), "%s/app.so", folder);
	copy_with(PLACES, scene.path, SIZE_MAX, SIZE_MAX);
	check_frame(
		name_in("/app.so", here.return_address), "places_outer", here.outer_line, false);
	/* What the folder lacks may still be where it was. */
	scene.stack.frames = scene.frames;
	scene.stack.count = 2;
	check_frame(name_in(PLACES, here.return_address), "places_outer", here.outer_line, false);
}
END_TEST

/* Hazard 49: a link in the root folder is resolved in it. */
START_TEST(root_folder_is_not_left)
{
	char link_path[600];

	snprintf(link_path, sizeof(link_path), "%s/app.so", folder);
	ck_assert_int_eq(symlink(PLACES, link_path), 0);
	scene.options.root = folder;
	check_unresolved("/app.so", "file not found");
	check_unresolved("/../../../../../.."
			 "/etc/passwd0",
		"file not found");
}
END_TEST

/* Hazard 48: a corrupt file costs its own names, not the tool. */
START_TEST(corrupt_files)
{
	struct stat status;

	ck_assert_int_eq(stat(PLACES, &status), 0);
	snprintf(scene.path, sizeof(scene.path), "%s/corrupt.so", folder);
	copy_with(PLACES, scene.path, 63, SIZE_MAX);
	check_unresolved(scene.path, "file corrupt");
	for (size_t keep = 64; keep < (size_t)status.st_size; keep += (size_t)status.st_size / 50) {
		copy_with(PLACES, scene.path, keep, SIZE_MAX);
		scene.stack.frames = scene.frames;
		scene.stack.count = 2;
		name_in(scene.path, outer().return_address);
	}
	/* The program headers, and then all over the file. */
	for (size_t flip = 4; flip < (size_t)status.st_size;
		flip += flip < 400 ? 5 : (size_t)status.st_size / 150) {
		copy_with(PLACES, scene.path, SIZE_MAX, flip);
		scene.stack.frames = scene.frames;
		scene.stack.count = 2;
		name_in(scene.path, outer().return_address);
		while (allocated_count)
			free(allocated[--allocated_count]);
	}
}
END_TEST

/* Hazard 48: what reads an ELF file has given up root, which a file that only root may read can
 * tell. */
START_TEST(reader_without_privilege)
{
	struct place_here here = outer();
	char debug[600];

	if (geteuid() != 0)
		return; /* there is nothing to give up */
	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(scene.path, sizeof(scene.path), "%s/app.so", folder);
	snprintf(debug, sizeof(debug), "%s/places.debug", folder);
	copy_with(FIXTURES "/places_linked.so", scene.path, SIZE_MAX, SIZE_MAX);
	copy_with(FIXTURES "/places.debug", debug, SIZE_MAX, SIZE_MAX);
	ck_assert_int_eq(chmod(debug, 0600), 0);
	check_frame(name_in(scene.path, here.return_address), "places_outer", 0, false);
	ck_assert_int_eq(chmod(debug, 0644), 0);
	scene.stack.frames = scene.frames;
	scene.stack.count = 2;
	check_outer_with_lines(scene.path);
}
END_TEST

/* A debug file of another build is left alone. */
START_TEST(separate_debug_file_of_another_build)
{
	struct place_here here = outer();
	char debug[600];

	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(scene.path, sizeof(scene.path), "%s/app.so", folder);
	snprintf(debug, sizeof(debug), "%s/places.debug", folder);
	copy_with(FIXTURES "/places_linked.so", scene.path, SIZE_MAX, SIZE_MAX);
	copy_with("/proc/self/exe", debug, SIZE_MAX, SIZE_MAX);
	check_frame(name_in(scene.path, here.return_address), "places_outer", 0, false);
}
END_TEST

/* A file that takes too long costs its names, and the child is gone. */
START_TEST(reader_past_its_time)
{
	struct module_source source = {.debug_fd = -1, .path = PLACES};
	uint64_t offset = scene.mapping.record.offset;
	struct answers answers;

	source.fd = open(PLACES, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(source.fd, 0);
	ck_assert_int_eq(worker_lookup(&answers, &source, &offset, 1, 1), WORKER_UNREADABLE);
	ck_assert_uint_eq(answers.entries[0].count, 0);
	worker_done(&answers);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	close(source.fd);
}
END_TEST

START_TEST(code_without_a_file)
{
	const struct frame *frame = name_in("[vdso]", outer().return_address);

	check_frame(frame, "[vdso]", 0, false);
	check_unresolved("[heap]", "generated code");
	check_unresolved("/memfd:jit (deleted)", "generated code");
	scene.frames[1].mapping = NULL;
	check_unresolved(PLACES, "generated code");
}
END_TEST

START_TEST(generated_code_by_perf_map)
{
	uint64_t address = (uint64_t)outer().return_address;
	char path[64];
	FILE *file;

	scene.recording.head.pid = (uint32_t)getpid();
	scene.options.perf_maps = true;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	/* The return address is the end of the code: one before it counts. */
	fprintf(file, "%lx 40 py::handler:/app/server.py\n", (unsigned long)(address - 0x40));
	fclose(file);
	check_frame(name_in("", (void *)address), "py::handler:/app/server.py", 0, false);
	unlink(path);
}
END_TEST

START_TEST(same_function_is_one_object)
{
	const struct frame *frames;

	scene.frames[0] = scene.frames[1];
	scene.frames[0].address = scene.frames[1].address = (uint64_t)outer().return_address;
	ck_assert_int_eq(symbol_recording(&scene.recording, &scene.options, &scene.report), 0);
	ck_assert_uint_eq(scene.report.frames, 2);
	frames = scene.stack.frames;
	ck_assert_ptr_eq(
		frames[scene.stack.count - 1].function, frames[scene.stack.count - 4].function);
}
END_TEST

/* What a recording says itself of outer's return address: something that no file says. */
static void know(struct stack *known, struct frame frames[2])
{
	static const struct function inlined = {.name = "recorded_inlined", .file = "r.c"};
	static const struct function outermost = {.name = "recorded_outer", .file = "r.c"};
	static const struct stack *list[1];

	frames[0] = (struct frame){.function = &inlined, .line = 7, .inlined = true};
	frames[1] = (struct frame){
		.address = (uint64_t)outer().return_address - 1,
		.mapping = &scene.mapping,
		.function = &outermost,
		.line = 9,
	};
	*known = (struct stack){.count = 2, .frames = frames};
	list[0] = known;
	scene.recording.named = list;
	scene.recording.named_count = 1;
}

START_TEST(what_the_recording_says_itself)
{
	struct stack known;
	struct frame frames[2];

	know(&known, frames);
	name_in("/nowhere/app.so", outer().return_address);
	ck_assert_uint_eq(scene.stack.count, 3);
	ck_assert_str_eq(scene.stack.frames[1].function->name, "recorded_inlined");
	ck_assert(scene.stack.frames[1].inlined && !scene.stack.frames[1].address);
	ck_assert_str_eq(scene.stack.frames[2].function->name, "recorded_outer");
	ck_assert_uint_eq(scene.stack.frames[2].line, 9);
	ck_assert(!scene.stack.frames[2].inlined);
	ck_assert_uint_eq(scene.report.named, 1);
	ck_assert_uint_eq(scene.report.files_missing, 0);
}
END_TEST

START_TEST(named_folder_goes_before_the_recording)
{
	struct stack known;
	struct frame frames[2];

	know(&known, frames);
	scene.options.root = folder;
	snprintf(scene.path, sizeof(scene.path), "%s/app.so", folder);
	copy_with(PLACES, scene.path, SIZE_MAX, SIZE_MAX);
	check_frame(name_in("/app.so", outer().return_address), "places_outer", outer().outer_line,
		false);
}
END_TEST

/* Files that are held open: the first one is another build's, or none. */
static int open_held(void *context, const struct record_mapping *mapping, size_t attempt)
{
	const char *const *paths = context;

	(void)mapping;
	return paths[attempt] ? open(paths[attempt], O_RDONLY | O_CLOEXEC) : -ENOENT;
}

START_TEST(files_that_are_held_open)
{
	const char *paths[] = {"/proc/self/exe", PLACES, NULL};

	scene.options.open = open_held;
	scene.options.context = paths;
	check_frame(name_in("/nowhere/app.so", outer().return_address), "places_outer",
		outer().outer_line, false);
}
END_TEST

START_TEST(process_elsewhere_needs_a_build_id)
{
	const char *none[] = {NULL};

	scene.options.open = open_held;
	scene.options.context = none;
	check_frame(
		name_in(PLACES, outer().return_address), "places_outer", outer().outer_line, false);
	scene.mapping.record.build_id_length = 0;
	check_unresolved(PLACES, "file not found");
}
END_TEST

START_TEST(system_calls)
{
	ck_assert_str_eq(symbol_syscall(0), "read");
	ck_assert_str_eq(symbol_syscall(35), "nanosleep");
	ck_assert_str_eq(symbol_syscall(232), "epoll_wait");
	ck_assert_str_eq(symbol_syscall(281), "epoll_pwait");
	ck_assert_ptr_null(symbol_syscall(-1));
	ck_assert_ptr_null(symbol_syscall(400)); /* a gap */
	ck_assert_ptr_null(symbol_syscall(1 << 30));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("symbol");
	TCase *cases = tcase_create("places");

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, inlined_functions_are_frames);
	tcase_add_test(cases, separate_debug_file_by_link);
	tcase_add_test(cases, return_address_behind_the_function);
	tcase_add_test(cases, innermost_address_is_no_return_address);
	tcase_add_test(cases, stripped_library_has_exported_names_only);
	tcase_add_test(cases, file_that_is_not_the_recorded_one);
	tcase_add_test(cases, file_without_recorded_build_id);
	tcase_add_test(cases, deleted_file_needs_a_build_id);
	tcase_add_test(cases, odd_files);
	tcase_add_test(cases, root_folder_comes_first);
	tcase_add_test(cases, root_folder_is_not_left);
	tcase_add_test(cases, corrupt_files);
	tcase_add_test(cases, reader_without_privilege);
	tcase_add_test(cases, separate_debug_file_of_another_build);
	tcase_add_test(cases, reader_past_its_time);
	tcase_add_test(cases, code_without_a_file);
	tcase_add_test(cases, generated_code_by_perf_map);
	tcase_add_test(cases, same_function_is_one_object);
	tcase_add_test(cases, what_the_recording_says_itself);
	tcase_add_test(cases, named_folder_goes_before_the_recording);
	tcase_add_test(cases, files_that_are_held_open);
	tcase_add_test(cases, process_elsewhere_needs_a_build_id);
	tcase_add_test(cases, system_calls);
	suite_add_tcase(suite, cases);
	return suite;
}
