import Options

/// Loads configurations: files, command-line services and their merge, into typed options and
/// everything that is wrong with them.
package enum Configuration {
    /// Loads what a command line asks for. All files are read through `reader`.
    package static func load(
        _ request: ConfigurationRequest, readingWith reader: @escaping FileReader
    ) -> LoadedConfiguration {
        var loader = ConfigurationLoader(reader, isLenient: request.isLenient)
        loader.add(request)
        return loader.finish()
    }

    /// Loads one file's bytes. A pure function: files that it names are read through `reader`,
    /// which has none by default.
    package static func load(
        bytes: [UInt8], file: String, isLenient: Bool = false,
        readingWith reader: @escaping FileReader = { (_) throws(FileFault) in
            throw FileFault.noSuchFile
        }
    ) -> LoadedConfiguration {
        var loader = ConfigurationLoader(reader, isLenient: isLenient)
        loader.add(bytes, file: file)
        return loader.finish()
    }
}
