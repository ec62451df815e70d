/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * task.h - what the kernel knows of a task: its numbers, its open files, the call that it is in,
 * whether its group has used up its quota.
 *
 * Data: struct task_struct -> numbers. To be included by programs alone, after kernel.h.
 */
#pragma once

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "kernel.h"

/*
 * Most of this is read by the helper, as no healthy turn comes here. A pointer that is loaded
 * directly has a type, for whose sake the verifier (Linux 6.3 on) looks through the names of all
 * the kernel's types, a millisecond each time; and before that it lets no unknown number be added
 * to such a pointer (6.1).
 */

/* The thread's number in the pid namespace at a level; 0: the namespace is another one. */
static __always_inline __u32 number_at(struct task_struct *task, __u32 level, __u32 namespace_inode)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid upid;
	struct pid_namespace *space;
	__u64 at;

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	at = (__u64)pid + bpf_core_field_offset(struct pid, numbers) +
	     (__u64)level * bpf_core_type_size(struct upid);
	if (bpf_probe_read_kernel(&upid.nr, sizeof(upid.nr),
		    (void *)(at + bpf_core_field_offset(struct upid, nr))) ||
		bpf_probe_read_kernel(&space, sizeof(space),
			(void *)(at + bpf_core_field_offset(struct upid, ns))))
		return 0;
	if (namespace_inode && BPF_CORE_READ(space, ns.inum) != namespace_inode)
		return 0;
	return upid.nr;
}

/* The thread's number in its own pid namespace. */
static __always_inline __u32 own_number(struct task_struct *task)
{
	return number_at(task, BPF_CORE_READ(task, thread_pid, level), 0);
}

/* Which open file a descriptor of the task stands for; 0: none. */
static __always_inline __u64 file_of(struct task_struct *task, __s32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL;

	if (descriptor < 0 || (__u32)descriptor >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + (__u32)descriptor);
	return (__u64)file;
}

/* Whether the quota of its group keeps a runnable task from the CPU. */
static __always_inline int is_throttled(struct task_struct *task)
{
	if (bpf_core_field_exists(task->throttled) && task->throttled)
		return 1;
	if (bpf_core_field_exists(struct cfs_rq, throttle_count) &&
		bpf_core_field_exists(task->se.cfs_rq))
		return task->se.cfs_rq->throttle_count > 0;
	return 0;
}

/* The system call that a task is in, or -1. */
static __always_inline __s32 call_of(struct task_struct *task)
{
	struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);
	__s64 call = -1;

	bpf_probe_read_kernel(&call, sizeof(call), &registers->orig_rax);
	return (__s32)call;
}

static __always_inline __u64 io_calls_of(struct task_struct *task)
{
	if (!bpf_core_field_exists(task->ioac.syscr))
		return 0;
	return task->ioac.syscr + task->ioac.syscw;
}
