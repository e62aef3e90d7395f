import PluginKit
import WingMeter

/// The plugins that this binary is built with: one line each, in the order of `Sources/Plugins`.
let compiledPlugins: [PluginDescriptor] = [
    PluginDescriptor(WingMeter.self)
]
