import Configuration

/// A reader that has no files.
let noFiles: @Sendable (String) throws(FileFault) -> [UInt8] = { (_) throws(FileFault) in
    throw FileFault.noSuchFile
}

/// A reader of files from memory.
func files(_ files: [String: String]) -> FileReader {
    { (path) throws(FileFault) in
        guard let text = files[path] else { throw FileFault.noSuchFile }
        return Array(text.utf8)
    }
}
