#include "internal.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int locked(int fd) {
    if (fd < 0) return fd;
    int result = WEIR_CALL(int, flock(fd, LOCK_EX | LOCK_NB));
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

int weir_create_locked(const char *path) {
    return locked(WEIR_CALL(int, open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)));
}

int weir_open_unlocked(const char *path) {
    return locked(WEIR_CALL(int, open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)));
}

int64_t weir_file_bytes(int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    return S_ISREG(status.st_mode) ? status.st_size : -EINVAL;
}

int weir_reserve(int fd, int64_t offset, int64_t count) {
    int code;
    do { code = posix_fallocate(fd, offset, count); } while (code == EINTR);
    return -code;
}

int weir_map(int fd, int64_t offset, size_t count, int writable, void **out) {
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *bytes = mmap(NULL, count, protection, flags, fd, offset);
    if (bytes == MAP_FAILED) return -errno;
    *out = bytes;
    return 0;
}

int weir_unmap(void *bytes, size_t count) { return WEIR_CALL(int, munmap(bytes, count)); }

// msync(MS_ASYNC) does nothing on Linux; this does start the writing.
int weir_start_write_back(int fd) {
    return WEIR_CALL(int, sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
}


int64_t weir_page_bytes(void) { return sysconf(_SC_PAGESIZE); }

int weir_make_directory(const char *path) {
    int result = WEIR_CALL(int, mkdir(path, 0700));
    return result == -EEXIST ? 0 : result;
}

int weir_remove_directory(const char *path) { return WEIR_CALL(int, rmdir(path)); }
