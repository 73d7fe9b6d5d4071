// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "ConvexCNN", path: "..")],
  targets: [
    .executableTarget(
      name: "Scaling",
      dependencies: [
        .product(name: "ConvexCNN", package: "ConvexCNN"),
        .product(name: "Arrangements", package: "ConvexCNN"),
        .product(name: "Convolutions", package: "ConvexCNN"),
        .product(name: "Reports", package: "ConvexCNN"),
        .product(name: "Tensors", package: "ConvexCNN"),
      ]),
    .executableTarget(
      name: "Enumeration",
      dependencies: [
        .product(name: "ConvexCNN", package: "ConvexCNN"),
        .product(name: "Arrangements", package: "ConvexCNN"),
        .product(name: "Tensors", package: "ConvexCNN"),
      ]),
    // Runs ccnn and its peers as programs: depends on nothing, builds in seconds.
    .executableTarget(name: "Peers"),
    .executableTarget(
      name: "ConvolutionPeer",
      dependencies: [
        .product(name: "Convolutions", package: "ConvexCNN"),
        .product(name: "Tensors", package: "ConvexCNN"),
      ]),
  ]
)
