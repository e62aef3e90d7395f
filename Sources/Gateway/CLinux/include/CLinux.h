// Shims for what Swift cannot reach: macros, variadic calls, control messages, atomics on mapped
// memory. Every function that can fail returns a non-negative value or -errno, taken right after
// the call, and repeats the call on EINTR. Only LinuxIO imports this.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "thread_slot.h"

/// The symbolic name of an errno code ("ECONNREFUSED"), or "" for an unknown one.
const char *weir_errno_name(int code);

#include "sockets.h"
#include "routes.h"
#include "datagrams.h"
#include "readiness.h"
#include "memory.h"
#include "process.h"
