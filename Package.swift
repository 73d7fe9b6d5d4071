// swift-tools-version: 6.2
import PackageDescription

/// Checks build with `CCNN_STRICT` set: warnings of the package's own targets are errors.
let isStrict = Context.environment["CCNN_STRICT"] != nil

/// `CCNN_SHARED_LIBRARY` adds the product `ConvexCNNC`, a library for C and Python with the Swift runtime inside.
///
/// It shows the functions of its header only, see `exports.map`, and finds what it links to in its own folder.
let isShared = Context.environment["CCNN_SHARED_LIBRARY"] != nil
let sharedLinking: [LinkerSetting] =
  isShared
  ? [
    .unsafeFlags(
      [
        "-static-stdlib", "-use-ld=lld", "-Xlinker", "--disable-new-dtags", "-Xlinker",
        "--version-script=\(Context.packageDirectory)/Sources/CInterface/exports.map",
      ], .when(platforms: [.linux]))
  ] : []

/// `CCNN_FUZZ` adds the program `Fuzz`, and counts in the modules that read files where a run went.
let isFuzzed = Context.environment["CCNN_FUZZ"] != nil
let coverage: [SwiftSetting] = isFuzzed ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : []

/// Upcoming language features that every Swift target of the package enables.
let features: [SwiftSetting] =
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
  ] + (isStrict ? [.treatAllWarnings(as: .error)] : [])

/// Numeric targets are optimised in debug builds too: unoptimised kernels run 7 to 190 times slower.
let numeric: [SwiftSetting] = features + [.unsafeFlags(["-O"], .when(configuration: .debug))]

func module(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [],
  readsFiles: Bool = false
) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: exclude,
    swiftSettings: numeric + (readsFiles ? coverage : []))
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: features)
}

/// The documentation plugin comes with `CCNN_DOCS` only, so that plain builds do not fetch it.
let plugins: [Package.Dependency] =
  Context.environment["CCNN_DOCS"] == nil
  ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0")]

/// The modules that the documentation may use; `ConvexCNN` exports all of them but `Reports`.
let documented = [
  "ConvexCNN", "Tensors", "Formats", "Convolutions", "Arrangements", "ConvexPrograms", "Solvers",
  "Certificates", "Reports",
]

let package = Package(
  name: "ConvexCNN",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "ConvexCNN", targets: ["ConvexCNN"]),
    .library(name: "Arrangements", targets: ["Arrangements"]),
    .library(name: "Convolutions", targets: ["Convolutions"]),
    .library(name: "Tensors", targets: ["Tensors"]),
    .library(name: "Reports", targets: ["Reports"]),
    .executable(name: "ccnn", targets: ["ccnn"]),
  ]
    + (isShared
      ? [.library(name: "ConvexCNNC", type: .dynamic, targets: ["CInterface"])] : []),
  traits: [
    .trait(
      name: "MPI",
      description: "Lets several processes, started by mpirun or srun, train together (Open MPI)."),
    .default(enabledTraits: []),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
  ] + plugins,
  targets: [
    .systemLibrary(
      name: "CFFTW", pkgConfig: "fftw3",
      providers: [.apt(["libfftw3-dev"]), .brew(["fftw"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng",
      providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CMPI", pkgConfig: "mpi-c",
      providers: [.apt(["libopenmpi-dev"]), .brew(["open-mpi"])]),
    .target(
      name: "CMessagePassing",
      dependencies: [.target(name: "CMPI", condition: .when(traits: ["MPI"]))],
      cSettings: [.define("CCNN_MPI", .when(traits: ["MPI"]))]
        + (isStrict ? [.treatAllWarnings(as: .error)] : [])),
    .target(
      name: "CKernels",
      cSettings: [.unsafeFlags(["-O3"])] + (isStrict ? [.treatAllWarnings(as: .error)] : [])),

    module("Tensors", ["CKernels", "COpenBLAS"]),
    module(
      "Formats",
      ["Tensors", "CZlib", "CPNG", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["onnx.proto"], readsFiles: true),
    module("Convolutions", ["Tensors", "CFFTW", "CKernels"]),
    module("Arrangements", ["Tensors", "CKernels"]),
    module("ConvexPrograms", ["Tensors", "Convolutions", "Arrangements"]),
    module("Solvers", ["Tensors", "Convolutions", "Arrangements", "ConvexPrograms"]),
    module("Certificates", ["Tensors", "Convolutions", "Arrangements", "ConvexPrograms"]),
    module("MessagePassing", ["Tensors", "CMessagePassing"]),
    .target(name: "Reports", swiftSettings: features),
    module(
      "ConvexCNN",
      [
        "Tensors", "Formats", "Convolutions", "Arrangements", "ConvexPrograms", "Solvers",
        "Certificates",
      ], readsFiles: true),
    .target(
      name: "CInterface", dependencies: ["ConvexCNN"], exclude: ["convexcnn.h", "exports.map"],
      swiftSettings: features, linkerSettings: sharedLinking),
    .executableTarget(
      name: "ccnn",
      dependencies: [
        "ConvexCNN", "Reports",
        .target(name: "MessagePassing", condition: .when(traits: ["MPI"])),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: features),

    .target(
      name: "TestSupport",
      dependencies: ["Tensors", "Convolutions", "ConvexPrograms"],
      path: "Tests/TestSupport", swiftSettings: numeric),
    tests("TensorsTests", ["Tensors"]),
    tests("FormatsTests", ["Formats", "Tensors"]),
    tests("ConvolutionsTests", ["Convolutions", "Tensors"]),
    tests("ArrangementsTests", ["Arrangements", "Formats", "Tensors"]),
    tests("ConvexProgramsTests", ["ConvexPrograms", "Convolutions", "Arrangements", "Tensors"]),
    tests("SolversTests", ["Solvers", "ConvexPrograms", "Convolutions", "Tensors"]),
    tests("CertificatesTests", ["Certificates", "ConvexPrograms", "Convolutions", "Tensors"]),
    .testTarget(name: "ReportsTests", dependencies: ["Reports"], swiftSettings: features),
    tests("ConvexCNNTests", ["ConvexCNN"]),
    tests("CInterfaceTests", ["CInterface", "ConvexCNN"]),
    tests("CommandTests", ["ConvexCNN", "ccnn", "DocumentationBlocks", "DocumentationSnippets"]),

    // What README and articles show, compiled and run (`make snippets`).
    .target(
      name: "DocumentationBlocks", path: "Tests/Documentation/Blocks", swiftSettings: features),
    .executableTarget(
      name: "SnippetWriter", dependencies: ["DocumentationBlocks"],
      path: "Tests/Documentation/Writer", swiftSettings: features),
    .executableTarget(
      name: "DocumentationSnippets", dependencies: documented.map { .byName(name: $0) },
      path: "Tests/Documentation/Snippets", packageAccess: false, swiftSettings: features),
  ]
    + (isFuzzed
      ? [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
        .executableTarget(
          name: "Fuzz",
          dependencies: [
            "ConvexCNN", "Formats", "Solvers", "ConvexPrograms", "Convolutions", "Tensors",
            "CLibFuzzer",
          ], path: "Tests/Fuzz",
          exclude: ["CLibFuzzer", "corpus"], swiftSettings: features + coverage,
          linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
      ] : [])
)

/// `CCNN_SANITIZE` leaves the modules below `ConvexCNN`, where pointers, files and threads are, and their tests.
if Context.environment["CCNN_SANITIZE"] != nil {
  let above = [
    "ConvexCNN", "Reports", "CInterface", "ccnn", "ConvexCNNTests", "ReportsTests",
    "CInterfaceTests", "CommandTests", "DocumentationBlocks", "DocumentationSnippets",
    "SnippetWriter",
  ]
  package.targets.removeAll { above.contains($0.name) }
  package.products.removeAll { above.contains($0.name) }
}
