#include "CLinux.h"

static _Thread_local void *slot;

void *weir_thread_slot_get(void) { return slot; }
void weir_thread_slot_set(void *value) { slot = value; }
