// The process and its threads. See CLinux.h for the rules of return values.
#pragma once
#include <stddef.h>
#include <stdint.h>

void weir_ignore_sigpipe(void);
/// Blocks of memory from this size on go back to the kernel when they are freed, always.
void weir_tune_memory(size_t large, size_t spare);
/// Blocks the signals that weir_wait_for_signal takes, in this thread and those it starts.
int weir_block_signals(void);
/// Waits for SIGINT, SIGTERM, SIGHUP or SIGUSR1 and returns its number.
int weir_wait_for_signal(void);
/// Raises the soft limit of descriptors to the hard one and returns it.
int64_t weir_raise_descriptor_limit(void);
/// The numbers of the processors that this thread may run on; returns how many.
int weir_allowed_processors(int *out, int capacity);
/// Keeps the calling thread on one processor.
int weir_pin_thread(int processor);
/// Names the calling thread for debuggers and `top`; 15 bytes are kept.
int weir_name_thread(const char *name);
int weir_is_terminal(int fd);
/// Sends one datagram to a Unix socket: a path, or an abstract name behind '@'. Waits for at most
/// so long when its queue is full; with 0 it does not wait.
int weir_tell_socket(const char *name, const void *bytes, size_t count, int milliseconds);
