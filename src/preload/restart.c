/* SPDX-License-Identifier: Apache-2.0 */
#include "restart.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "sys.h"

enum { CODE_BYTES = 11, PAGE_BYTES = 4096 };

/* The bytes before pc. Only the page of pc itself is certain to be mapped: where they reach into
 * the one before, a stub of the C library's may end, or nothing be. */
static bool read_code_sig(uint64_t pc, uint8_t *code)
{
	if ((pc - CODE_BYTES) / PAGE_BYTES != pc / PAGE_BYTES) {
		struct iovec local = {code, CODE_BYTES};
		struct iovec remote = {(void *)(uintptr_t)(pc - CODE_BYTES), CODE_BYTES};

		return sys_process_vm_readv(sys_getpid(), &local, 1, &remote, 1) == CODE_BYTES;
	}
	memcpy(code, (const void *)(uintptr_t)(pc - CODE_BYTES), CODE_BYTES);
	return true;
}

/*
 * The number of the call, from the code up to its instruction: "mov $number, %eax" or "xor %eax,
 * %eax", and behind it at most the reload of an argument, "mov n(%rsp), %edi". So the C library's
 * calls are made, whose numbers are constants (all of glibc's that can sleep). -1: made in another
 * way, such as by syscall(2).
 */
static int64_t call_number_sig(const uint8_t *code)
{
	static const uint8_t reload[3] = {0x8b, 0x7c, 0x24};
	const uint8_t *end = code + CODE_BYTES - 2;
	uint32_t number;

	if (!memcmp(end - 4, reload, sizeof(reload)))
		end -= 4;
	if (end[-2] == 0x31 && end[-1] == 0xc0)
		return 0;
	memcpy(&number, end - sizeof(number), sizeof(number));
	return end[-5] == 0xb8 && number < 1024 ? (int64_t)number : -1;
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
	number = call_number_sig(code);
	if (number < 0)
		return RESTART_FAILED;
	registers[REG_RAX] = number;
	registers[REG_RIP] -= 2;
	return RESTART_DONE;
}
