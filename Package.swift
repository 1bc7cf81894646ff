// swift-tools-version: 6.2
import PackageDescription

/// Every target proves its memory safety to the compiler: an unsafe expression that is not marked
/// `unsafe` is an error, and TidyTests allows the mark in VarveBytes and VarveSystem only.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableExperimentalFeature("Lifetimes"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Generic calls across targets are 10x slower without it.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

/// The floors of the house, lowest first: each target with the only targets it may import.
/// TidyTests compares the imports in the sources with this table.
let floors: [(name: String, edges: [String])] = [
    ("VarveBytes", ["CHardware", "CLZ4"]),
    ("VarveSystem", ["VarveBytes", "CHardware"]),
    ("VarveFormats", ["VarveBytes"]),
    ("VarveLog", ["VarveBytes", "VarveSystem", "VarveFormats"]),
    ("VarveFeatures", ["VarveBytes", "VarveFormats"]),
    ("VarveModels", ["VarveBytes", "VarveFormats"]),
    ("VarveProtocols", ["VarveBytes", "VarveFormats"]),
    (
        "VarveProjections",
        ["VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveFeatures"]
    ),
    (
        "VarveTraining",
        [
            "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveFeatures",
            "VarveProjections",
        ]
    ),
    (
        "VarveNode",
        [
            "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveFeatures",
            "VarveModels", "VarveProtocols", "VarveProjections", "VarveTraining",
        ]
    ),
]

/// What several test targets need: seeded randomness, fixtures, slow twins of fast code.
let support = Target.target(
    name: "VarveTestSupport",
    dependencies: dependencies([
        "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveFeatures",
    ]),
    path: "Tests/VarveTestSupport", swiftSettings: settings)

/// The test targets, each with the floors it drives.
let tests: [(name: String, edges: [String])] = [
    ("VarveBytesTests", ["VarveBytes"]),
    ("VarveSystemTests", ["VarveBytes", "VarveSystem"]),
    ("VarveFormatsTests", ["VarveBytes", "VarveFormats"]),
    (
        "VarveLogTests",
        [
            "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveSimulation",
            "VarveTestSupport",
        ]
    ),
    (
        "VarveFeaturesTests",
        ["VarveBytes", "VarveFormats", "VarveFeatures", "VarveTestSupport"]
    ),
    ("VarveModelsTests", ["VarveBytes", "VarveFormats", "VarveModels"]),
    ("VarveProtocolsTests", ["VarveBytes", "VarveFormats", "VarveProtocols"]),
    (
        "VarveProjectionsTests",
        [
            "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveFeatures",
            "VarveProjections", "VarveSimulation", "VarveTestSupport",
        ]
    ),
    (
        "VarveTrainingTests",
        [
            "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveFeatures",
            "VarveProjections", "VarveTraining", "VarveTestSupport",
        ]
    ),
    (
        "VarveNodeTests",
        [
            "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveFeatures",
            "VarveModels", "VarveProtocols", "VarveProjections", "VarveTraining", "VarveNode",
            "VarveTestSupport",
        ]
    ),
    (
        "CommandTests",
        [
            "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveProtocols",
            "VarveNode", "VarveTestSupport",
        ]
    ),
    ("TidyTests", []),
]

/// Not shipped: the simulator, a library for the tests and an executable for long runs; and small
/// measurements.
let tools: [Target] = [
    .target(
        name: "VarveSimulation",
        dependencies: dependencies(["VarveBytes", "VarveSystem", "VarveFormats", "VarveLog"]),
        path: "Tests/VarveSimulation", swiftSettings: settings),
    .executableTarget(
        name: "varve-simulate", dependencies: dependencies(["VarveSimulation"]),
        path: "Tests/varve-simulate", swiftSettings: settings),
    .executableTarget(
        name: "varve-bench",
        dependencies: dependencies([
            "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveFeatures",
            "VarveProjections",
        ]),
        path: "tools/bench/micro", swiftSettings: settings),
]

func dependencies(_ names: [String]) -> [Target.Dependency] {
    names.map { .byName(name: $0) }
}

let package = Package(
    name: "varve",
    products: [
        .executable(name: "varve", targets: ["varve"])
    ] + floors.map { .library(name: $0.name, targets: [$0.name]) },
    targets: [
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .target(name: "CHardware"),
        .executableTarget(
            name: "varve",
            dependencies: dependencies([
                "VarveBytes", "VarveSystem", "VarveFormats", "VarveLog", "VarveProtocols",
                "VarveProjections", "VarveNode",
            ]),
            swiftSettings: settings
        ),
    ] + floors.map {
        .target(name: $0.name, dependencies: dependencies($0.edges), swiftSettings: settings)
    } + tests.map {
        .testTarget(name: $0.name, dependencies: dependencies($0.edges), swiftSettings: settings)
    } + [support] + tools
)
