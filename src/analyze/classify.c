/* SPDX-License-Identifier: Apache-2.0 */
/*
 * classify.c - whose code a frame is, and what to call it.
 *
 * Tier C. Data: one frame and the recording's head -> class, name. Nothing here weighs anything.
 */
#include "finding.h"

#include <string.h>

#include "origin.h"

/* Where distributions keep shared libraries; what lies elsewhere was brought by the application. */
static const char *const system_folders[] = {
	"/lib/",
	"/lib32/",
	"/lib64/",
	"/libx32/",
	"/usr/lib/",
	"/usr/lib32/",
	"/usr/lib64/",
	"/usr/libx32/",
	"/usr/libexec/",
	"/usr/local/lib/",
	"/usr/local/lib64/",
	"/nix/store/",
	"/gnu/store/",
};

/* Package folders of the language runtimes: somebody else's code that the application chose. */
static const char *const dependency_folders[] = {
	"/node_modules/",
	"/site-packages/",
	"/dist-packages/",
	/* Cargo's, in its own home or in that of an image, and what Rust's library depends on. */
	"/.cargo/registry/",
	"/.cargo/git/",
	"/cargo/registry/src/",
	"/cargo/git/checkouts/",
	"/rust/deps/",
};

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A source map may know its sources by relative paths only. */
static bool in_dependency_folder(const char *path)
{
	for (size_t i = 0; i < sizeof(dependency_folders) / sizeof(dependency_folders[0]); i++) {
		if (strstr(path, dependency_folders[i]) ||
			starts_with(path, dependency_folders[i] + 1))
			return true;
	}
	return false;
}

/* Python's own library, wherever Python is: PREFIX/lib/python3.11/, PREFIX/lib/python311.zip/. */
static bool in_python_library(const char *path)
{
	static const char *const folders[] = {"/lib/python", "/lib64/python"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *found = strstr(path, folders[i]);

		if (found && found[strlen(folders[i])] >= '0' && found[strlen(folders[i])] <= '9')
			return true;
	}
	return false;
}

static bool in_system_folder(const char *path)
{
	for (size_t i = 0; i < sizeof(system_folders) / sizeof(system_folders[0]); i++) {
		if (starts_with(path, system_folders[i]))
			return true;
	}
	return false;
}

static bool is_given(const char *text)
{
	return text && text[0] != '\0';
}

/* The kernel appends " (deleted)" to the path of a file that was replaced, as every upgrade does.
 */
static bool is_same_file(const char *path, const char *other)
{
	size_t length = strlen(other);

	return strncmp(path, other, length) == 0 &&
	       (path[length] == '\0' || strcmp(path + length, " (deleted)") == 0);
}

static const char *module_path(const struct frame *frame)
{
	return frame->mapping && frame->mapping->record.path ? frame->mapping->record.path : "";
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool frame_is_script(const struct frame *frame)
{
	switch (frame->kind) {
	case FRAME_JS_INTERPRETED:
	case FRAME_JS_BASELINE:
	case FRAME_JS_MAGLEV:
	case FRAME_JS_TURBOFAN:
	case FRAME_JS_BUILTIN:
	case FRAME_JS_UNKNOWN:
	case FRAME_PYTHON:
		return true;
	case FRAME_NATIVE:
	case FRAME_KERNEL:
	case FRAME_TRUNCATED:
		break;
	}
	return false;
}

bool frame_is_named(const struct frame *frame)
{
	return frame->function && frame->function->name[0] != '\0';
}

bool frame_is_engine(const struct frame *frame, const struct recording *recording)
{
	if (frame->kind == FRAME_JS_BUILTIN)
		return true;
	return frame->kind == FRAME_NATIVE && is_given(recording->head.runtime) &&
	       is_given(recording->head.program) &&
	       is_same_file(module_path(frame), recording->head.program);
}

static enum frame_class script_class(const struct frame *frame)
{
	const char *file = frame->function ? frame->function->file : "";

	/* A frame of which nothing is known must not be taken for the application's. */
	if (frame->kind == FRAME_JS_BUILTIN || !frame->function)
		return CLASS_RUNTIME;
	/* Code of no file was made at run time, mostly by a package (templates, schemas). Nobody
	 * could look it up: a caller that has a file says more. */
	if (file[0] == '\0')
		return CLASS_DEPENDENCY;
	/* A package that was compiled is a package, wherever its sources lay. */
	if (in_dependency_folder(file) ||
		(frame->generated && in_dependency_folder(frame->generated->function->file)))
		return CLASS_DEPENDENCY;
	if (starts_with(file, "node:") || starts_with(file, "<frozen "))
		return CLASS_RUNTIME;
	if (frame->kind == FRAME_PYTHON && in_python_library(file))
		return CLASS_RUNTIME;
	return CLASS_APPLICATION;
}

/* Whose file it is that the code lies in. */
static enum frame_class module_class(const struct frame *frame, const struct recording *recording)
{
	const char *path = module_path(frame);
	bool has_runtime = is_given(recording->head.runtime);

	/* Code outside any file was made at run time; only a name from a perf map tells whose it
	 * is. */
	if (path[0] != '/')
		return path[0] == '\0' && frame_is_named(frame) && !has_runtime
			       ? CLASS_APPLICATION
			       : CLASS_NATIVE_LIBRARY;
	if (in_dependency_folder(path))
		return CLASS_DEPENDENCY;
	if (is_given(recording->head.program) && is_same_file(path, recording->head.program))
		return has_runtime ? CLASS_NATIVE_LIBRARY : CLASS_APPLICATION;
	if (in_python_library(path) || starts_with(base_name(path), "libpython"))
		return CLASS_NATIVE_LIBRARY;
	/* Holter's own wrappers lie between the server and the C library, wherever it is installed.
	 */
	if (in_system_folder(path) || starts_with(base_name(path), "libholter.so"))
		return CLASS_NATIVE_LIBRARY;
	return CLASS_APPLICATION;
}

static enum frame_class native_class(const struct frame *frame, struct recording *recording)
{
	enum frame_class module = module_class(frame, recording);

	if (module != CLASS_APPLICATION || !frame->function)
		return module;
	if (in_dependency_folder(frame->function->file))
		return CLASS_DEPENDENCY;
	return origin_is_library(frame->function, recording) ? CLASS_NATIVE_LIBRARY : module;
}

enum frame_class frame_class(const struct frame *frame, struct recording *recording)
{
	if (frame_is_script(frame))
		return script_class(frame);
	if (frame->kind == FRAME_NATIVE)
		return native_class(frame, recording);
	return CLASS_NATIVE_LIBRARY;
}

uint64_t frame_offset(const struct frame *frame)
{
	return frame->address - (frame->mapping ? frame->mapping->record.bias : 0);
}

const char *frame_name(const struct frame *frame, struct recording *recording)
{
	const char *module = base_name(module_path(frame));
	size_t size = strlen(module) + sizeof("+0xffffffffffffffff");
	char *name;

	if (frame_is_named(frame))
		return frame->function->name;
	if (frame->kind == FRAME_TRUNCATED)
		return "[callers not found]";
	if (frame_is_script(frame))
		return frame->function ? "<anonymous>" : "[unnamed script function]";
	if (frame->kind == FRAME_KERNEL)
		return "[kernel]";
	name = recording_alloc(recording, size);
	snprintf(name, size, "%s%s0x%llx", module, module[0] == '\0' ? "" : "+",
		(unsigned long long)(frame->start ? frame->start : frame_offset(frame)));
	return name;
}

const char *frame_file(const struct frame *frame)
{
	return frame->function ? frame->function->file : "";
}

const char *frame_module(const struct frame *frame)
{
	return frame_is_script(frame) || module_path(frame)[0] == '\0' ? NULL : module_path(frame);
}
