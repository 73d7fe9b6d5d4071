extension CertifiedOptimum {
  /// Optima of the nuclear and of the doubly nonnegative relaxation, mean loss, in the order of `all`.
  ///
  /// Printed by `Tests/Oracles/copositive_relaxations.py`, 27 November 2026:
  /// cvxpy 1.9.3, clarabel 0.11.1, numpy 2.4.6, scipy 1.17.1.
  public static let relaxations: [(nuclear: Double, relaxed: Double)] = [
    (nuclear: 0.013135904946204388, relaxed: 0.04535318843669292),
    (nuclear: 0.013623282531287619, relaxed: 0.07200908005727286),
    (nuclear: 0.022876301186943965, relaxed: 0.13102897800429023),
    (nuclear: 0.11187808254575626, relaxed: 0.15150280468545982),
    (nuclear: 0.018861653373855577, relaxed: 0.04246994103159683),
    (nuclear: 0.19204907239663213, relaxed: 0.5340950645292676),
    (nuclear: 0.1402983683969449, relaxed: 0.42987203487207787),
    (nuclear: 0.06569648237541258, relaxed: 0.0991903168541941),
    (nuclear: 0.08256417557659188, relaxed: 0.14911249688792022),
    (nuclear: 0.26518663692654415, relaxed: 0.4257746417951471),
    (nuclear: 0.3751298956832525, relaxed: 0.6664026604476083),
    (nuclear: 0.10957302690517455, relaxed: 0.19440178158172963),
    (nuclear: 0.1091168655121528, relaxed: 0.2606043546559681),
    (nuclear: 0.1205454101239168, relaxed: 0.1749636792526003),
    (nuclear: 0.036360585537014614, relaxed: 0.1544223907618676),
    (nuclear: 0.029945463109143144, relaxed: 0.11151890699972296),
    (nuclear: 0.08142759444271548, relaxed: 0.3214013494355437),
    (nuclear: 0.014033352316125472, relaxed: 0.024648323844826483),
    (nuclear: 0.06417683664110246, relaxed: 0.06876546531489656),
  ]
}
