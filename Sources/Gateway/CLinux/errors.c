#define _GNU_SOURCE
#include "CLinux.h"
#include <string.h>

const char *weir_errno_name(int code) {
    const char *name = strerrorname_np(code);
    return name ? name : "";
}
