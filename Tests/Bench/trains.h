// Trains: equal-sized datagrams that cross the kernel as one message. UDP_SEGMENT has the kernel
// cut what is sent, UDP_GRO has it join what arrives; both ends of a socket pair must ask for it.
#pragma once
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define TRAIN_BYTES 65536 /* room for the largest message */
#define TRAIN_MAX   64    /* datagrams; the kernel cuts no more */

static inline int train_socket_option(int fd) {
    int on = 1;
    return setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
}

// How many datagrams of `size` fit into one train.
static inline int train_length(int size) {
    int fit = 65000 / size;
    return fit < TRAIN_MAX ? fit : TRAIN_MAX;
}

// Receives one message; `segment` is the size of its datagrams, its length when it is a single one.
static inline ssize_t train_receive(int fd, uint8_t *buffer, struct sockaddr_in *from,
                                    int *segment) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec piece = {buffer, TRAIN_BYTES};
    struct msghdr message = {.msg_name = from,
                             .msg_namelen = from ? sizeof *from : 0,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t count = recvmsg(fd, &message, MSG_DONTWAIT);
    *segment = count;
    if (count > 0)
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
            if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
                memcpy(segment, CMSG_DATA(c), sizeof *segment);
    return count;
}

// Sends `count` bytes as datagrams of `segment` bytes each, the last one perhaps shorter.
static inline ssize_t train_send(int fd, uint8_t *buffer, size_t count,
                                 const struct sockaddr_in *to, int segment) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control = {0};
    struct iovec piece = {buffer, count};
    struct msghdr message = {.msg_name = (void *)to,
                             .msg_namelen = to ? sizeof *to : 0,
                             .msg_iov = &piece,
                             .msg_iovlen = 1};
    if ((size_t)segment < count) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t size = segment;
        memcpy(CMSG_DATA(c), &size, sizeof size);
    }
    return sendmsg(fd, &message, MSG_DONTWAIT);
}
