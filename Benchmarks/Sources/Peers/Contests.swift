/// All tasks of the comparison: the "numbers to beat" and what surrounds them.
enum Contests {
  /// Names of the groups, in the order of the table.
  static let groups = [
    "exact", "gated-cnn", "gated-dense", "relu-cells", "relu-dense", "training", "path",
    "quadratic", "enumeration",
  ]

  /// Every contest, in the order of the groups.
  static let all =
    exact + gatedConvolutional + gatedDense + relu + training + path + quadratic + enumeration

  private static func exactProgram(
    _ problem: String, filter: Int, target: Double, megabytes: Double? = nil,
    allRows: Contest.Peer? = nil, isSlow: Bool = false
  ) -> Contest {
    Contest(
      "exact", "\(problem) exact ReLU, gap 1e-6", problem: problem,
      "train --filter \(filter) --pooling sum --lambda-ratio 0.05 --gap 1e-6", kind: .exact,
      targetSeconds: target, targetMegabytes: megabytes, isSlow: isSlow,
      peers: [
        Contest.Peer("ECOS, facets", "exact.py --solver ECOS --rows facets"),
        Contest.Peer("Clarabel, facets", "exact.py --solver CLARABEL --rows facets"),
      ] + (allRows.map { [$0] } ?? []))
  }

  private static let exact = [
    exactProgram(
      "EX-2-20", filter: 2, target: 0.02,
      allRows: .init("Clarabel, all rows", "exact.py --solver CLARABEL --rows all")),
    exactProgram(
      "EX-2-80", filter: 2, target: 0.2,
      allRows: .init("Clarabel, all rows", "exact.py --solver CLARABEL --rows all", .slow)),
    exactProgram("EX-2-320", filter: 2, target: 3, isSlow: true),
    exactProgram(
      "EX-3-8", filter: 3, target: 0.5,
      allRows: .init("Clarabel, all rows", "exact.py --solver CLARABEL --rows all")),
    exactProgram(
      "EX-3-10", filter: 3, target: 0.5,
      allRows: .init("Clarabel, all rows", "exact.py --solver CLARABEL --rows all", .slow)),
    exactProgram("EX-3-20", filter: 3, target: 4, megabytes: 200, isSlow: true),
  ]

  private static func gated(_ count: Int, gap: String) -> String {
    "train --filter 3x3 --pooling sum --activation gated --cells sample:\(count) --gates gaussian "
      + "--lambda 0.01 --gap \(gap)"
  }

  private static let gatedConvolutional = [
    Contest(
      "gated-cnn", "CNN-38 gated P = 50, gap 1e-6", problem: "CNN-38", gated(50, gap: "1e-6"),
      kind: .gated,
      peers: [
        .init("Clarabel", "gated.py --method clarabel"),
        .init("FISTA on Z", "gated.py --method fista --gap 1e-6"),
      ]),
    Contest(
      "gated-cnn", "CNN-38 gated P = 200, gap 1 %", problem: "CNN-38", gated(200, gap: "1e-2"),
      kind: .gated, targetSeconds: 0.5,
      peers: [.init("FISTA on Z", "gated.py --method fista --gap 1e-2")]),
    Contest(
      "gated-cnn", "CNN-38 gated P = 200, gap 1e-6", problem: "CNN-38", gated(200, gap: "1e-6"),
      kind: .gated, targetSeconds: 1,
      peers: [
        .init("Clarabel", "gated.py --method clarabel"),
        .init("FISTA on Z", "gated.py --method fista --gap 1e-6"),
      ]),
    Contest(
      "gated-cnn", "CNN-38 gated P = 995, gap 1e-6", problem: "CNN-38", gated(995, gap: "1e-6"),
      kind: .gated, targetSeconds: 4, targetMegabytes: 300, isSlow: true,
      peers: [.init("Clarabel", "gated.py --method clarabel", .slow)]),
  ]

  private static func dense(_ activation: String, gap: String) -> String {
    "train --filter 8x8 --pooling sum --activation \(activation) --cells sample:91 "
      + "--gates gaussian --lambda 0.001 --gap \(gap)"
  }

  private static let gatedDense = [
    Contest(
      "gated-dense", "FC-38 gated P = 91, gap 1 %", problem: "FC-38", dense("gated", gap: "1e-2"),
      kind: .gated, targetSeconds: 0.5,
      peers: [
        .init("Clarabel", "gated.py --method clarabel"),
        .init("pyscnn R-FISTA, 1e-6", "gated.py --method scnn --tolerance 1e-6"),
        .init("pyscnn R-FISTA, 1e-10", "gated.py --method scnn --tolerance 1e-10", .slow),
      ])
  ]

  private static let relu = [
    Contest(
      "relu-cells", "CNN-38 ReLU P = 50, gap 1e-6", problem: "CNN-38",
      "train --filter 3x3 --pooling sum --activation relu --cells sample:50 --gates gaussian "
        + "--lambda 0.01 --gap 1e-6", kind: .relu, targetSeconds: 3,
      peers: [
        .init("Clarabel, lazy rows", "relu_cells.py --rows lazy"),
        .init("Clarabel, all rows", "relu_cells.py --rows all", .slow),
      ]),
    Contest(
      "relu-dense", "FC-38 ReLU P = 91, gap 1e-6", problem: "FC-38", dense("relu", gap: "1e-6"),
      kind: .relu, targetSeconds: 5, isSlow: true,
      peers: [
        .init("Clarabel, lazy rows", "relu_cells.py --rows lazy", .slow),
        .init("Clarabel, all rows", "relu_cells.py --rows all", .slow),
      ]),
  ]

  private static func trained(_ problem: String, filter: Int, width: Int) -> Contest {
    Contest(
      "training", "\(problem), to 1 % (ccnn: proven to 1e-6)", problem: problem,
      "train --filter \(filter) --pooling sum --lambda-ratio 0.05 --gap 1e-6", kind: .exact,
      peers: [
        .init(
          "torch Adam 1e-2", "training.py --optimizer adam --rate 1e-2 --width \(width)", .once),
        .init("torch SGD 1e-2", "training.py --optimizer sgd --rate 1e-2 --width \(width)", .once),
        .init("torch SGD 1e-1", "training.py --optimizer sgd --rate 1e-1 --width \(width)", .once),
        .init("torch L-BFGS", "training.py --optimizer lbfgs --width \(width)", .once),
      ])
  }

  private static let training = [
    trained("EX-2-20", filter: 2, width: 200),
    trained("EX-2-80", filter: 2, width: 50),
    trained("EX-3-8", filter: 3, width: 50),
  ]

  private static let path = [
    Contest(
      "path", "FC-38 gated P = 431, 100 strengths, gap 1e-4 each", problem: "FC-38",
      "path --filter 8x8 --pooling sum --activation gated --cells sample:431 --gates gaussian "
        + "--points 100 --min-ratio 0.001 --gap 1e-4", kind: .other, targetSeconds: 5,
      isSlow: true, peers: [.init("adelie, 1e-7", "path.py --points 100 --ratio 1e-3")])
  ]

  private static func quadratic(_ filter: Int, strength: String) -> Contest {
    Contest(
      "quadratic", "CNN-38, \(filter)x\(filter) quadratic, gap 1e-6", problem: "CNN-38",
      "train --filter \(filter)x\(filter) --pooling sum --activation quadratic "
        + "--lambda \(strength) --gap 1e-6", kind: .other,
      peers: [
        .init("Clarabel, nuclear norm", "quadratic.py --filter \(filter) --solver CLARABEL"),
        .init("SCS, nuclear norm", "quadratic.py --filter \(filter) --solver SCS"),
      ])
  }

  private static let quadratic = [
    quadratic(3, strength: "0.1"), quadratic(7, strength: "0.1"),
  ]

  private static func listing(_ problem: String, peers: [Contest.Peer]) -> Contest {
    Contest(
      "enumeration", "\(problem), all cells", problem: problem, "enumerate --filter 3",
      kind: .other, peers: peers)
  }

  private static let vertices = Contest.Peer(
    "NumPy, vertices", "enumeration.py --method vertices")

  /// The tree of Rada and Cerny, and the reverse search of Avis and Fukuda.
  private static func byPrograms(_ pace: Contest.Pace) -> [Contest.Peer] {
    [
      .init("tree of linear programs", "enumeration.py --method linear-programs", pace),
      .init("reverse search", "enumeration.py --method reverse-search", pace),
    ]
  }

  private static let enumeration = [
    listing("EX-3-4", peers: [vertices] + byPrograms(.once)),
    listing("EX-3-8", peers: [vertices] + byPrograms(.slow)),
    listing("EX-3-20", peers: [vertices]),
  ]
}
