// swift-tools-version: 6.3
import PackageDescription

// One line per area, bottom-up, so that this file reads as the diagram in
// Sources/Gateway/Assembly/Assembly.docc/Architecture.md. `uses` is all that an area may import.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

func area(_ name: String, uses: [Target.Dependency] = [], and more: [SwiftSetting] = []) -> Target {
    .target(
        name: name, dependencies: uses, path: "Sources/Gateway/\(name)",
        swiftSettings: strict + more)
}

func plugin(_ name: String, uses: [Target.Dependency] = []) -> Target {
    .target(
        name: name, dependencies: ["PluginKit", "Options", "Model"] + uses,
        path: "Sources/Plugins/\(name)", swiftSettings: strict)
}

func tests(
    of name: String, uses: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: uses, path: "Tests/\(name)Tests", exclude: exclude,
        swiftSettings: strict)
}

let package = Package(
    name: "Weir",
    products: [
        .executable(name: "weir", targets: ["weir"]),
        // For plugin authors: PluginKit to write a plugin, WeirGateway to build a gateway with it.
        .library(name: "PluginKit", targets: ["PluginKit", "Options", "Model"]),
        .library(name: "WeirGateway", targets: ["CLI", "WingMeter"]),
    ],
    targets: [
        // C
        .systemLibrary(
            name: "CYAML", path: "Sources/Gateway/CYAML", pkgConfig: "yaml-0.1",
            providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(
            name: "CSQLite", path: "Sources/Gateway/CSQLite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(
            name: "COpenSSL", path: "Sources/Gateway/COpenSSL", pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CCurl", path: "Sources/Gateway/CCurl", pkgConfig: "libcurl",
            providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(name: "CLinux", path: "Sources/Gateway/CLinux"),

        // Areas
        area("Model"),
        // A reader over a span must say that it lives no longer than the span.
        area("Bytes", and: [.enableExperimentalFeature("Lifetimes")]),
        area("Codecs", uses: ["Bytes", "Model"]),
        area("Options", uses: ["Model"]),
        area("Rules", uses: ["Model"]),
        area("LinuxIO", uses: ["CLinux", "Model"]),
        area("Loop", uses: ["LinuxIO", "Model"]),
        area("HTTPClient", uses: ["CCurl", "LinuxIO", "Model"]),
        area("Crypto", uses: ["COpenSSL", "Bytes"]),
        area("PluginKit", uses: ["Options", "Model"]),
        area(
            "Configuration",
            uses: ["CYAML", "Crypto", "Codecs", "Rules", "Options", "Bytes", "Model"]),
        area("Storage", uses: ["CSQLite", "LinuxIO", "PluginKit", "Model"]),
        area(
            "RemotePlugins", uses: ["HTTPClient", "Codecs", "PluginKit", "Model"]),
        area("Metering", uses: ["Loop", "LinuxIO", "PluginKit", "Model"]),
        area("Limiting", uses: ["Loop", "Model"]),
        area(
            "Relay",
            uses: ["Limiting", "Metering", "Loop", "LinuxIO", "Codecs", "Bytes", "Model"]),
        area("Routing", uses: ["Loop", "LinuxIO", "Codecs", "Rules", "Bytes", "Model"]),
        area(
            "Inbound",
            uses: [
                "Limiting", "Relay", "Routing", "Metering", "PluginKit", "Crypto", "Loop",
                "LinuxIO", "Codecs",
                "Bytes", "Model",
            ]),
        area(
            "HTTPService",
            uses: ["PluginKit", "Loop", "LinuxIO", "Codecs", "Bytes", "Model"]),
        area(
            "Assembly",
            uses: [
                "RemotePlugins", "HTTPClient", "HTTPService", "Inbound", "Limiting", "Relay",
                "Routing", "Metering",
                "Configuration", "Storage", "PluginKit", "Options",
                "Crypto", "Loop", "LinuxIO", "Codecs", "Model",
            ]),
        area(
            "CLI",
            uses: [
                "Assembly", "Inbound", "Routing", "Metering", "Configuration", "PluginKit",
                "Options", "Crypto", "Loop", "LinuxIO", "Model",
            ]),

        // Plugins
        plugin("WingMeter", uses: ["Storage"]),

        // The binary: the one place that names plugins
        .executableTarget(
            name: "weir", dependencies: ["CLI", "WingMeter", "PluginKit"],
            path: "Sources/Gateway/Weir", swiftSettings: strict),

        // Test instruments
        .target(name: "Chance", path: "Tests/Chance", swiftSettings: strict),
        .target(
            name: "KernelTesting", dependencies: ["Chance", "LinuxIO", "Loop", "Model"],
            path: "Tests/KernelTesting", swiftSettings: strict),
        .target(
            name: "CodecTesting", dependencies: ["Chance", "Codecs", "Bytes", "Model"],
            path: "Tests/CodecTesting", swiftSettings: strict),
        .target(name: "SanitizerHooks", path: "Tests/SanitizerHooks"),

        // Overheads of the data path, for `make bench`
        .target(name: "AllocationCount", path: "Tests/AllocationCount"),
        .executableTarget(
            name: "Benchmarks",
            dependencies: [
                "AllocationCount", "Chance", "Configuration", "Limiting", "Relay", "Routing",
                "Metering", "PluginKit", "Loop", "LinuxIO", "Model",
            ], path: "Tests/Benchmarks", swiftSettings: strict),

        // Tests, in the order of the areas
        tests(of: "Model", uses: ["Model"]),
        tests(of: "Bytes", uses: ["Bytes"]),
        tests(of: "Codecs", uses: ["Chance", "Codecs", "CodecTesting", "Bytes", "Model"]),
        tests(of: "Rules", uses: ["Chance", "Rules", "Model"]),
        tests(of: "Options", uses: ["Options", "Model"]),
        tests(
            of: "Configuration", uses: ["Configuration", "Rules", "Options", "Model"],
            exclude: ["Fixtures"]),
        tests(of: "Crypto", uses: ["Crypto"]),
        tests(of: "LinuxIO", uses: ["LinuxIO", "KernelTesting", "Model"]),
        tests(of: "KernelTesting", uses: ["KernelTesting", "Loop", "LinuxIO", "Model"]),
        tests(
            of: "Loop",
            uses: ["Chance", "Loop", "LinuxIO", "KernelTesting", "SanitizerHooks", "Model"]),
        tests(of: "HTTPClient", uses: ["HTTPClient", "LinuxIO", "Model"]),
        tests(
            of: "RemotePlugins",
            uses: ["RemotePlugins", "HTTPClient", "PluginKit", "Model"]),
        tests(of: "PluginKit", uses: ["PluginKit", "Options", "Model"]),
        tests(of: "Storage", uses: ["Chance", "Storage", "PluginKit", "Model"]),
        tests(
            of: "Metering",
            uses: ["Chance", "Metering", "PluginKit", "KernelTesting", "Loop", "LinuxIO", "Model"]),
        tests(of: "Limiting", uses: ["Chance", "Limiting", "KernelTesting", "Loop", "Model"]),
        tests(
            of: "Relay",
            uses: [
                "Chance", "Limiting", "Relay", "Metering", "Loop", "LinuxIO", "KernelTesting",
                "PluginKit",
                "Model",
            ]),
        tests(
            of: "Routing",
            uses: [
                "Chance", "Routing", "Rules", "Loop", "LinuxIO", "KernelTesting", "CodecTesting",
                "Codecs", "Bytes", "Model",
            ]),
        tests(
            of: "Inbound",
            uses: [
                "Chance", "Inbound", "Limiting", "Relay", "Routing", "Metering", "Loop", "LinuxIO",
                "KernelTesting",
                "PluginKit", "Crypto", "Codecs", "Bytes", "Model",
            ]),
        tests(
            of: "HTTPService",
            uses: [
                "HTTPService", "PluginKit", "Loop", "LinuxIO", "KernelTesting", "Codecs", "Model",
            ]),
        tests(
            of: "WingMeter",
            uses: ["Chance", "WingMeter", "Storage", "PluginKit", "Options", "Model"]),
        tests(
            of: "Assembly",
            uses: [
                "Chance", "Assembly", "Inbound", "Limiting", "KernelTesting", "Configuration",
                "Loop",
                "LinuxIO",
                "PluginKit", "RemotePlugins", "HTTPClient", "Storage", "Model",
            ]),
        tests(of: "CLI", uses: ["CLI", "Configuration"]),
        tests(
            of: "Gateway",
            uses: [
                "Chance", "Assembly", "Inbound", "Routing", "Metering", "Configuration",
                "PluginKit",
                "Options", "KernelTesting", "Loop", "LinuxIO", "Codecs", "Bytes", "Model",
            ]),
        tests(of: "Integration", exclude: ["Scripts", "Recorded/Conversations"]),
        tests(of: "Tidy"),
    ],
    swiftLanguageModes: [.v6]
)
