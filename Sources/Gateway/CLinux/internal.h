// Shared by the C files only.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "CLinux.h"

// Repeats a call that a signal interrupted, and gives its value or -errno.
#define WEIR_CALL(type, call)                         \
    ({                                                \
        type result_;                                 \
        do { result_ = (call); } while (result_ < 0 && errno == EINTR); \
        result_ < 0 ? (type)-errno : result_;         \
    })

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
} weir_sockaddr;

// The bytes used, or 0 for an IPv6 address in an IPv4 socket.
socklen_t weir_encode(weir_sockaddr *to, int family, const weir_endpoint *endpoint);
// All zero for families without ports.
weir_endpoint weir_decode(const weir_sockaddr *from);
struct in6_addr weir_encode_v6(const weir_endpoint *endpoint);
weir_endpoint weir_decode_v6(const struct in6_addr *address, uint16_t port);
weir_endpoint weir_decode_v4(struct in_addr address, uint16_t port);
