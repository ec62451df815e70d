/* SPDX-License-Identifier: Apache-2.0 */
/* limit.c - see limit.h. Why a limit is one, ARCHITECTURE.md says at more length. Tier C. */
#include "limit.h"

const struct limit limits[LIMITS] = {
	[LIMIT_STATIC] = {"static-program", MODE_PRELOADING, "Programs that are linked statically.",
		"They have no loader that would load a library.",
		"link it dynamically, or attach to it", "program"},
	[LIMIT_MUSL] = {"musl", MODE_PRELOADING, "Programs that run on musl (Alpine).",
		"libholter.so is made for glibc, and musl's loader cannot load it.",
		"use a glibc build of it, or attach to it", "program"},
	[LIMIT_FOREIGN] = {"foreign-program", MODES_ALL,
		"Programs that are not built for 64-bit x86-64.",
		"Holter knows the registers, calling convention and signal frames of x86-64 only.",
		"use its x86-64 build", "architecture"},
	[LIMIT_PRIVILEGED] = {"gains-privilege", MODE_PRELOADING,
		"Programs that gain privilege when they start: setuid, setgid, file capabilities.",
		"The loader ignores LD_PRELOAD for them.", "start it as the user that it becomes",
		"privilege"},
	[LIMIT_NOT_PRELOADED] = {"not-preloaded", MODE_PRELOADING,
		"Processes that were started without the library.",
		"Nothing is ever injected into a running process.",
		"restart it with: holter run -- PROGRAM", "preloaded"},
	[LIMIT_KEPT_OUT] = {"kept-out", MODE_PRELOADING,
		"Programs that start while a file switches Holter off.",
		"/etc/holter/disable, or `disable` in the folder of recordings, is there for that.",
		"remove the file", "kept out"},
	[LIMIT_NO_LOOP] = {"no-loop", MODES_ALL,
		"Programs that do not wait for events, such as a server with a thread for each "
		"connection.",
		"A stall is a long time between two waits for events: without waits there are no "
		"turns.",
		"mark the loop with holter/holter.h where it waits by other means", "event loop"},
	[LIMIT_IO_URING] = {"io-uring", MODES_ALL,
		"Waits by io_uring, and what the kernel does for requests in its rings.",
		"Such waits and requests use system calls that are not watched, or none at all.",
		"mark the loop with holter/holter.h, or switch io_uring off (Node: "
		"UV_USE_IO_URING=0)",
		"io_uring"},
	[LIMIT_RAW_CALLS] = {"raw-system-calls", MODE_PRELOADING,
		"Waits by system calls that the program makes without libc's functions.",
		"The library sees calls of functions, not of the kernel.",
		"mark the loop with holter/holter.h, or attach to it, since the kernel sees every "
		"call",
		NULL},
	[LIMIT_GO] = {"go", MODES_ALL, "Stalls in Go programs.",
		"Go makes its system calls itself and moves its tasks between threads: no thread "
		"has turns of its own.",
		"use Go's own execution tracer", "go"},
	[LIMIT_DEEPBIND] = {"deepbind", MODE_PRELOADING,
		"Waits inside libraries that were loaded with RTLD_DEEPBIND.",
		"Their calls are bound to libc before any library that was preloaded.",
		"attach to it, since the kernel sees every call", NULL},
	[LIMIT_OTHER_PROCESSES] = {"other-processes", MODES_ALL,
		"What happens in other processes: a database, a child, a peer.",
		"Each process has a recording of its own.",
		"record those as well; a stall that waits for one says so", NULL},
	[LIMIT_HELPERS] = {"helpers", MODE_PRELOADING,
		"Processes that neither wait twice and listen nor wait ten times on one "
		"descriptor.",
		"The library does nothing in helpers and scripts, which inherit it.",
		"nothing: a server waits more often than that at once", NULL},
	[LIMIT_SHORT_LIVES] = {"short-lives", MODE_PRELOADING,
		"The next start of a program that has ended within a minute of its start three "
		"times in a row.",
		"If Holter is the reason, this ends the crash loop.",
		"name the recording (-o): then it is made in any case", NULL},
	[LIMIT_RAW_CHILDREN] = {"raw-children", MODE_PRELOADING,
		"Children that share memory with their parent, or were made by a raw clone(2); and "
		"a child whose fork would have waited for Holter for more than 5 ms.",
		"Their copy of Holter's state belongs to the parent or may be inconsistent, so "
		"they "
		"run without Holter.",
		"attach to the child", NULL},
	[LIMIT_MANY_LOOPS] = {"many-loops", MODE_PRELOADING,
		"Loops of one process beyond the 64th.",
		"Holter's memory in the server is bounded.",
		"nothing: the report says how many were left out", NULL},
	[LIMIT_START_UP] = {"start-up", MODE_PRELOADING,
		"Stalls before a program listens or has its first connection, or in its first 10 s "
		"where it never does. They are recorded, but are no findings.",
		"Loading modules holds the loop, and nobody is served yet.",
		"look at them with holter dump", NULL},
	[LIMIT_SHORT_STALLS] = {"short-stalls", MODES_ALL,
		"Stacks of turns that are shorter than the threshold (50 ms by default).",
		"Such turns are only counted in a histogram; that is why recording costs so "
		"little.",
		"record with a lower --threshold", NULL},
	[LIMIT_DEEP_STACKS] = {"deep-stacks", MODES_ALL,
		"Callers that lie further up the stack than a sample reaches: 64 KiB, or 32 KiB by "
		"eBPF.",
		"A sample is a copy of the stack; its size bounds what it costs the thread.",
		"nothing: such stacks are marked as incomplete", NULL},
	[LIMIT_SIGNALS_TAKEN] = {"signals-taken", MODE_PRELOADING,
		"Stacks of running threads in programs that handle both SIGURG and SIGWINCH.",
		"Holter samples a running thread by one of these two, since they are ignored by "
		"default; it never replaces a handler of the program's.",
		"leave one of the two to Holter; without it stalls are timed, and sleeping threads "
		"have stacks",
		"signals"},
	[LIMIT_SIGNAL_BLOCKED] = {"signal-blocked", MODE_PRELOADING,
		"Stacks of running threads that have Holter's signal blocked.",
		"Holter unblocks it once, when a thread becomes a loop; a program that blocks it "
		"later does so on purpose, and may read it by signalfd.",
		"unblock SIGURG or SIGWINCH in the loop's thread", "signals"},
	[LIMIT_SMALL_STACKS] = {"small-stacks", MODE_PRELOADING,
		"Stacks of loops that run on less than 64 KiB of stack. A coroutine's own small "
		"stack is not recognised, and needs an alternate signal stack.",
		"The kernel writes a signal's frame of up to 11 KiB before any handler can check "
		"the stack.",
		"give the thread 64 KiB or an alternate signal stack, or record with --no-signals",
		NULL},
	[LIMIT_FILTER] = {"seccomp-filter", MODE_PRELOADING,
		"Whatever needs a system call that a seccomp filter of the container or service "
		"refuses.",
		"A filter that was installed before the program started cannot be read from "
		"inside.",
		"let it allow process_vm_readv and rt_tgsigqueueinfo; HOLTER_DISABLE=1 where it "
		"kills",
		"seccomp"},
	[LIMIT_LATE_FILTER] = {"late-filter", MODE_PRELOADING,
		"What happens after the program has installed a seccomp filter.",
		"The library stops recording before, as the filter might kill the process for a "
		"call of Holter's; a filter that is installed without libc cannot be foreseen.",
		"record without the filter; HOLTER_DISABLE=1 where it is installed without libc",
		NULL},
	[LIMIT_DROPPED_ROOT] = {"dropped-root", MODE_PRELOADING,
		"Stacks of sleeping threads in processes that gave up root (workers of nginx).",
		"A process that is not dumpable may not read /proc/self/task/TID/syscall.",
		"start it as the user that it becomes, to see what it sleeps in", "privilege"},
	[LIMIT_OTHER_TOOLS] = {"other-tools", MODE_PRELOADING,
		"Time that belongs to sanitizers, profilers and tracers in the same process.",
		"They hook the same functions or signals, and slow the process down.",
		"record without them", "other tools"},
	[LIMIT_DEBUGGER] = {"debugger", MODES_ALL,
		"Whether a stall is the program's own or a stop by a debugger or tracer.",
		"A thread that is stopped looks like one that hangs.",
		"detach the debugger or strace", "tracer"},
	[LIMIT_RUNTIME] = {"runtime-names", MODES_ALL,
		"Function names of language runtimes other than Node.js 18 to 26 and CPython 3.9 "
		"to 3.13. In other versions of these some names may be missing.",
		"Frames are read from the runtime's memory, whose layout differs by version.",
		"use a version that is known; native functions are named in any case", "runtime"},
	[LIMIT_MEMORY] = {"memory-refused", MODES_ALL,
		"Names of JavaScript and Python functions where process_vm_readv is refused.",
		"It is the only way to read memory that may be unmapped meanwhile without the risk "
		"of a fault.",
		"allow process_vm_readv in the container's seccomp profile", "safe memory reads"},
	[LIMIT_UNWINDER] = {"no-unwinder", MODES_ALL,
		"Callers of native functions without frame pointers, where libunwind is missing.",
		"libunwind is loaded at run time if it is installed.", "install libunwind8",
		"native unwinder"},
	[LIMIT_JIT] = {"foreign-jit", MODES_ALL,
		"Names of code that other just-in-time compilers have made (Java, PHP, LuaJIT, "
		".NET).",
		"Only the compiler knows which function lies where.",
		"let it write a perf map (/tmp/perf-PID.map); Java: -XX:+DumpPerfMapAtExit, .NET: "
		"DOTNET_PerfMapEnabled=1",
		"generated code"},
	[LIMIT_STRIPPED] = {"stripped", MODES_ALL,
		"Names of a program's own native functions when it was stripped.",
		"Only exported functions have names then; the others are shown as module+0xoffset.",
		"install its debug symbols (-dbgsym), or build it without strip", "symbols"},
	[LIMIT_REPLACED] = {"replaced-files", MODES_ALL,
		"Names from programs and libraries that were replaced while the process ran.",
		"The file is no longer the one that ran, as its build id shows.",
		"restart the process, or keep the old file and name its folder by --symbols",
		"files"},
	[LIMIT_OTHER_FILES] = {"other-files", MODES_ALL,
		"Names from files that are not where the report is made: of a container, of "
		"another host.",
		"A recording has the paths and build ids of native code, not its symbols.",
		"report with --symbols /proc/PID/root, or inside the container", "container"},
	[LIMIT_THROTTLING] = {"throttling", MODES_ALL,
		"Whether the CPU quota of a control group held the process back, where the group's "
		"counters are not mounted.",
		"Such time is then reported as waiting for a CPU (runqueue).",
		"mount the cgroup file system in the container", "cpu quota"},
	[LIMIT_STALLS_ONLY] = {"stalls-only", MODES_ALL, "Heap growth and connection pools.",
		"This version records stalls only.", "nothing, in this version", NULL},
	[LIMIT_EINTR] = {"interrupted-calls", MODE_PRELOADING,
		"System calls made through syscall(2) may return EINTR because of Holter.",
		"An interrupted call is restarted where its number can be read from the code; "
		"inside syscall(2) it cannot. The recording counts these calls.",
		"record with --no-signals", NULL},
	[LIMIT_BEFORE] = {"before-attaching", MODES_ATTACHING,
		"What happened before. A hang is reported as lasting \"at least\" since then.",
		"Nothing watched the process then.", "start it with holter run, for the next time",
		NULL},
	[LIMIT_KERNEL] = {"old-kernel", MODE_PROBES, "Processes on kernels before 5.15.",
		"BPF ring buffers came with 5.8, task storage for tracing with 5.12, the registers "
		"of a task with 5.15.",
		"use holter run, or holter attach --method=poll", "kernel"},
	[LIMIT_UNTRIED_KERNEL] = {"untried-kernel", MODE_PROBES,
		"Nothing is promised for kernels that were not tried; the only one that was is "
		"Linux 6.18.",
		"Tracepoints, types and what the verifier takes differ between kernels.",
		"read what the tool says cannot be seen: each part that a kernel lacks or refuses "
		"is left out by itself, and named; without eBPF: holter attach --method=poll",
		NULL},
	[LIMIT_POLLS_BESIDE] = {"polls-beside-epoll", MODE_PROBES,
		"Loops that wait by poll or select in a process that has epoll descriptors as "
		"well, unless one of its threads was waiting so when watching began.",
		"Every traced call costs every process of the machine a little, so these two are "
		"traced only where a loop is likely to use them.",
		"attach while such a loop waits, as it does most of the time, or with --children, "
		"which traces them all",
		NULL},
	[LIMIT_NO_BTF] = {"no-btf", MODE_PROBES,
		"Processes on kernels that do not describe their types (/sys/kernel/btf/vmlinux).",
		"The probes find the kernel's fields by that description.",
		"use a kernel with CONFIG_DEBUG_INFO_BTF, or holter attach --method=poll",
		"kernel types (BTF)"},
	[LIMIT_NO_BPF] = {"no-bpf", MODE_PROBES,
		"Any process, for users without CAP_BPF and CAP_PERFMON, and where bpf(2) is "
		"refused.",
		"The kernel loads tracing programs only with these capabilities.",
		"use sudo; without it: holter attach --method=poll", "bpf(2)"},
	[LIMIT_NO_PERF] = {"no-perf-events", MODE_PROBES,
		"Stacks of threads that run, where perf events of all CPUs are refused.",
		"The clock that samples a running thread is a perf event.",
		"use sudo (CAP_PERFMON); without it stalls are timed, and sleeping threads have "
		"stacks",
		"perf events"},
	[LIMIT_NO_TRACEFS] = {"no-tracefs", MODE_PROBES,
		"Waits, where the kernel's tracepoints of system calls cannot be found.",
		"Their numbers are read from tracefs; to mount it takes CAP_SYS_ADMIN, to read it "
		"CAP_DAC_READ_SEARCH.",
		"as root: mount -t tracefs tracefs /sys/kernel/tracing; without it: holter attach "
		"--method=poll",
		"tracepoints"},
	[LIMIT_LOCKDOWN] = {"lockdown", MODE_PROBES,
		"Processes on machines in lockdown mode \"confidentiality\".",
		"The kernel then lets no BPF program read its memory.",
		"use holter run, or holter attach --method=poll", "lockdown"},
	[LIMIT_USER_NAMESPACE] = {"user-namespace", MODE_PROBES,
		"Any process, from inside a user namespace (a rootless container).",
		"Capabilities of a user namespace do not count for tracing.",
		"attach from the host", "user namespace"},
	[LIMIT_NO_ACCESS] = {"no-access", MODES_ATTACHING,
		"Processes of other users, and those that are not dumpable.",
		"To read their memory and system calls takes CAP_SYS_PTRACE, and to see their open "
		"files CAP_DAC_READ_SEARCH.",
		"use sudo (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH); without it you can attach to your "
		"own processes where Yama allows it",
		"its memory"},
	[LIMIT_HIDDEN] = {"hidden-processes", MODES_ATTACHING,
		"Processes of other users, where /proc is mounted with hidepid.",
		"Their folders cannot be opened, or are not even listed.",
		"use sudo (CAP_SYS_PTRACE), or join the group that the mount option gid names",
		"/proc"},
	[LIMIT_POLLING] = {"polling", MODE_POLLING,
		"Congestion; who had the CPU that a loop waited for; up to 10 ms of a stall. "
		"Stalls in which a thread runs, where perf events are refused "
		"(kernel.perf_event_paranoid), where a debugger uses the hardware breakpoints, or "
		"where a process waits at more than four places. Waits by poll or select inside a "
		"turn of a loop that waits by these itself.",
		"/proc shows where a thread is, not where it was; breakpoints on its waits show "
		"that it was not there, and not what it waits for.",
		"attach with the capabilities that eBPF needs, or use holter run", NULL},
};

const char *limit_modes(unsigned modes)
{
	switch (modes) {
	case MODE_PRELOADING:
		return "preload";
	case MODE_PROBES:
		return "attach by eBPF";
	case MODE_POLLING:
		return "attach by polling";
	case MODES_ATTACHING:
		return "attach";
	default:
		return "both";
	}
}
