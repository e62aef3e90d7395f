// Mapped files, and atomics on mapped memory. See CLinux.h for the rules of return values.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Publishes a word to other threads and to whoever maps the same file.
static inline void weir_store_release_u64(void *word, uint64_t value) {
    __atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE);
}

/// Reads a word published by weir_store_release_u64.
static inline uint64_t weir_load_acquire_u64(const void *word) {
    return __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE);
}

/// Creates a file that must not exist yet, with mode 0600, and locks it until it is closed.
int weir_create_locked(const char *path);
/// Opens a file to be read. -EWOULDBLOCK while its creator has it locked.
int weir_open_unlocked(const char *path);
/// The file's size in bytes, or -errno.
int64_t weir_file_bytes(int fd);
/// Makes sure that the file has storage for these bytes: a later write cannot run out of it.
int weir_reserve(int fd, int64_t offset, int64_t count);
/// Maps a part of a file, or new zeroed memory when fd is -1. 0 or -errno.
int weir_map(int fd, int64_t offset, size_t count, int writable, void **out);
int weir_unmap(void *bytes, size_t count);
/// Starts to write changed pages to storage and does not wait.
int weir_start_write_back(int fd);
int64_t weir_page_bytes(void);

/// A directory with mode 0700; 0 also when it exists.
int weir_make_directory(const char *path);
int weir_remove_directory(const char *path);
