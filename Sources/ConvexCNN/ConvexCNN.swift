@_exported public import Arrangements
@_exported public import Certificates
@_exported public import ConvexPrograms
@_exported public import Convolutions
@_exported public import Formats
@_exported public import Solvers
@_exported public import Tensors

/// Name and version of the package, as recorded in models and results.
public enum Package {
  /// The version, major.minor.patch.
  public static let version = "0.1.0"
  /// Version of the layout of model files and result JSON.
  public static let schema = 1
}
