// epoll, its waker, clocks and chance. See CLinux.h for return values.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Directions, as in Swift's Readiness.
enum { WEIR_READABLE = 1, WEIR_WRITABLE = 2, WEIR_PEER_ENDED = 4, WEIR_FAILED = 8 };

/// One readiness report.
typedef struct {
    uint64_t token;
    uint8_t bits;
} weir_ready;

int weir_epoll_create(void);
/// Watches every direction, edge-triggered.
int weir_epoll_add(int epoll, int fd, uint64_t token);
/// Waits for up to `nanoseconds` (negative: without end). Returns 0 on EINTR.
int weir_epoll_wait(int epoll, weir_ready *out, int capacity, int64_t nanoseconds);

int weir_eventfd(void);
/// Makes an event descriptor readable: an edge for every call.
int weir_eventfd_signal(int fd);

uint64_t weir_monotonic_nanoseconds(void);
int64_t weir_wall_milliseconds(void);
/// Fills at most 256 bytes with random bits; more than that could come short.
int weir_random(void *bytes, size_t count);
