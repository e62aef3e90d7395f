#include "internal.h"
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

enum {
    batch_messages = 64,   // as many as UDP_MAX_SEGMENTS: a call is then cheap against its work
    message_ranges = 1024, // UIO_MAXIOV
    batch_ranges = 4096,   // a full message always fits an empty batch
    control_bytes = 128,   // in6_pktinfo (40 with its header) and one integer (24), with room
};

struct weir_datagram_arena {
    struct mmsghdr headers[batch_messages];
    weir_sockaddr addresses[batch_messages];
    struct iovec ranges[batch_ranges];
    _Alignas(struct cmsghdr) char control[batch_messages][control_bytes];
    int messages;
    int used_ranges;
};

int weir_batch_messages(void) { return batch_messages; }
int weir_message_ranges(void) { return message_ranges; }

weir_datagram_arena *weir_datagram_arena_create(void) {
    return calloc(1, sizeof(weir_datagram_arena));
}

void weir_datagram_arena_destroy(weir_datagram_arena *arena) { free(arena); }

// Reads the control messages of one received message.
static void read_control(struct msghdr *header, weir_received *out) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int segment;
            memcpy(&segment, CMSG_DATA(c), sizeof segment);
            // One datagram shorter than the segment size is not a train.
            out->segment = (uint32_t)segment < out->count ? (uint32_t)segment : 0;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            // Not ipi_addr, which may be a broadcast address that cannot be answered from.
            out->local = weir_decode_v4(info.ipi_spec_dst, 0);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
                out->local = weir_decode_v6(&info.ipi6_addr, 0);
        }
    }
}

int weir_receive_datagrams(
    weir_datagram_arena *arena, int fd, void *first, size_t stride, size_t bytes, int capacity,
    weir_received *out) {
    if (capacity > batch_messages) capacity = batch_messages;
    for (int i = 0; i < capacity; i++) {
        arena->ranges[i] = (struct iovec){(char *)first + i * stride, bytes};
        arena->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &arena->addresses[i],
            .msg_namelen = sizeof arena->addresses[i],
            .msg_iov = &arena->ranges[i],
            .msg_iovlen = 1,
            .msg_control = arena->control[i],
            .msg_controllen = control_bytes,
        };
    }
    int count = WEIR_CALL(int, recvmmsg(fd, arena->headers, capacity, MSG_DONTWAIT, NULL));
    for (int i = 0; i < count; i++) {
        struct msghdr *header = &arena->headers[i].msg_hdr;
        if (header->msg_namelen == 0) arena->addresses[i].any.sa_family = AF_UNSPEC;
        out[i] = (weir_received){
            .source = weir_decode(&arena->addresses[i]),
            .count = arena->headers[i].msg_len,
            .truncated = (header->msg_flags & MSG_TRUNC) != 0,
        };
        read_control(header, &out[i]);
    }
    return count;
}

void weir_batch_begin(weir_datagram_arena *arena) {
    arena->messages = 0;
    arena->used_ranges = 0;
}

static void add_control(struct msghdr *header, int level, int type, const void *data, size_t n) {
    struct cmsghdr *c = (struct cmsghdr *)((char *)header->msg_control + header->msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), data, n);
    header->msg_controllen += CMSG_SPACE(n);
}

int weir_batch_message(
    weir_datagram_arena *arena, int family, const weir_endpoint *destination,
    const weir_endpoint *source, uint16_t segment, int ranges) {
    int index = arena->messages;
    if (index == batch_messages || arena->used_ranges + ranges > batch_ranges) return 0;
    socklen_t length = weir_encode(&arena->addresses[index], family, destination);
    if (length == 0) return -EAFNOSUPPORT;
    struct msghdr *header = &arena->headers[index].msg_hdr;
    *header = (struct msghdr){
        .msg_name = &arena->addresses[index],
        .msg_namelen = length,
        .msg_iov = &arena->ranges[arena->used_ranges],
        .msg_control = arena->control[index],
    };
    if (source && family == WEIR_V4) {
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)source->low)};
        add_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else if (source) {
        struct in6_pktinfo info = {.ipi6_addr = weir_encode_v6(source)};
        add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
    if (segment) add_control(header, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    if (header->msg_controllen == 0) header->msg_control = NULL;
    arena->messages++;
    return 1;
}

void weir_batch_range(weir_datagram_arena *arena, const void *bytes, size_t count) {
    arena->ranges[arena->used_ranges++] = (struct iovec){(void *)bytes, count};
    arena->headers[arena->messages - 1].msg_hdr.msg_iovlen++;
}

int weir_batch_send(weir_datagram_arena *arena, int fd) {
    return WEIR_CALL(
        int, sendmmsg(fd, arena->headers, arena->messages, MSG_DONTWAIT | MSG_NOSIGNAL));
}
