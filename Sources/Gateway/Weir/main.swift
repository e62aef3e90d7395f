import CLI

WeirMain.run(plugins: compiledPlugins)
