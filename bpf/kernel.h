/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * kernel.h - the few fields of the kernel's structures that the probes read. Offsets are those of
 * the running kernel, filled in at load from its BTF (CO-RE), so that a build needs no kernel. A
 * field that a kernel may lack is read behind bpf_core_field_exists. The uapi headers give the
 * rest.
 */
#pragma once

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1]; /* level + 1 of them */
};

struct inode {
	unsigned short i_mode;
};

struct file {
	void *private_data;
	struct inode *f_inode;
};

struct sock_common {
	volatile unsigned char skc_state;
};

struct sock {
	struct sock_common __sk_common;
};

struct socket {
	struct sock *sk;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_io_accounting {
	__u64 syscr, syscw;
};

struct cfs_rq {
	int throttle_count;
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
};

struct task_struct {
	unsigned int __state, flags;
	int pid, tgid;
	int exit_code; /* as wait(2) has it: the low seven bits are a signal */
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct files_struct *files;
	unsigned long min_flt, maj_flt;
	struct task_io_accounting ioac;
	struct sched_entity se;
	_Bool throttled; /* Linux 6.18 on: the quota takes the task itself off the queue */
	char comm[16];
	struct bpf_local_storage *bpf_storage; /* Linux 5.12 on */
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop
