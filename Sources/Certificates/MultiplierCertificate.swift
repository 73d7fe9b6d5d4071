/// A proof that a dual point is feasible, which can be checked without any search.
///
/// Every cell of the arrangement of the patches is a cone `a_i . u >= 0` over its facets, on which the
/// pooled correlation is one linear map `T`. Multipliers `nu_ij >= 0` with
///
///     lambda^2 I - T' T - sum_ij nu_ij (a_i a_j' + a_j a_i') / 2   positive semidefinite
///
/// prove `|T u|^2 <= lambda^2 |u|^2` on the cell, because `(a_i . u)(a_j . u) >= 0` there. When the cells
/// cover the space, the dual norm is at most `lambda` and `-L*(dual)` is a lower bound of the optimum.
/// For filters of two entries one multiplier per cell suffices; the format has room for more facets.
///
/// A facet is a row of the stacked patches with a sign, so that cells are known exactly.
///
/// - Source: Sahiner, Ergen, Pauly & Pilanci, *Vector-output ReLU Neural Network Problems are Copositive
///   Programs*, ICLR 2021, for the copositive constraint; that one multiplier suffices in the plane is
///   the S-lemma for two rays. `Certifier.certify(_:multipliers:targetGap:)` checks it.
public struct MultiplierCertificate: Sendable, Equatable, Codable {
  /// A facet: the row `sign * x_row` is not negative on the cell.
  public struct Facet: Sendable, Equatable, Codable {
    /// Index `i K + k` of a patch: patch `k` of sample `i`.
    public var row: Int
    /// 1 or -1.
    public var sign: Int

    /// A facet of given row and sign.
    public init(row: Int, sign: Int) {
      self.row = row
      self.sign = sign
    }
  }

  /// The multiplier of a pair of facets, by their places in the cell's list.
  public struct Multiplier: Sendable, Equatable, Codable {
    /// Place of one facet.
    public var first: Int
    /// Place of the other.
    public var second: Int
    /// `nu >= 0`, in units of the patches.
    public var value: Double

    /// A multiplier of a pair.
    public init(first: Int, second: Int, value: Double) {
      self.first = first
      self.second = second
      self.value = value
    }
  }

  /// One cell; in the plane the first facet is where the cell begins counter-clockwise, the second where it ends.
  public struct Cell: Sendable, Equatable, Codable {
    /// Facets of the cell.
    public var facets: [Facet]
    /// Multipliers that are not zero.
    public var multipliers: [Multiplier]

    /// A cell with its proof.
    public init(facets: [Facet], multipliers: [Multiplier]) {
      self.facets = facets
      self.multipliers = multipliers
    }
  }

  /// Version of the format, 1.
  public var schema = 1
  /// Patch dimension `h`.
  public var patchDimension: Int
  /// Number of samples `n`.
  public var sampleCount: Int
  /// Patches per sample `K`.
  public var patchesPerSample: Int
  /// Pooled outputs per filter `a`.
  public var windowCount: Int
  /// Outputs `c`.
  public var outputCount: Int
  /// Name of the loss.
  public var loss: String
  /// Regularization strength of the mean-loss objective.
  public var lambda: Double
  /// The lower bound that the dual point proves.
  public var lowerBound: Double
  /// `fingerprint(rows:weights:)` of patches and pooling, in hexadecimal.
  public var fingerprint: String
  /// Dual point, `n c` numbers, those of a sample together.
  public var dual: [Double]
  /// Cells in counter-clockwise order, each beginning where the one before ends.
  public var cells: [Cell]

  /// The 64-bit FNV-1a hash of the bits of numbers, to tell data apart; it proves nothing.
  static func fingerprint(_ numbers: [[Double]]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for list in numbers {
      for x in list {
        var bits = (x == 0 ? 0 : x).bitPattern
        for _ in 0..<8 {
          hash = (hash ^ (bits & 0xFF)) &* 0x100_0000_01B3
          bits >>= 8
        }
      }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
