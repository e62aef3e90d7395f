#define _GNU_SOURCE
#include "SanitizerHooks.h"

#if __has_feature(thread_sanitizer)

#include <dlfcn.h>
#include <stdint.h>

extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

#define LOCK_SLOW   "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef __attribute__((swiftcall)) void (*lock_function)(
    uint32_t thread, __attribute__((swift_context)) void *self);
typedef __attribute__((swiftcall)) void (*unlock_function)(
    __attribute__((swift_context)) void *self);

// These stand in front of the library's functions of the same name.
__attribute__((swiftcall)) void lock_slow(
    uint32_t thread, __attribute__((swift_context)) void *self) __asm__(LOCK_SLOW);
__attribute__((swiftcall)) void unlock_slow(
    __attribute__((swift_context)) void *self) __asm__(UNLOCK_SLOW);

__attribute__((swiftcall)) void lock_slow(
    uint32_t thread, __attribute__((swift_context)) void *self) {
    lock_function library = (lock_function)dlsym(RTLD_NEXT, LOCK_SLOW);
    library(thread, self);
    __tsan_acquire(self);
}

__attribute__((swiftcall)) void unlock_slow(__attribute__((swift_context)) void *self) {
    unlock_function library = (unlock_function)dlsym(RTLD_NEXT, UNLOCK_SLOW);
    __tsan_release(self);
    library(self);
}

#endif
