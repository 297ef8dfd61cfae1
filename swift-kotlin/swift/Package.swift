// swift-tools-version: 6.0
import PackageDescription

// On Apple's systems the engine is an XCFramework beside this file; elsewhere it is a shared library in `lib`. The flags
// that name it are "unsafe", so there the package is depended on by its path.
#if canImport(Darwin)
    let engine: Target = .binaryTarget(name: "SpiralFFI", path: "SpiralFFI.xcframework")
    let linking: [LinkerSetting] = []
#else
    let engine: Target = .systemLibrary(name: "SpiralFFI", path: "Sources/SpiralFFI")
    let library = Context.packageDirectory + "/lib"
    let linking: [LinkerSetting] = [.unsafeFlags(["-L", library, "-Xlinker", "-rpath", "-Xlinker", library])]
#endif

let package = Package(
    name: "Spiral",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [.library(name: "Spiral", targets: ["Spiral"])],
    targets: [
        engine,
        .target(name: "Spiral", dependencies: ["SpiralFFI"], linkerSettings: linking),
    ],
    swiftLanguageModes: [.v6]
)
