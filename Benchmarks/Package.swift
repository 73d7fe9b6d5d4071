// swift-tools-version: 6.2
import PackageDescription

let features: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "ConvexCNN", path: "..")],
  targets: [
    // Clocks, sweeps, fits, thresholds, and the page.
    .target(
      name: "BenchmarkSupport",
      dependencies: [.product(name: "Reports", package: "ConvexCNN")],
      swiftSettings: features),
    // What the machine reaches at best: triad and matrix products.
    .target(name: "CCeilings", cSettings: [.unsafeFlags(["-O3"])]),
    .executableTarget(
      name: "Scaling",
      dependencies: [
        "BenchmarkSupport", "CCeilings",
        .product(name: "ConvexCNN", package: "ConvexCNN"),
        .product(name: "Arrangements", package: "ConvexCNN"),
        .product(name: "Convolutions", package: "ConvexCNN"),
        .product(name: "Reports", package: "ConvexCNN"),
        .product(name: "Tensors", package: "ConvexCNN"),
      ],
      resources: [.embedInCode("thresholds.csv")]),
    .executableTarget(
      name: "Enumeration",
      dependencies: [
        "BenchmarkSupport",
        .product(name: "ConvexCNN", package: "ConvexCNN"),
        .product(name: "Arrangements", package: "ConvexCNN"),
        .product(name: "Tensors", package: "ConvexCNN"),
      ]),
    // Runs ccnn and its peers as programs: depends on nothing, builds in seconds.
    .executableTarget(name: "Peers"),
    .executableTarget(
      name: "ConvolutionPeer",
      dependencies: [
        "BenchmarkSupport",
        .product(name: "Convolutions", package: "ConvexCNN"),
        .product(name: "Tensors", package: "ConvexCNN"),
      ]),
    .testTarget(
      name: "BenchmarkTests",
      dependencies: ["BenchmarkSupport", .product(name: "Reports", package: "ConvexCNN")],
      swiftSettings: features),
  ]
)
