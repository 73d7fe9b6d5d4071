public import Certificates
import Formats

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension MultiplierCertificate {
  /// The JSON of the certificate, in one line.
  ///
  /// - Returns: Text whose numbers are read back as the same bits.
  /// - Throws: `EncodingError` when a number is not finite.
  public func text() throws -> String { try JSON.line(of: self) + "\n" }

  /// Reads a certificate from a file.
  ///
  /// - Parameter path: A JSON file that `text` wrote.
  /// - Throws: `FormatError` when the file cannot be read, `InputError` when it is not of that form; nothing else is checked
  ///   here.
  public init(contentsOf path: String) throws {
    let data = Data(try FileBytes.read(path))
    do {
      self = try JSONDecoder().decode(MultiplierCertificate.self, from: data)
    } catch {
      throw InputError(
        .data, path, expected: "multipliers as certify --multipliers writes them",
        found: "\(data.count) bytes of another form", advice: "Write the file again.")
    }
  }
}
