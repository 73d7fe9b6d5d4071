/// Our side of `Benchmarks/Peers/convolution.py`, which starts this program and asks it by lines on standard input.
@main struct Program {
  static func main() throws { try ConvolutionPeer().serve() }
}
