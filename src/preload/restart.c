/* SPDX-License-Identifier: Apache-2.0 */
#include "restart.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "sys.h"

enum { CODE_BYTES = 11, PAGE_BYTES = 4096, NUMBERS = 1024 /* no call has a higher one */ };

static bool read_memory_sig(uint64_t address, void *ret, size_t length)
{
	struct iovec local = {ret, length}, remote = {(void *)(uintptr_t)address, length};

	return sys_process_vm_readv(sys_getpid(), &local, 1, &remote, 1) == (int64_t)length;
}

/* The bytes before pc. Only the page of pc itself is certain to be mapped: where they reach into
 * the one before, a stub of the C library's may end, or nothing be. */
static bool read_code_sig(uint64_t pc, uint8_t *code)
{
	if ((pc - CODE_BYTES) / PAGE_BYTES != pc / PAGE_BYTES)
		return read_memory_sig(pc - CODE_BYTES, code, CODE_BYTES);
	memcpy(code, (const void *)(uintptr_t)(pc - CODE_BYTES), CODE_BYTES);
	return true;
}

/*
 * The number of a call by glibc's one instruction for all cancellation points (since 2.41;
 * sysdeps/unix/sysv/linux/x86_64/syscall_cancel.S), where no register has it any more. It is the
 * seventh argument of the function around that (nptl/cancellation.c), and so lies behind the return
 * address of a call of this function, which is told from other words of the stack by that call.
 */
static int64_t cancellable_number_sig(uint64_t sp)
{
	enum { WORDS = 16, FUNCTION_BYTES = 1024, CALL_BYTES = 5, CALL = 0xe8 };
	uint64_t words[WORDS] = {0}, function;
	uint8_t call[CALL_BYTES] = {0};
	int32_t distance;

	if (!read_memory_sig(sp, words, sizeof(words)))
		return -1;
	for (size_t i = 1; i + 1 < WORDS; i++) {
		if (words[i + 1] >= NUMBERS ||
			!read_memory_sig(words[i] - CALL_BYTES, call, CALL_BYTES) ||
			call[0] != CALL)
			continue;
		memcpy(&distance, call + 1, sizeof(distance));
		function = words[i] + (uint64_t)(int64_t)distance;
		if (words[0] > function && words[0] - function < FUNCTION_BYTES)
			return (int64_t)words[i + 1];
	}
	return -1;
}

/*
 * The number of the call, from the code up to its instruction: "mov $number, %eax" or "xor %eax,
 * %eax", and behind it at most the reload of an argument, "mov n(%rsp), %edi". So the C library's
 * calls are made, whose numbers are constants (all of glibc's that can sleep), before 2.41; since
 * then also by "mov n(%rsp), %rax", or behind "mov %r11, 8(%rsp)". -1: made in another way, such as
 * by syscall(2).
 */
static int64_t call_number_sig(const uint8_t *code, uint64_t sp)
{
	static const uint8_t reload[3] = {0x8b, 0x7c, 0x24};
	static const uint8_t load[4] = {0x48, 0x8b, 0x44, 0x24};
	static const uint8_t cancellable[5] = {0x4c, 0x89, 0x5c, 0x24, 0x08};
	const uint8_t *end = code + CODE_BYTES - 2;
	uint64_t loaded = 0;
	uint32_t number;

	if (!memcmp(end - sizeof(cancellable), cancellable, sizeof(cancellable)))
		return cancellable_number_sig(sp);
	if (!memcmp(end - 5, load, sizeof(load)))
		return read_memory_sig(sp + end[-1], &loaded, sizeof(loaded)) && loaded < NUMBERS
			       ? (int64_t)loaded
			       : -1;
	if (!memcmp(end - 4, reload, sizeof(reload)))
		end -= 4;
	if (end[-2] == 0x31 && end[-1] == 0xc0)
		return 0;
	memcpy(&number, end - sizeof(number), sizeof(number));
	return end[-5] == 0xb8 && number < NUMBERS ? (int64_t)number : -1;
}

enum restart restart_call_sig(ucontext_t *context, int signal)
{
	greg_t *registers = context->uc_mcontext.gregs;
	uint64_t pending = 0, blocked;
	uint8_t code[CODE_BYTES] = {0};
	int64_t number;

	if (registers[REG_RAX] != -EINTR || !read_code_sig((uint64_t)registers[REG_RIP], code) ||
		code[CODE_BYTES - 2] != 0x0f || code[CODE_BYTES - 1] != 0x05)
		return RESTART_NOTHING;
	memcpy(&blocked, &context->uc_sigmask, sizeof(blocked));
	sys_call3(SYS_rt_sigpending, (uint64_t)(uintptr_t)&pending, sizeof(pending), 0);
	if (pending & ~blocked & ~(1ull << (signal - 1)))
		return RESTART_NOTHING;
	number = call_number_sig(code, (uint64_t)registers[REG_RSP]);
	if (number < 0)
		return RESTART_FAILED;
	registers[REG_RAX] = number;
	registers[REG_RIP] -= 2;
	return RESTART_DONE;
}
