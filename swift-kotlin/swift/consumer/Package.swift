// swift-tools-version: 6.0
// A program that uses the package: tests/packages/swift copies it away, beside the package that it unpacks there, and
// adds the README's snippet.
import PackageDescription

let spiral: [Target.Dependency] = [.product(name: "Spiral", package: "spiral-swift")]
let package = Package(
    name: "consumer",
    platforms: [.macOS(.v13)],
    dependencies: [.package(path: "../spiral-swift")],
    targets: [
        .executableTarget(name: "Readme", dependencies: spiral),
        .executableTarget(name: "Conformance", dependencies: spiral),
        .executableTarget(name: "Leaks", dependencies: spiral),
        .testTarget(name: "SpiralTests", dependencies: spiral),
    ],
    swiftLanguageModes: [.v6]
)
