import CLinux

/// One pointer kept per thread. The event loop uses it to know whether it runs on this thread.
package enum ThreadSlot {
    /// What was set last on this thread; nil at first.
    package static var current: UnsafeMutableRawPointer? {
        get { weir_thread_slot_get() }
        set { weir_thread_slot_set(newValue) }
    }
}
