/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gc_v8.c - see gc_v8.h.
 *
 * Source: V8's public API (v8-isolate.h: Isolate::TryGetCurrent, AddGCPrologueCallback,
 * AddGCEpilogueCallback; v8-callbacks.h: GCType), by its exported C++ names, which are the same
 * from Node 18 to 26. The callbacks run on the isolate's thread; they are never removed, because
 * this library is never unloaded.
 *
 * The loader finds the functions when it loads Holter, null where there is no V8. To look them up
 * later would take the loader's lock in a thread of the server, which another thread may hold until
 * this one has got on (a library's constructor that starts a loop and waits for it). A V8 that is
 * loaded while the program runs is not found.
 */
#include "gc_v8.h"

#include <stddef.h>

#include "loop.h"

enum { GC_TYPE_ALL = 0xffff }; /* kGCTypeAll, or more: unknown bits are never asked for */

typedef void (*gc_callback)(void *isolate, int type, int flags, void *data);

__attribute__((weak)) void *try_get_current(void) __asm__("_ZN2v87Isolate13TryGetCurrentEv");
__attribute__((weak)) void
add_prologue_callback(void *isolate, gc_callback callback, void *data, int types) __asm__(
	"_ZN2v87Isolate21AddGCPrologueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_"
	"S2_");
__attribute__((weak)) void
add_epilogue_callback(void *isolate, gc_callback callback, void *data, int types) __asm__(
	"_ZN2v87Isolate21AddGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_"
	"S2_");

static void on_prologue(void *isolate, int type, int flags, void *data)
{
	struct loop *loop = thread.loop;

	(void)isolate, (void)type, (void)flags, (void)data;
	if (loop)
		loop_gc_begin(loop);
}

static void on_epilogue(void *isolate, int type, int flags, void *data)
{
	struct loop *loop = thread.loop;

	(void)isolate, (void)type, (void)flags, (void)data;
	if (loop)
		loop_gc_end(loop);
}

void gc_v8_observe(void)
{
	void *isolate = try_get_current && add_prologue_callback && add_epilogue_callback
				? try_get_current()
				: NULL;

	if (!isolate)
		return;
	add_prologue_callback(isolate, on_prologue, NULL, GC_TYPE_ALL);
	add_epilogue_callback(isolate, on_epilogue, NULL, GC_TYPE_ALL);
}
