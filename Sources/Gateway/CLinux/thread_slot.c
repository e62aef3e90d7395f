#define _GNU_SOURCE
#include "CLinux.h"
#include <pthread.h>
#include <string.h>

static _Thread_local void *slot;

void *weir_thread_slot_get(void) { return slot; }
void weir_thread_slot_set(void *value) { slot = value; }

void weir_thread_set_name(const char *name) {
    char kept[16];
    strncpy(kept, name, sizeof kept - 1);
    kept[sizeof kept - 1] = 0;
    pthread_setname_np(pthread_self(), kept);
}
