package import Loop

extension EventLoop {
    /// Calls `body` in a turn of this loop, now and on this thread, although other threads' mailbox
    /// carries it. Only for loops that the calling thread drives itself.
    package func perform(_ body: (EventLoop) -> Void) {
        withoutActuallyEscaping(body) { body in
            let work = Confined(body: body)
            execute { loop in work.body(loop) }
            turn(mayWait: false)
        }
    }

    /// A closure that stays on its thread although the mailbox cannot know it.
    private struct Confined: @unchecked Sendable {
        let body: (EventLoop) -> Void
    }
}
