/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gc_v8.c - see gc_v8.h.
 *
 * Source: V8's public API (v8-isolate.h: Isolate::TryGetCurrent, AddGCPrologueCallback,
 * AddGCEpilogueCallback; v8-callbacks.h: GCType), by its exported C++ names, which are the same
 * from Node 18 to 26. The callbacks run on the isolate's thread; they are never removed, because
 * this library is never unloaded.
 */
#include "gc_v8.h"

#include <dlfcn.h>
#include <stddef.h>

#include "loop.h"

enum { GC_TYPE_ALL = 0xffff }; /* kGCTypeAll, or more: unknown bits are never asked for */

typedef void *(*try_get_current)(void);
typedef void (*gc_callback)(void *isolate, int type, int flags, void *data);
typedef void (*add_callback)(void *isolate, gc_callback callback, void *data, int types);

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
	try_get_current current =
		(try_get_current)dlsym(RTLD_DEFAULT, "_ZN2v87Isolate13TryGetCurrentEv");
	add_callback prologue =
		(add_callback)dlsym(RTLD_DEFAULT, "_ZN2v87Isolate21AddGCPrologueCallbackEPFvPS0_NS_"
						  "6GCTypeENS_15GCCallbackFlagsEPvES4_S2_");
	add_callback epilogue =
		(add_callback)dlsym(RTLD_DEFAULT, "_ZN2v87Isolate21AddGCEpilogueCallbackEPFvPS0_NS_"
						  "6GCTypeENS_15GCCallbackFlagsEPvES4_S2_");
	void *isolate = current && prologue && epilogue ? current() : NULL;

	if (!isolate)
		return;
	prologue(isolate, on_prologue, NULL, GC_TYPE_ALL);
	epilogue(isolate, on_epilogue, NULL, GC_TYPE_ALL);
}
