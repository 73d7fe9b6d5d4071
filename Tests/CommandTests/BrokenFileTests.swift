import ConvexCNN
import Foundation
import Testing

/// Damaged or contradictory data end in exit code 65 with a message that names the place; nothing is written.
struct BrokenFileTests {
  /// Runs training on files that `damage` has changed and checks that it is refused.
  private func expectRefusal(
    _ word: String, flags: [String] = TinyData.train, code: Int32 = 65,
    damage: (Folder) throws -> Void
  ) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    try damage(folder)
    let before = try folder.listing
    let outputs = ["--output", "m.safetensors", "--json", "r.json", "--trace", "t.csv"]
    let output = try Tool.run(flags + outputs, in: folder)
    let after = try folder.listing
    #expect(output.code == code)
    let isNamed = output.error.contains(word)
    #expect(isNamed, "\(output.error)")
    #expect(output.out == "")
    #expect(after == before)
  }

  @Test func truncatedNPY() throws {
    try expectRefusal("images.npy:") { folder in
      try folder.write(folder.bytes("images.npy").dropLast(5), "images.npy")
    }
  }

  @Test func oversizedNPY() throws {
    try expectRefusal("images.npy:") { folder in
      try folder.write(folder.bytes("images.npy") + [0], "images.npy")
    }
  }

  @Test func wrongMagic() throws {
    try expectRefusal("images.npy:0") { folder in
      try folder.write([1, 2, 3, 4] + folder.bytes("images.npy"), "images.npy")
    }
  }

  /// Powers of such numbers overflow or vanish; training would not end, or end in the zero network.
  @Test(arguments: [1e200, 1e-150])
  func immoderateMagnitudes(scale: Double) throws {
    try expectRefusal("images.npy[") { folder in
      var images = TinyData.images()
      for i in images.elements.indices { images.elements[i] *= scale }
      try NPY.write(images, to: folder.path("images.npy"))
    }
  }

  @Test(arguments: [-3, 3])
  func truncatedOrOversizedIDX(change: Int) throws {
    try expectRefusal("images.idx:", flags: idxFlags) { folder in
      let array = ArrayFile(
        shape: [12, 4, 4], elements: [Double](repeating: 7, count: 192), elementKind: .unsignedByte)
      try IDX.write(array, to: folder.path("images.idx"))
      let bytes = try folder.bytes("images.idx")
      try folder.write(
        change < 0 ? bytes.dropLast(-change) : bytes + [UInt8](repeating: 0, count: change),
        "images.idx")
    }
  }

  private var idxFlags: [String] {
    TinyData.train.map { $0 == "images.npy" ? "images.idx" : $0 }
  }

  #if os(Linux)
    /// A file of some MB that unpacks to 4 GiB, read with 2 GB: no more is unpacked than the header declares, and what
    /// it declares is refused where this machine cannot hold it.
    @Test(arguments: [[4, 1024, 1024], [65535, 65535, 1]])
    func gzipBomb(declared: [Int]) throws {
      let folder = try Folder()
      defer { folder.remove() }
      try TinyData.write(to: folder)
      let zeros = ArrayFile(
        shape: [4, 1024, 1024], elements: [Double](repeating: 0, count: 4 << 20),
        elementKind: .unsignedByte)
      try IDX.write(zeros, to: folder.path("images.idx"), gzip: true)
      let member = try folder.bytes("images.idx")
      // gzip of a header alone, stored without compression.
      var header: [UInt8] = [0, 0, 8, 3]
      for length in declared { header += (0..<4).map { UInt8(length >> (24 - 8 * $0) & 0xFF) } }
      try folder.write(header, "header")
      #expect(try Tool.run(["-n", "header"], in: folder, program: "/usr/bin/gzip").code == 0)
      let bomb = try folder.bytes("header.gz") + [[UInt8]](repeating: member, count: 1024).joined()
      try folder.write(bomb, "images.idx")
      #expect(bomb.count < 8 << 20)
      let output = try Shell.run(
        "ulimit -v 2000000; exec \"$@\"", [Tool.path] + idxFlags, in: folder)
      #expect(output.code == 65)
      let isNamed = output.error.contains("images.idx:")
      #expect(isNamed, "\(output.error)")
      #expect(output.out == "")
    }
  #endif

  @Test func truncatedPNG() throws {
    let flags = ["train", "--images", "pictures", "--filter", "2x2"]
    try expectRefusal("a.png", flags: flags) { folder in
      for name in ["cats", "dogs"] {
        let inner = folder.url.appendingPathComponent("pictures/\(name)")
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        try folder.write([0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10, 0, 0], "pictures/\(name)/a.png")
      }
    }
  }

  @Test func labelCountDiffers() throws {
    try expectRefusal("labels.npy: expected 12 labels") { folder in
      try TinyData.write(labels: [0, 1, 0], to: folder.path("labels.npy"))
    }
  }

  @Test(arguments: [Double.nan, .infinity])
  func nonFinitePixel(value: Double) throws {
    try expectRefusal("images.npy[3, 2, 1]: expected a finite number") { folder in
      var images = TinyData.images()
      images.elements[3 * 16 + 2 * 4 + 1] = value
      try NPY.write(images, to: folder.path("images.npy"))
    }
  }

  @Test func oneClassOnly() throws {
    try expectRefusal("labels.npy: expected at least two classes") { folder in
      try TinyData.write(
        labels: [Double](repeating: 1, count: 12), to: folder.path("labels.npy"))
    }
  }

  @Test func emptyData() throws {
    try expectRefusal("images.npy: expected at least one sample") { folder in
      try NPY.write(Tensor(shape: [0, 4, 4]), to: folder.path("images.npy"))
    }
  }

  @Test func filterLargerThanImage() throws {
    let flags = TinyData.train.map { $0 == "2x2" ? "5x2" : $0 }
    try expectRefusal("--filter 5x2: expected a filter within images of 4x4", flags: flags) { _ in }
  }

  @Test func moreWindowsThanOutputs() throws {
    try expectRefusal("4x4", flags: TinyData.train + ["--pooling", "average:4x4"]) { _ in }
  }

  @Test(arguments: [-2.0, 10_000, 1e9])
  func labelOutsideRange(value: Double) throws {
    try expectRefusal("labels.npy[2]: expected a class in 0...9999") { folder in
      var labels = (0..<12).map { Double($0 % 2) }
      labels[2] = value
      try TinyData.write(labels: labels, to: folder.path("labels.npy"))
    }
  }

  @Test func logisticNeedsTwoClasses() throws {
    try expectRefusal("two classes", flags: TinyData.train + ["--loss", "logistic"]) { folder in
      try TinyData.write(labels: (0..<12).map { Double($0 % 3) }, to: folder.path("labels.npy"))
    }
  }

  @Test func wrongRank() throws {
    try expectRefusal("images.npy: expected 2, 3 or 4 axes") { folder in
      try NPY.write(Tensor(shape: [12, 1, 4, 4, 1]), to: folder.path("images.npy"))
    }
  }

  @Test func modelIsNotSafetensors() throws {
    try expectRefusal(
      "start.safetensors", flags: TinyData.train + ["--start", "start.safetensors"]
    ) {
      try $0.write([9, 9, 9], "start.safetensors")
    }
  }

  @Test func missingFileCannotBeRead() throws {
    try expectRefusal("images.npy", code: 74) { folder in
      try FileManager.default.removeItem(atPath: folder.path("images.npy"))
    }
  }

  @Test func missingFolderCannotBeWrittenTo() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    for option in ["--output", "--json", "--trace"] {
      let output = try Tool.run(TinyData.train + [option, "nowhere/file"], in: folder)
      #expect(output.code == 74)
      #expect(output.error.contains("\(option) nowhere/file"))
    }
  }
}
