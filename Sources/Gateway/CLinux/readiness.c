#include "internal.h"
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { wait_events = 256 };

int weir_epoll_create(void) { return WEIR_CALL(int, epoll_create1(EPOLL_CLOEXEC)); }

int weir_epoll_add(int epoll, int fd, uint64_t token) {
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET, .data.u64 = token};
    return WEIR_CALL(int, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

// Kernels before 5.11 have no nanosecond wait; asked once.
static atomic_int has_no_pwait2;

static int wait_for(int epoll, struct epoll_event *events, int capacity, int64_t nanoseconds) {
    if (!atomic_load_explicit(&has_no_pwait2, memory_order_relaxed)) {
        struct timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
        int count =
            epoll_pwait2(epoll, events, capacity, nanoseconds < 0 ? NULL : &timeout, NULL);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
        atomic_store_explicit(&has_no_pwait2, 1, memory_order_relaxed);
    }
    // Rounded up: a timer must not find itself early and spin.
    int64_t milliseconds = nanoseconds < 0 ? -1 : (nanoseconds + 999999) / 1000000;
    if (milliseconds > INT32_MAX) milliseconds = INT32_MAX;
    return epoll_wait(epoll, events, capacity, (int)milliseconds);
}

int weir_epoll_wait(int epoll, weir_ready *out, int capacity, int64_t nanoseconds) {
    struct epoll_event events[wait_events];
    if (capacity > wait_events) capacity = wait_events;
    int count = wait_for(epoll, events, capacity, nanoseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        uint32_t is = events[i].events;
        uint8_t bits = 0;
        if (is & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) bits |= WEIR_READABLE;
        if (is & (EPOLLOUT | EPOLLHUP | EPOLLERR)) bits |= WEIR_WRITABLE;
        // Reads also stop short at urgent data, with more behind it.
        if (is & (EPOLLRDHUP | EPOLLHUP | EPOLLPRI)) bits |= WEIR_PEER_ENDED;
        if (is & EPOLLERR) bits |= WEIR_FAILED;
        out[i] = (weir_ready){events[i].data.u64, bits};
    }
    return count;
}

int weir_eventfd(void) { return WEIR_CALL(int, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

int weir_eventfd_signal(int fd) {
    uint64_t one = 1;
    return WEIR_CALL(int, (int)write(fd, &one, sizeof one));
}

uint64_t weir_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int64_t weir_wall_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int weir_random(void *bytes, size_t count) {
    return WEIR_CALL(int, (int)getrandom(bytes, count, 0));
}
