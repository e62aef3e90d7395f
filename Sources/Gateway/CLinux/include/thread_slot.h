#pragma once

/// One pointer per thread: which loop runs on it.
void *weir_thread_slot_get(void);
void weir_thread_slot_set(void *value);
