/* Preloaded: time passes SLOWER times as slowly for this process, in every clock it reads and every wait for sockets. Under
   callgrind, SIGUSR2 begins to count instructions, and the next one stops it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <valgrind/callgrind.h>

static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_pwait)(int, struct epoll_event *, int, int, const sigset_t *);
static long slower = 1;

static volatile sig_atomic_t asked, counting;

static void ask(int signal) {
    (void)signal;
    asked = 1;
}

__attribute__((constructor)) static void begin(void) {
    const char *set = getenv("SLOWER");
    slower = set && atol(set) > 0 ? atol(set) : 1;
    real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    real_pwait = dlsym(RTLD_NEXT, "epoll_pwait");
    if (set) signal(SIGUSR2, ask);
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    if (!real_clock) begin();
    int failed = real_clock(clock, at);
    if (failed || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE && clock != CLOCK_MONOTONIC_RAW &&
                   clock != CLOCK_BOOTTIME))
        return failed; /* CPU time and the calendar stay what they are */
    __int128 slow = ((__int128)at->tv_sec * 1000000000 + at->tv_nsec) / slower;
    at->tv_sec = slow / 1000000000;
    at->tv_nsec = slow % 1000000000;
    return 0;
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *mask) {
    if (!real_pwait) begin();
    if (asked) { /* not in the handler: callgrind can't change its state there */
        asked = 0;
        counting = !counting;
        if (counting) {
            CALLGRIND_START_INSTRUMENTATION;
        } else {
            CALLGRIND_STOP_INSTRUMENTATION;
        }
    }
    return real_pwait(epoll, events, most, timeout > 0 ? timeout * (int)slower : timeout, mask);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout) {
    return epoll_pwait(epoll, events, most, timeout, NULL);
}
