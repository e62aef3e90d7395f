import CLI
import PluginKit

// The reporter has a GUID of its own; the plugin gets the GUIDs that the file gives it. The gateway
// is Weir itself, command line included, with one more plugin type.
registerStatsReporter(guid: "reads", ReadPrinter())
WeirMain.run(plugins: [PluginDescriptor(HelloPlugin.self)])
