#include "internal.h"
#include <fcntl.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

static int domain(int family) {
    return family == WEIR_UNIX ? AF_UNIX : family == WEIR_V4 ? AF_INET : AF_INET6;
}

int weir_stream_socket(int family) {
    return WEIR_CALL(int, socket(domain(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int weir_datagram_socket(int family) {
    return WEIR_CALL(int, socket(domain(family), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static const struct { int level, name; } options[] = {
    [WEIR_REUSE_ADDRESS] = {SOL_SOCKET, SO_REUSEADDR},
    [WEIR_REUSE_PORT] = {SOL_SOCKET, SO_REUSEPORT},
    [WEIR_NO_DELAY] = {IPPROTO_TCP, TCP_NODELAY},
    [WEIR_KEEP_ALIVE] = {SOL_SOCKET, SO_KEEPALIVE},
    [WEIR_KEEP_ALIVE_IDLE_SECONDS] = {IPPROTO_TCP, TCP_KEEPIDLE},
    [WEIR_V6_ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY},
    [WEIR_RECEIVE_BUFFER] = {SOL_SOCKET, SO_RCVBUF},
    [WEIR_RECEIVE_BUFFER_FORCE] = {SOL_SOCKET, SO_RCVBUFFORCE},
    [WEIR_JOIN_SEGMENTS] = {IPPROTO_UDP, UDP_GRO},
    [WEIR_TELL_LOCAL_V4] = {IPPROTO_IP, IP_PKTINFO},
    [WEIR_TELL_LOCAL_V6] = {IPPROTO_IPV6, IPV6_RECVPKTINFO},
    [WEIR_MARK] = {SOL_SOCKET, SO_MARK},
    [WEIR_BIND_WITHOUT_PORT] = {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
};

int weir_set_option(int fd, enum weir_option option, int value) {
    return WEIR_CALL(
        int, setsockopt(fd, options[option].level, options[option].name, &value, sizeof value));
}

int weir_bind_device(int fd, const char *name) {
    return WEIR_CALL(
        int, setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)));
}

int weir_unsent_bytes(int fd) {
    int count = 0;
    int result = WEIR_CALL(int, ioctl(fd, SIOCOUTQ, &count));
    return result < 0 ? result : count;
}

int weir_reset_on_close(int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return WEIR_CALL(int, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

int weir_bind(int fd, int family, const weir_endpoint *to) {
    weir_sockaddr address;
    socklen_t length = weir_encode(&address, family, to);
    if (length == 0) return -EAFNOSUPPORT;
    return WEIR_CALL(int, bind(fd, &address.any, length));
}

int weir_listen(int fd, int backlog) { return WEIR_CALL(int, listen(fd, backlog)); }

int weir_accept(int fd, weir_endpoint *peer) {
    weir_sockaddr address;
    socklen_t length = sizeof address;
    address.any.sa_family = AF_UNSPEC;
    int accepted =
        WEIR_CALL(int, accept4(fd, &address.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted >= 0) *peer = weir_decode(&address);
    return accepted;
}

int weir_connect(int fd, int family, const weir_endpoint *to) {
    weir_sockaddr address;
    socklen_t length = weir_encode(&address, family, to);
    if (length == 0) return -EAFNOSUPPORT;
    // Not repeated on EINTR: the connection goes on by itself.
    if (connect(fd, &address.any, length) == 0) return 0;
    return errno == EINPROGRESS || errno == EINTR ? 0 : -errno;
}

int weir_local_endpoint(int fd, weir_endpoint *local) {
    weir_sockaddr address;
    socklen_t length = sizeof address;
    int result = WEIR_CALL(int, getsockname(fd, &address.any, &length));
    if (result >= 0) *local = weir_decode(&address);
    return result;
}

int weir_take_error(int fd) {
    int code = 0;
    socklen_t length = sizeof code;
    int result = WEIR_CALL(int, getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length));
    return result < 0 ? result : code;
}

int weir_unix_path_bytes(void) {
    struct sockaddr_un address;
    return sizeof address.sun_path - 1;
}

static int unix_address(struct sockaddr_un *address, const char *path) {
    size_t length = strlen(path);
    if (length == 0) return -ENOENT;
    if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return 0;
}

int weir_unix_bind(int fd, const char *path) {
    struct sockaddr_un address;
    int result = unix_address(&address, path);
    if (result < 0) return result;
    // The file takes its mode from the socket's own inode, so this leaves no moment in which
    // others could reach it, and needs no umask, which belongs to the whole process.
    result = WEIR_CALL(int, fchmod(fd, 0600));
    if (result < 0) return result;
    return WEIR_CALL(int, bind(fd, (struct sockaddr *)&address, sizeof address));
}

int weir_unix_connect(int fd, const char *path) {
    struct sockaddr_un address;
    int result = unix_address(&address, path);
    if (result < 0) return result;
    return WEIR_CALL(int, connect(fd, (struct sockaddr *)&address, sizeof address));
}

int weir_is_socket_file(const char *path) {
    struct stat status;
    int result = WEIR_CALL(int, lstat(path, &status));
    return result < 0 ? result : S_ISSOCK(status.st_mode);
}

int weir_unlink(const char *path) { return WEIR_CALL(int, unlink(path)); }

ptrdiff_t weir_receive(int fd, void *bytes, size_t count) {
    return WEIR_CALL(ptrdiff_t, recv(fd, bytes, count, MSG_DONTWAIT));
}

ptrdiff_t weir_send(int fd, const void *bytes, size_t count) {
    return WEIR_CALL(ptrdiff_t, send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int weir_shutdown_sending(int fd) { return WEIR_CALL(int, shutdown(fd, SHUT_WR)); }

// Not repeated on EINTR: Linux has released the number by then.
int weir_close(int fd) { return close(fd) < 0 && errno != EINTR ? -errno : 0; }

int weir_pipe(int *reading, int *writing, int capacity) {
    int ends[2];
    int result = WEIR_CALL(int, pipe2(ends, O_NONBLOCK | O_CLOEXEC));
    if (result < 0) return result;
    // Refused above fs.pipe-max-size and above the user's page quota: then it stays as it is.
    (void)fcntl(ends[1], F_SETPIPE_SZ, capacity);
    int size = fcntl(ends[1], F_GETPIPE_SZ);
    *reading = ends[0];
    *writing = ends[1];
    return size > 0 ? size : 4096;
}

ptrdiff_t weir_splice(int from, int to, size_t count) {
    return WEIR_CALL(
        ptrdiff_t, splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}
