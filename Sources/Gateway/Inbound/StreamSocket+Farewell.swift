import Loop

extension StreamSocket {
    /// Closes after a last word: our end first, then what the client still sends is read away for
    /// a moment. Closing with unread bytes would send a reset, and the client would lose the word.
    func farewell() async {
        shutdownSending()
        setDeadline(nanoseconds: loop.nowNanoseconds + 1_000_000_000)
        do throws(StreamFault) {
            while true {
                consume(unread.count)
                try await fill()
            }
        } catch {
            close()
        }
    }
}
