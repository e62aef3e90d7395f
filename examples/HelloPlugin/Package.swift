// swift-tools-version: 6.3
import PackageDescription

// A package of its own, as a third party would write it. Outside this repository the dependency is
// `.package(url: …)`; everything else stays the same.
let package = Package(
    name: "HelloPlugin",
    dependencies: [.package(name: "Weir", path: "../..")],
    targets: [
        .executableTarget(
            name: "hello",
            dependencies: [
                .product(name: "PluginKit", package: "Weir"),
                .product(name: "WeirGateway", package: "Weir"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
