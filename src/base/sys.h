/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys.h - system calls without libc: no errno, no cancellation points, no wrapper that a server or
 * another preload may have replaced. Every function returns what the kernel returns: a value, or a
 * negative errno. Tier A. x86-64 only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline int64_t sys_call6(
	int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	int64_t ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline int64_t sys_call3(int64_t number, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline int sys_open(const char *path, int flags, uint32_t mode)
{
	return (int)sys_call6(SYS_openat, (uint64_t)-100 /* AT_FDCWD */, (uint64_t)(uintptr_t)path,
		(uint64_t)flags, mode, 0, 0);
}

static inline int sys_close(int fd)
{
	return (int)sys_call3(SYS_close, (uint64_t)fd, 0, 0);
}

static inline int64_t sys_read(int fd, void *buffer, size_t size)
{
	return sys_call3(SYS_read, (uint64_t)fd, (uint64_t)(uintptr_t)buffer, size);
}

static inline int64_t sys_pread(int fd, void *buffer, size_t size, int64_t offset)
{
	return sys_call6(SYS_pread64, (uint64_t)fd, (uint64_t)(uintptr_t)buffer, size,
		(uint64_t)offset, 0, 0);
}

static inline int64_t sys_write(int fd, const void *buffer, size_t size)
{
	return sys_call3(SYS_write, (uint64_t)fd, (uint64_t)(uintptr_t)buffer, size);
}

static inline int sys_ftruncate(int fd, int64_t length)
{
	return (int)sys_call3(SYS_ftruncate, (uint64_t)fd, (uint64_t)length, 0);
}

static inline int64_t sys_lseek(int fd, int64_t offset, int whence)
{
	return sys_call3(SYS_lseek, (uint64_t)fd, (uint64_t)offset, (uint64_t)whence);
}

static inline int sys_rename(const char *from, const char *to)
{
	return (int)sys_call3(SYS_rename, (uint64_t)(uintptr_t)from, (uint64_t)(uintptr_t)to, 0);
}

static inline int sys_unlink(const char *path)
{
	return (int)sys_call3(SYS_unlink, (uint64_t)(uintptr_t)path, 0, 0);
}

static inline int sys_mkdir(const char *path, uint32_t mode)
{
	return (int)sys_call3(SYS_mkdir, (uint64_t)(uintptr_t)path, mode, 0);
}

static inline int sys_fcntl(int fd, int command, uint64_t argument)
{
	return (int)sys_call3(SYS_fcntl, (uint64_t)fd, (uint64_t)command, argument);
}

struct stat;
static inline int sys_fstat(int fd, struct stat *ret)
{
	return (int)sys_call3(SYS_fstat, (uint64_t)fd, (uint64_t)(uintptr_t)ret, 0);
}

static inline int sys_stat(const char *path, struct stat *ret)
{
	return (int)sys_call3(SYS_stat, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)ret, 0);
}

static inline int64_t sys_readlink(const char *path, char *buffer, size_t size)
{
	return sys_call3(
		SYS_readlink, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)buffer, size);
}

/* Returns the address, or a negative errno cast to a pointer: test with sys_failed. */
static inline void *sys_mmap(
	void *address, size_t length, int protection, int flags, int fd, int64_t offset)
{
	return (void *)sys_call6(SYS_mmap, (uint64_t)(uintptr_t)address, length,
		(uint64_t)protection, (uint64_t)flags, (uint64_t)fd, (uint64_t)offset);
}

static inline int sys_failed(const void *address)
{
	return (uintptr_t)address > (uintptr_t)-4096;
}

static inline int sys_munmap(void *address, size_t length)
{
	return (int)sys_call3(SYS_munmap, (uint64_t)(uintptr_t)address, length, 0);
}

static inline int sys_getpid(void)
{
	return (int)sys_call3(SYS_getpid, 0, 0, 0);
}

static inline int sys_gettid(void)
{
	return (int)sys_call3(SYS_gettid, 0, 0, 0);
}

/* Gives the calling thread a descriptor table of its own, with the descriptors below `first` of the
 * one that it had (CLOSE_RANGE_UNSHARE, Linux 5.9). */
static inline int sys_unshare_descriptors(unsigned first)
{
	return (int)sys_call3(436 /* close_range */, first, ~0u, 1u << 1);
}

struct iovec;
static inline int64_t sys_process_vm_readv(int pid, const struct iovec *local, size_t local_count,
	const struct iovec *remote, size_t remote_count)
{
	return sys_call6(SYS_process_vm_readv, (uint64_t)pid, (uint64_t)(uintptr_t)local,
		local_count, (uint64_t)(uintptr_t)remote, remote_count, 0);
}

static inline int64_t sys_process_vm_writev(int pid, const struct iovec *local, size_t local_count,
	const struct iovec *remote, size_t remote_count)
{
	return sys_call6(SYS_process_vm_writev, (uint64_t)pid, (uint64_t)(uintptr_t)local,
		local_count, (uint64_t)(uintptr_t)remote, remote_count, 0);
}

struct timespec;
static inline int sys_clock_gettime(int clock, struct timespec *ret)
{
	return (int)sys_call3(SYS_clock_gettime, (uint64_t)clock, (uint64_t)(uintptr_t)ret, 0);
}

static inline int sys_getrandom(void *buffer, size_t size, unsigned flags)
{
	return (int)sys_call3(SYS_getrandom, (uint64_t)(uintptr_t)buffer, size, flags);
}

/*
 * Waits while *word == value, at most until the CLOCK_MONOTONIC time deadline_ns. Returns 0,
 * -EAGAIN, -EINTR or -ETIMEDOUT.
 */
int sys_futex_wait_until(const uint32_t *word, uint32_t value, uint64_t deadline_ns);
int sys_futex_wake(const uint32_t *word);

/* Reads a small file whole into buffer and ends it with NUL. Returns its length (cut to size - 1),
 * or -errno. */
int64_t sys_read_file(const char *path, char *buffer, size_t size);
