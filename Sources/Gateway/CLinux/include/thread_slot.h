#pragma once

/// One pointer per thread: which loop runs on it.
void *weir_thread_slot_get(void);
void weir_thread_slot_set(void *value);

/// Names the calling thread for tools such as top; at most 15 bytes are kept.
void weir_thread_set_name(const char *name);
