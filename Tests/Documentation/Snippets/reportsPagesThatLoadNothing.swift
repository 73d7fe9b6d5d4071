// Made by `make snippets` from Sources/Reports/Reports.docc/PagesThatLoadNothing.md: change it there.
import Reports

/// The Swift blocks of `Sources/Reports/Reports.docc/PagesThatLoadNothing.md`.
func reportsPagesThatLoadNothing() throws {
  let gaps = Chart(
    title: "Relative gap", summary: "The gap falls from 0.5 to 0.001 in three rounds.",
    horizontal: Chart.Axis("round"), vertical: Chart.Axis("gap", scale: .logarithmic),
    series: [
      Chart.Series(
        "gap", [Chart.Point(1, 0.5), Chart.Point(2, 0.02), Chart.Point(3, 0.001)])
    ])
  let page = ReportPage(
    title: "A <small> run", blocks: [.claim("Proven over all cells.")],
    sections: [
      ReportPage.Section(
        "Numbers",
        [
          .facts([
            ReportPage.Fact("objective", ReportTable.Cell(digits: "0.3516942", text: "0.352"))
          ])
        ]),
      ReportPage.Section("Progress", [.chart(gaps)]),
    ],
    footer: "Made for this article.")
  let html = try page.html()
  print("escaped:", html.contains("A &lt;small&gt; run"))
  print("digits kept:", html.contains("0.3516942"))
  print("scripts:", html.contains("<script"), "- drawn as SVG:", html.contains("<svg"))
  print("--- end of block ---")
}
