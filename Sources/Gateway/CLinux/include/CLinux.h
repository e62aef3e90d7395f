// Shims for what Swift cannot reach: macros, variadic calls, control messages, atomics on mapped
// memory. Every function that can fail returns a non-negative value or -errno.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "thread_slot.h"

/// The symbolic name of an errno code ("ECONNREFUSED"), or "" for an unknown one.
const char *weir_errno_name(int code);
