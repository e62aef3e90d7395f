#include "internal.h"
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

void weir_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

void weir_tune_memory(size_t large, size_t spare) {
    mallopt(M_MMAP_THRESHOLD, (int)large);
    mallopt(M_TRIM_THRESHOLD, (int)spare);
}

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

int weir_tell_socket(const char *name, const void *bytes, size_t count, int milliseconds) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length == 0) return -ENOENT;
    if (length > sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') address.sun_path[0] = 0;
    int fd = WEIR_CALL(int, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0) return fd;
    struct timeval patience = {milliseconds / 1000, milliseconds % 1000 * 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    int flags = MSG_NOSIGNAL | (milliseconds == 0 ? MSG_DONTWAIT : 0);
    ptrdiff_t sent = WEIR_CALL(
        ptrdiff_t,
        sendto(fd, bytes, count, flags, (struct sockaddr *)&address,
            offsetof(struct sockaddr_un, sun_path) + length));
    close(fd);
    return sent < 0 ? (int)sent : 0;
}
