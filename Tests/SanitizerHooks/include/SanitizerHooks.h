// Tells ThreadSanitizer what a contended `Mutex` orders. Its slow path lives in the Swift library,
// which the sanitizer cannot see into, so that contended locks were reported as races. Linking this
// into the tests is all; there is nothing to call. Without the sanitizer it is empty.
#pragma once
