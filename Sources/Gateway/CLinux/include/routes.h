// What the kernel's routing tables say. See CLinux.h for the rules of return values.
#pragma once
#include "sockets.h"

/// Whether packets to an address stay on this machine: 1, 0, or -errno where the kernel was not
/// reached. An address without a route is 0.
int weir_is_routed_locally(const weir_endpoint *to);
