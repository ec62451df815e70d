/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gc_v8.h - how long V8 collects garbage inside a turn: the wall time between its prologue and its
 * epilogue. The thread's CPU clock cannot tell, because it sleeps while helpers mark. Tier B:
 * called in the loop's own thread, which holds the isolate.
 */
#pragma once

/* Asks V8, where the thread runs an isolate, to be told of its collections. Does nothing elsewhere.
 */
void gc_v8_observe(void);
