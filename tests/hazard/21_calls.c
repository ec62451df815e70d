/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 21_calls.c - hazard 21: makes every call that Holter stands in front of, with good arguments and
 * with all kinds of bad ones, and prints result, errno and what was written where. A run with
 * Holter must print what a run without it prints: first while Holter is inert, then as the loop of
 * a server, by epoll and by poll, then after it has stood aside.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "loop.h"

enum { UNTOUCHED = 1234, NOBODY = 65534, BAD = -1 };

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	const sigset_t *mask, size_t size);

static int loop, ready[2], quiet[2];
static void *const nowhere = (void *)8;

static void print_bytes(const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", ((const unsigned char *)bytes)[i]);
	printf("\n");
}

/* `output`: what the call may have written to. */
#define TRY(call, output)                                                                          \
	do {                                                                                       \
		errno = UNTOUCHED;                                                                 \
		long result = (long)(call);                                                        \
		printf("%s: %ld, errno %d, ", #call, result, errno);                               \
		print_bytes(&(output), sizeof(output));                                            \
	} while (0)

static void interrupt(int number)
{
	(void)number;
}

static void interrupt_soon(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 3000}}, NULL);
}

static void try_epoll(void)
{
	struct epoll_event events[2] = {{0}};
	struct timespec no_time = {0}, bad_time = {.tv_nsec = -1}, some_time = {.tv_nsec = 2000000};
	sigset_t mask;

	sigemptyset(&mask);
	TRY(epoll_wait(loop, events, 2, 0), events);
	TRY(epoll_wait(loop, events, 1, -1), events);
	TRY(epoll_wait(loop, nowhere, 2, 0), events);
	TRY(epoll_wait(loop, events, 0, 0), events);
	TRY(epoll_wait(loop, events, -1, 0), events);
	TRY(epoll_wait(BAD, events, 2, 0), events);
	TRY(epoll_wait(quiet[0], events, 2, 0), events);
	TRY(epoll_pwait(loop, events, 2, 0, &mask), events);
	TRY(epoll_pwait(loop, events, 2, 0, NULL), events);
	TRY(epoll_pwait(loop, events, 2, 0, nowhere), events);
	TRY(epoll_pwait(BAD, events, 2, 0, &mask), events);
	TRY(epoll_pwait2(loop, events, 2, &no_time, &mask), events);
	TRY(epoll_pwait2(loop, events, 2, &some_time, NULL), events);
	TRY(epoll_pwait2(loop, events, 2, &bad_time, NULL), events);
	TRY(epoll_pwait2(loop, events, 2, NULL, NULL), events);
	TRY(epoll_pwait2(loop, events, 2, nowhere, NULL), events);
	TRY(epoll_pwait2(BAD, events, 2, &no_time, NULL), events);
}

static void try_poll(void)
{
	struct timespec no_time = {0}, bad_time = {.tv_nsec = -1}, some_time = {.tv_nsec = 2000000};
	struct pollfd fds[3] = {{.fd = ready[0], .events = POLLIN},
		{.fd = quiet[0], .events = POLLIN}, {.fd = 999, .events = POLLIN}};
	sigset_t mask;

	sigemptyset(&mask);
	TRY(poll(fds, 3, 0), fds);
	TRY(poll(fds + 1, 1, 2), fds);
	TRY(poll(fds, 1, -1), fds);
	TRY(poll(NULL, 0, 1), fds);
	TRY(poll(nowhere, 1, 0), fds);
	TRY(poll(fds, -1UL, 0), fds);
	TRY(__poll_chk(fds, 2, 0, sizeof(fds)), fds);
	TRY(ppoll(fds, 3, &no_time, &mask), fds);
	TRY(ppoll(fds + 1, 1, &some_time, NULL), some_time);
	TRY(ppoll(fds, 2, &bad_time, NULL), fds);
	TRY(ppoll(fds, 1, NULL, NULL), fds);
	TRY(ppoll(nowhere, 1, &no_time, NULL), fds);
	TRY(__ppoll_chk(fds, 2, &no_time, NULL, sizeof(fds)), fds);
	interrupt_soon();
	TRY(poll(fds + 1, 1, 1000), fds);
	interrupt_soon();
	TRY(ppoll(fds + 1, 1, &(struct timespec){.tv_sec = 1}, &mask), fds);
}

static fd_set set_of(int descriptor)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(descriptor, &set);
	return set;
}

static void try_select(void)
{
	struct timeval no_time = {0}, some_time = {.tv_usec = 2000}, long_time = {.tv_sec = 5},
		       bad_time = {.tv_sec = -1};
	struct timespec no_time_ns = {0}, bad_time_ns = {.tv_nsec = -1};
	fd_set set = set_of(ready[0]);

	TRY(select(ready[0] + 1, &set, NULL, NULL, &no_time), set);
	TRY(select(ready[0] + 1, &set, NULL, NULL, NULL), set);
	set = set_of(quiet[0]);
	TRY(select(quiet[0] + 1, &set, NULL, NULL, &some_time), some_time);
	set = set_of(ready[0]);
	select(ready[0] + 1, &set, NULL, NULL, &long_time);
	printf("the time left is given back: %d\n",
		long_time.tv_sec == 4 && long_time.tv_usec > 500000);
	TRY(select(-1, NULL, NULL, NULL, &no_time), no_time);
	TRY(select(1, nowhere, NULL, NULL, &no_time), no_time);
	TRY(select(0, NULL, NULL, NULL, &bad_time), bad_time);
	set = set_of(999);
	TRY(select(1000, &set, NULL, NULL, &no_time), set);
	set = set_of(ready[0]);
	TRY(pselect(ready[0] + 1, &set, NULL, NULL, &no_time_ns, NULL), set);
	TRY(pselect(ready[0] + 1, &set, NULL, NULL, NULL, NULL), set);
	TRY(pselect(0, NULL, NULL, NULL, &bad_time_ns, NULL), bad_time_ns);
	TRY(pselect(-1, NULL, NULL, NULL, &no_time_ns, NULL), no_time_ns);
}

/* A signal that is let in for the wait alone ends it. */
static void try_masks(void)
{
	struct epoll_event event = {0};
	struct timespec second = {.tv_sec = 1};
	int empty = loop_open();
	sigset_t alarm, none;

	sigemptyset(&none);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	raise(SIGALRM);
	TRY(epoll_pwait(empty, &event, 1, 1000, &none), event);
	raise(SIGALRM);
	TRY(epoll_pwait2(empty, &event, 1, &second, &none), event);
	raise(SIGALRM);
	TRY(ppoll(NULL, 0, &second, &none), second);
	raise(SIGALRM);
	TRY(pselect(0, NULL, NULL, NULL, &second, &none), second);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	interrupt_soon();
	TRY(epoll_wait(empty, &event, 1, 1000), event);
	close(empty);
}

static void try_life(void)
{
	char name[16] = "";
	int unlistened = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), signal_number = 0;

	TRY(listen(unlistened, 5), name);
	TRY(listen(BAD, 5), name);
	TRY(listen(quiet[0], 5), name);
	TRY(setuid(0), name);
	TRY(setuid((uid_t)-1), name);
	TRY(setreuid((uid_t)-1, (uid_t)-1), name);
	TRY(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1), name);
	TRY(prctl(PR_SET_NAME, "renamed"), name);
	TRY(prctl(PR_GET_NAME, name), name);
	TRY(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0), name);
	TRY(prctl(PR_GET_PDEATHSIG, &signal_number), signal_number);
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0), name);
	TRY(prctl(-1, 0, 0, 0, 0), name);
	TRY(syscall(SYS_close, BAD), name);
	TRY(syscall(SYS_pread64, quiet[0], name, 1ul, 0l), name);
	TRY(syscall(SYS_mmap, NULL, 0ul, 0, 0, BAD, 7l), name);
	TRY(syscall(SYS_prctl, PR_GET_NAME, name), name);
	TRY(syscall(9999), name);
	close(unlistened);
}

/* Sends a descriptor to quiet[0], and takes it with room for so much beside the byte. */
static void try_passing(int passed, size_t room)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	char byte = 'x';
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	*head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(head), &passed, sizeof(passed));
	if (sendmsg(quiet[1], &message, 0) != 1)
		broken("cannot pass a descriptor: %s", strerror(errno));
	memset(control, 0, sizeof(control));
	message.msg_controllen = room;
	TRY(recvmsg(quiet[0], &message, 0), control);
	printf("flags %d, %zu bytes beside\n", message.msg_flags, (size_t)message.msg_controllen);
	memcpy(&passed, CMSG_DATA(head), sizeof(passed));
	if (message.msg_controllen >= CMSG_LEN(sizeof(passed)))
		close(passed);
}

static void try_connections(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct msghdr nothing = {0};
	socklen_t length = sizeof(address), none = 0;

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)))
		broken("cannot bind: %s", strerror(errno));
	TRY(accept(listener, NULL, NULL), none);
	TRY(accept(BAD, NULL, NULL), none);
	TRY(accept4(quiet[0], NULL, NULL, 0), none);
	TRY(accept4(listener, NULL, nowhere, -1), none);
	TRY(recvmsg(quiet[0], &nothing, MSG_DONTWAIT), nothing);
	TRY(recvmsg(BAD, &nothing, 0), nothing);
	TRY(recvmsg(quiet[0], nowhere, MSG_DONTWAIT), none);
	try_passing(ready[0], CMSG_SPACE(sizeof(int)));
	try_passing(listener, CMSG_SPACE(sizeof(int)));
	try_passing(loop, CMSG_LEN(sizeof(int)));
	try_passing(listener, sizeof(struct cmsghdr));
	try_passing(listener, 3);
	try_passing(listener, 0);
	listen(listener, 5);
	TRY(accept(listener, (struct sockaddr *)&address, &length), length);
	TRY(accept4(listener, NULL, NULL, SOCK_CLOEXEC), none);
	close(listener);
}

static void try_all(const char *when)
{
	printf("-- %s\n", when);
	try_epoll();
	try_poll();
	try_select();
	try_masks();
	try_life();
	try_connections();
}

/* A thread whose loop polls: Holter looks at what it waits on. */
static void *poll_loop(void *unused)
{
	struct pollfd own = {.fd = quiet[0], .events = POLLIN}, *edge;
	struct timeval no_time = {0};
	long page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(
		NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || munmap(pages + page, (size_t)page))
		broken("cannot map: %s", strerror(errno));
	edge = (struct pollfd *)(pages + page) - 1;
	*edge = own;
	for (int i = 0; i < 30; i++)
		poll(&own, 1, 1);
	burn_ms(60);
	TRY(poll(edge, 1, 0), *edge);
	TRY(poll(edge, 2, 0), *edge);
	TRY(poll(edge, -1UL, 0), *edge);
	TRY(poll((void *)-8L, 2, 0), *edge);
	TRY(select(64, (fd_set *)edge, NULL, NULL, &no_time), *edge);
	TRY(select(65, NULL, (fd_set *)edge, NULL, &no_time), *edge);
	munmap(pages, (size_t)page);
	TRY(poll(edge, 1, 0), own);
	try_poll();
	try_select();
	return unused;
}

static void try_poll_loop(void)
{
	pthread_t thread;

	printf("-- as a loop that polls\n");
	if (pthread_create(&thread, NULL, poll_loop, NULL) || pthread_join(thread, NULL))
		broken("cannot have a thread");
}

static void become_nobody(void)
{
	char nothing = 0;

	TRY(setresuid(NOBODY, NOBODY, NOBODY), nothing);
	TRY(setuid(0), nothing);
	TRY(setreuid(0, 0), nothing);
	TRY(setresuid(0, 0, 0), nothing);
}

int main(void)
{
	struct sigaction action = {.sa_handler = interrupt};
	char nothing = 0;

	sigaction(SIGALRM, &action, NULL);
	loop = loop_open();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ready) ||
		socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) || write(ready[1], "x", 1) != 1 ||
		epoll_ctl(loop, EPOLL_CTL_ADD, ready[0], &(struct epoll_event){.events = EPOLLIN}))
		broken("cannot set up: %s", strerror(errno));
	try_all("at first");
	serve();
	loop_warm(loop);
	burn_ms(60);
	try_all("as a loop");
	try_poll_loop();
	TRY(prctl(PR_SET_SECCOMP, 99, 0, 0, 0), nothing);
	TRY(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL), nothing);
	try_all("without Holter");
	become_nobody();
	return 0;
}
