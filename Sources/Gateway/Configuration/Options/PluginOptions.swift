package import Options

/// One plugin to run.
package struct PluginOptions: Sendable {
    /// What `statsGUID` and `auther` name; several plugins may share it.
    package let guid: Located<String>
    /// Which compiled-in plugin it is.
    package let type: Located<String>
    /// Its own options as they stand; the plugin reads them.
    package let options: Node?

    init(guid: Located<String>, type: Located<String>, options: Node?) {
        self.guid = guid
        self.type = type
        self.options = options
    }
}
