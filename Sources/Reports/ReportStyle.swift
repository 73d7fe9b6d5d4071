/// The style of pages: system fonts, one column, both themes, paper.
enum ReportStyle {
  /// All rules.
  static var rules: String {
    let light =
      "--paper:#ffffff;--ink:#1f2937;--muted:#4b5563;--rule:#d1d5db;--soft:#f3f5f8;--link:#0b62a4"
    let dark =
      "--paper:#111827;--ink:#e5e7eb;--muted:#b6bfcc;--rule:#374151;--soft:#1b2536;--link:#7cc0ff"
    let lightChart = Markup.chartRules(
      Markup.lightColors, paper: "#ffffff", ink: "#1f2937", grid: "#e5e7eb")
    return Markup.chartStyle + ":root{\(light)}@media (prefers-color-scheme:dark){:root{\(dark)}}"
      + layout + text + tables + shades
      + "@media print{:root{\(light)}\(lightChart)\(printed)}"
  }

  private static let layout = """
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%}
    body{margin:0 auto;padding:1.25rem 1rem 3rem;max-width:58rem;background:var(--paper);\
    color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
    section section{margin-top:2rem}
    main>section{margin-top:3rem;padding-top:.25rem;border-top:1px solid var(--rule)}
    nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.1rem 1.1rem}
    nav ul ul{padding-left:.9rem;border-left:2px solid var(--rule);font-size:.9375rem}
    nav>ul{flex-direction:column;gap:.5rem}
    nav a{display:inline-block;padding:.2rem 0}
    .skip{position:absolute;left:-99rem}
    .skip:focus{position:static}
    .chart{display:block;max-width:100%;height:auto;margin:.5rem 0}
    .narrow{display:none}
    @media (max-width:46rem){.wide{display:none}.narrow{display:block}}
    .figures{display:flex;flex-wrap:wrap;gap:1rem .9rem;margin:1rem 0}
    figure{margin:0;display:flex;flex-direction:column;gap:.3rem;max-width:100%}
    figure img{image-rendering:pixelated;border:1px solid var(--rule);max-width:100%}
    figcaption{font-size:.8125rem;line-height:1.35;color:var(--muted);width:min-content;\
    min-width:100%}
    .plot{margin:1.4rem 0}
    .plot figcaption{font-size:1rem;font-weight:600;color:var(--ink);width:auto}

    """

  private static let text = """
    h1,h2,h3{line-height:1.25;font-weight:600;margin:0 0 .6rem;overflow-wrap:anywhere}
    h1{font-size:1.7rem}h2{font-size:1.35rem;margin-top:1rem}h3{font-size:1.1rem}
    p{margin:0 0 .8rem;overflow-wrap:anywhere;max-width:44rem}
    a{color:var(--link)}
    a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);\
    outline-offset:2px;border-radius:2px}
    .claim{font-size:1.1rem;padding:.7rem .9rem;background:var(--soft);\
    border-left:4px solid var(--link)}
    .note,footer{font-size:.9375rem;color:var(--muted)}
    footer{margin-top:3rem;border-top:1px solid var(--rule);padding-top:.8rem}
    .facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.9rem 1rem;\
    margin:1rem 0}
    dt{font-size:.8125rem;color:var(--muted)}
    dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
    summary{cursor:pointer;padding:.35rem 0;color:var(--link)}
    details{margin:.4rem 0}

    """

  private static let tables = """
    .scroll{overflow-x:auto;margin:.6rem 0 1rem;max-width:100%}
    table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
    caption{text-align:left;color:var(--muted);padding-bottom:.3rem}
    th,td{padding:.28rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}
    thead th{border-bottom:2px solid var(--rule);white-space:nowrap}
    th{font-weight:600}tbody th{font-weight:500}
    .n{text-align:right;white-space:nowrap}
    .w{min-width:18rem}
    .pairs .n{text-align:left}
    .matrix th,.matrix td{padding:.25rem .45rem;text-align:center;border:1px solid var(--rule)}
    .z{color:var(--muted)}
    @media (max-width:46rem){.matrix th,.matrix td{padding:.25rem .3rem;font-size:.8125rem}}

    """

  /// Nine steps of orange and of blue that keep text readable in both themes.
  private static var shades: String {
    (1...9).map { step in
      let opacity = 6 * step
      let share = opacity < 10 ? "0.0\(opacity)" : "0.\(opacity)"
      return ".p\(step){background:rgba(217,105,6,\(share))}"
        + ".q\(step){background:rgba(37,99,235,\(share))}"
    }.joined()
  }

  private static let printed = """
    nav,.skip{display:none}
    body{max-width:none;padding:0;font-size:10pt}
    .scroll{overflow:visible}
    details::details-content{content-visibility:visible;display:block}
    figure,.facts,tr{break-inside:avoid}
    h2,h3,summary,caption{break-after:avoid}
    *{print-color-adjust:exact}
    """
}
