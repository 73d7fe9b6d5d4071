/// What a report shows of a run beside its result: the key `details` of result JSON.
///
/// Every part is bounded, and says how much of it there was.
public struct RunDetails: Sendable, Equatable, Codable {
  /// Limits of the parts.
  public enum Limit {
    /// Rows of a trace.
    public static let traceRows = 500
    /// Neurons of a network.
    public static let neurons = 256
    /// Numbers of a network, filters and output weights together.
    public static let weights = 8192
    /// Mistakes with pictures.
    public static let mistakes = 12
    /// Pixels of a picture in each direction.
    public static let pixels = 64
    /// Classes of a confusion matrix, and of counts.
    public static let classes = 100
  }

  /// The data card.
  public struct DataCard: Sendable, Equatable, Codable {
    /// Training or held-out samples.
    public struct Part: Sendable, Equatable, Codable {
      /// `train` or `test`.
      public let part: String
      /// Number of samples.
      public let sampleCount: Int
      /// Samples of each class; null for regression and above `Limit.classes`.
      public let classCounts: [Int]?
      /// Smallest pixel, before standardization.
      public let minimum: Finite
      /// Largest pixel.
      public let maximum: Finite
      /// Mean of all pixels.
      public let mean: Finite
      /// A 64-bit hash of the bits of all pixels and labels, to tell data apart; it proves nothing.
      public let checksum: String
    }

    /// Name of the data set or of the file of its images.
    public let name: String
    /// Shape `[channels, height, width]` of one sample.
    public let shape: [Int]
    /// Whether samples are signals.
    public let isSignal: Bool
    /// Kind of the labels, for example `classes:10`.
    public let labels: String
    /// Names of the classes; null for regression and above `Limit.classes`.
    public let classNames: [String]?
    /// How pixels or patches were standardized.
    public let standardize: String
    /// The training samples, then the held-out ones if there are any.
    public let parts: [Part]
    /// Where a bundled set comes from; null for files.
    public let origin: String?
    /// Licence of a bundled set; null for files.
    public let license: String?
  }

  /// One neuron.
  public struct Neuron: Sendable, Equatable, Codable {
    /// Its number in the model file, from 0.
    public let index: Int
    /// `|u| |W|_F`.
    public let mass: Double
    /// The filter, channels, rows, columns, and a bias last if there is one.
    public let filter: [Double]
    /// The output weights, window by window.
    public let outputWeights: [Double]
  }

  /// Filters and output weights.
  public struct Weights: Sendable, Equatable, Codable {
    /// Neurons of the network.
    public let neuronCount: Int
    /// Shape `[channels, height, width]` of filters.
    public let filterShape: [Int]
    /// Whether filters have a bias.
    public let hasBias: Bool
    /// Pooled outputs per filter.
    public let windowCount: Int
    /// Network outputs.
    public let outputCount: Int
    /// Biases of the outputs; null without.
    public let outputBias: [Double]?
    /// Neurons of largest mass, in falling order of it.
    public let neurons: [Neuron]
  }

  /// A sample that the network gets wrong.
  public struct Mistake: Sendable, Equatable, Codable {
    /// Its number in its part, from 0.
    public let index: Int
    /// True class or target.
    public let actual: String
    /// Class or value that the network names.
    public let predicted: String
    /// Score of the named class minus score of the true one; for regression the norm of the residual.
    public let margin: Double
    /// The sample, at most `Limit.pixels` each way.
    public let picture: Thumbnail
  }

  /// A small version of a sample.
  public struct Thumbnail: Sendable, Equatable, Codable {
    /// Shape `[channels, height, width]`; one or three channels.
    public let shape: [Int]
    /// The number that is written as byte 0.
    public let low: Double
    /// The number that is written as byte 255.
    public let high: Double
    /// Bytes of the channels one after the other, in base 64.
    public let bytes: String
  }

  /// How predictions agree with labels, and where not.
  public struct Predictions: Sendable, Equatable, Codable {
    /// `test`, or `train` where nothing was held out.
    public let part: String
    /// Loss, accuracy and confusion matrix, whose classes are left out above `Limit.classes`.
    public let evaluation: Evaluation
    /// Samples of another class than the network names; all samples for regression.
    public let mistakeCount: Int
    /// The worst of them.
    public let mistakes: [Mistake]
  }

  /// Rows of the trace, column by column.
  public struct Trace: Sendable, Equatable, Codable {
    /// Rows that the solver wrote.
    public let rowCount: Int
    /// What the solver was doing.
    public let phase: [String]
    /// Iteration or round.
    public let iteration: [Int]
    /// Seconds since the solve began.
    public let seconds: [Double]
    /// Objective.
    public let objective: [Finite]
    /// Lower bound that the solver had.
    public let lowerBound: [Finite]
    /// Dual norm over lambda.
    public let dualNormRatio: [Finite]
    /// Neurons.
    public let neuronCount: [Int]
  }

  /// The data card; null where there is none.
  public var data: DataCard?
  /// The trace; null where there is none.
  public var trace: Trace?
  /// Filters and output weights; null where there is no single network.
  public var weights: Weights?
  /// Predictions on held-out samples, or on training samples; null where there is no single network.
  public var predictions: Predictions?
}
