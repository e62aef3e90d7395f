#include "internal.h"
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void weir_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

void weir_return_large_blocks(size_t bytes) { mallopt(M_MMAP_THRESHOLD, (int)bytes); }

static sigset_t awaited(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    return set;
}

int weir_block_signals(void) {
    sigset_t set = awaited();
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int weir_wait_for_signal(void) {
    sigset_t set = awaited();
    int number = 0;
    int code;
    do { code = sigwait(&set, &number); } while (code == EINTR);
    return code == 0 ? number : -code;
}

int64_t weir_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

int weir_allowed_processors(int *out, int capacity) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) < 0) return -errno;
    int count = 0;
    for (int processor = 0; processor < CPU_SETSIZE && count < capacity; processor++)
        if (CPU_ISSET(processor, &set)) out[count++] = processor;
    return count;
}

int weir_pin_thread(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return -pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

int weir_name_thread(const char *name) {
    char kept[16] = {0};
    strncpy(kept, name, sizeof kept - 1);
    return -pthread_setname_np(pthread_self(), kept);
}

int weir_is_terminal(int fd) { return isatty(fd); }
