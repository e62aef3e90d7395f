// Batched UDP with segment trains and local addresses. See CLinux.h for return values.
#pragma once
#include "sockets.h"

/// What the kernel said of one received message.
typedef struct {
    weir_endpoint source;
    /// The local address it was sent to; port 0, and all zero where the kernel did not tell.
    weir_endpoint local;
    uint32_t count;
    /// The size of each datagram in a train; 0 for a single datagram.
    uint32_t segment;
    int32_t truncated;
} weir_received;

/// Message headers, ranges and control buffers of one loop, reused by every batch. One thread.
typedef struct weir_datagram_arena weir_datagram_arena;

/// Most messages in one batch, in either direction.
int weir_batch_messages(void);
/// Most ranges of one message.
int weir_message_ranges(void);

/// NULL when memory is exhausted.
weir_datagram_arena *weir_datagram_arena_create(void);
void weir_datagram_arena_destroy(weir_datagram_arena *arena);

/// Receives up to `capacity` messages of up to `bytes` each, message i at `first + i * stride`.
int weir_receive_datagrams(
    weir_datagram_arena *arena, int fd, void *first, size_t stride, size_t bytes, int capacity,
    weir_received *out);

/// Begins a new batch to be sent.
void weir_batch_begin(weir_datagram_arena *arena);
/// Adds a message of `ranges` ranges, which weir_batch_range must add next. `source` may be NULL.
/// Returns 1, 0 when the batch is full, or -EAFNOSUPPORT for IPv6 from an IPv4 socket.
int weir_batch_message(
    weir_datagram_arena *arena, int family, const weir_endpoint *destination,
    const weir_endpoint *source, uint16_t segment, int ranges);
/// Adds the next range of the message added last.
void weir_batch_range(weir_datagram_arena *arena, const void *bytes, size_t count);
/// Sends the batch; returns how many messages went out, at least 1.
int weir_batch_send(weir_datagram_arena *arena, int fd);
