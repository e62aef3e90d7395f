// Stream sockets, addresses, pipes. See CLinux.h for the rules of return values.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// An address and a port. The halves are in host order; IPv4 is `::ffff:a.b.c.d`, as in IPAddress.
typedef struct {
    uint64_t high;
    uint64_t low;
    uint16_t port;
} weir_endpoint;

/// Which addresses a socket speaks.
enum { WEIR_V4 = 4, WEIR_V6 = 6, WEIR_UNIX = 1 };

/// Integer socket options that the driver sets.
enum weir_option {
    WEIR_REUSE_ADDRESS,
    WEIR_REUSE_PORT,
    WEIR_NO_DELAY,
    WEIR_KEEP_ALIVE,
    WEIR_KEEP_ALIVE_IDLE_SECONDS,
    WEIR_V6_ONLY,
    WEIR_RECEIVE_BUFFER,
    WEIR_RECEIVE_BUFFER_FORCE,
    WEIR_JOIN_SEGMENTS,
    WEIR_TELL_LOCAL_V4,
    WEIR_TELL_LOCAL_V6,
    WEIR_MARK,
    WEIR_BIND_WITHOUT_PORT
};

/// A stream socket of that family, non-blocking and closed on exec.
int weir_stream_socket(int family);
/// A UDP socket of that family, non-blocking and closed on exec.
int weir_datagram_socket(int family);
int weir_set_option(int fd, enum weir_option option, int value);
/// Has all packets leave through the interface of that name, at most 15 bytes.
int weir_bind_device(int fd, const char *name);
/// Bytes in a socket's send queue that the peer has not acknowledged, or -errno.
int weir_unsent_bytes(int fd);
/// Makes close(2) discard unsent bytes and send a reset.
int weir_reset_on_close(int fd);

int weir_bind(int fd, int family, const weir_endpoint *to);
int weir_listen(int fd, int backlog);
/// The new descriptor; `peer` is all zero for Unix sockets.
int weir_accept(int fd, weir_endpoint *peer);
/// 0 when connected or under way.
int weir_connect(int fd, int family, const weir_endpoint *to);
/// `local` is all zero for Unix sockets.
int weir_local_endpoint(int fd, weir_endpoint *local);
/// The pending error (positive), 0 for none, or -errno.
int weir_take_error(int fd);

/// The longest path of a Unix socket, in bytes.
int weir_unix_path_bytes(void);
/// Binds to a path; the socket file has mode 0600 from its first moment.
int weir_unix_bind(int fd, const char *path);
int weir_unix_connect(int fd, const char *path);
/// 1 when the path names a socket file, 0 when it names something else.
int weir_is_socket_file(const char *path);
int weir_unlink(const char *path);

ptrdiff_t weir_receive(int fd, void *bytes, size_t count);
/// Never raises SIGPIPE.
ptrdiff_t weir_send(int fd, const void *bytes, size_t count);
int weir_shutdown_sending(int fd);
int weir_close(int fd);

/// Makes a pipe, asks for a capacity and returns the one it got, which may be smaller.
int weir_pipe(int *reading, int *writing, int capacity);
/// Raises SIGPIPE when `to` is a socket that is shut down: splice(2) has no MSG_NOSIGNAL.
ptrdiff_t weir_splice(int from, int to, size_t count);
