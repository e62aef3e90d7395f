// Counts calls of malloc and its relatives in this process, by standing in for the C library's.
#pragma once
#include <stdint.h>

/// How often memory has been allocated since the process started, on any thread.
uint64_t allocation_count(void);
