#!/usr/bin/env python3
"""Makes pages with ccnn and reads them in a headless Chromium.

    report.py CCNN [--screenshots DIR]

Asks of each page: no message in the console, no request but for itself and its own pictures; at two widths and in both
themes it fits, charts are shown once and are legible, and text stands out; what can be operated is reached by the
keyboard and shows it; pictures, drawings and tables have words; and every number is the one of the JSON, digit by digit.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import chromium  # noqa: E402

WIDTHS, THEMES = (390, 1280), ("light", "dark")
HOSTILE = "a<script>hacked=1<b onload=hacked=1>&\"'.json"
failures = []


def expect(condition, words):
    """Notes a failure and goes on."""
    if not condition:
        failures.append(words)
        print(f"report.py: {words}", file=sys.stderr)


def make_results(tool, folder):
    """Result files of all kinds, made in seconds."""
    def run(*arguments):
        subprocess.run([tool, *arguments, "--quiet"], cwd=folder, check=True)

    digits = ["--dataset", "digits-parity", "--filter", "2x2", "--loss", "squared",
              "--lambda-ratio", "0.1"]
    run("train", *digits, "--gap", "1e-2", "--max-seconds", "6", "--json", HOSTILE,
        "--report", "train.html")
    run("baseline", *digits, "--width", "8", "--epochs", "100", "--seeds", "2", "--json",
        "adam.json")
    wave = ["--dataset", "waveform", "--filter", "5", "--pooling", "average:1x4", "--bias",
            "--activation", "gated", "--cells", "sample:8"]
    run("train", *wave, "--lambda-ratio", "0.05", "--json", "wave.json", "--output",
        "wave.safetensors")
    run("path", *wave, "--points", "5", "--select", "held-out", "--breakpoints", "--json",
        "path.json")
    run("certify", "--model", "wave.safetensors", "--dataset", "waveform", "--json",
        "certify.json")
    run("evaluate", "--model", "wave.safetensors", "--dataset", "waveform", "--json",
        "evaluate.json")
    names = [HOSTILE, "adam.json", "wave.json", "path.json", "certify.json", "evaluate.json"]
    subprocess.run([tool, "report", *names, "--output", "all.html"], cwd=folder, check=True)
    return names


class Digits(str):
    """A number of JSON as it is written."""


def leaves(value, key=""):
    """All numbers of a document with their keys."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{key}[{index}]")
    elif isinstance(value, Digits):
        yield key, str(value)


# Numbers that are no results: shapes, indices and the ranges of pictures.
STRUCTURE = re.compile(
    r"details\.(data\.shape|trace\.rowCount|predictions\.mistakeCount|weights\.(neuronCount|filterShape|windowCount"
    r"|outputCount|neurons\[\d+\]\.index)|predictions\.mistakes\[\d+\]\.(index|picture))"
    r"|^breakpoints\[\d+\]\.direction|^runs\[\d+\]\.(curvature|maskedCurvature)"
    r"|^selection\.|\.schema$")


def check_numbers(browser, folder, names):
    """Compares all numbers of the page with those of the files, in both directions."""
    shown = browser.evaluate(
        "[...document.querySelectorAll('[data-key]')].map(e => [e.closest('[data-file]')"
        ".dataset.file, e.dataset.key, e.dataset.value ?? e.textContent])")
    count = 0
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            expected = dict(leaves(json.load(file, parse_float=Digits, parse_int=Digits)))
        found = {}
        for file_name, key, digits in shown:
            if file_name == name:
                expect(expected.get(key) == digits,
                       f"{name}, {key}: expected {expected.get(key)}, found {digits}")
                found[key] = digits
        missing = [key for key in expected if key not in found and not STRUCTURE.search(key)]
        expect(not missing, f"{name}: expected all numbers, missing {missing[:5]}")
        count += len(found)
    return count


LOOKS = """(() => {
  const color = text => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const light = rgb => { const c = rgb.map(v => v / 255).map(v =>
    v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const paper = color(getComputedStyle(document.body).backgroundColor);
  const ink = (e, what) => ratio(color(getComputedStyle(e)[what]), paper);
  const visible = e => e.getClientRects().length > 0;
  const charts = [...document.querySelectorAll('figure.plot')];
  const letters = [...document.querySelectorAll('svg text')].filter(visible);
  const size = e => 13 * e.ownerSVGElement.getBoundingClientRect().width
    / e.ownerSVGElement.viewBox.baseVal.width;
  const boxes = [...document.querySelectorAll('svg')].filter(visible).flatMap(s => {
    const all = s.getBoundingClientRect();
    return [...s.querySelectorAll('text')].filter(t => { const r = t.getBoundingClientRect();
      return r.left < all.left - 1 || r.right > all.right + 1; }).map(t => t.textContent); });
  const hits = [...document.querySelectorAll('svg')].filter(visible).flatMap(s => {
    const all = [...s.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
    return all.flatMap(([a, p], i) => all.slice(i + 1).filter(([, q]) =>
      p.left < q.right && q.left < p.right && p.top + 3 < q.bottom && q.top + 3 < p.bottom)
      .map(([b]) => a.textContent + ' | ' + b.textContent)); });
  return {
    hits, paper: light(paper), wide: document.documentElement.scrollWidth, window: innerWidth,
    shown: charts.map(c => [...c.querySelectorAll('svg')].filter(visible).length),
    text: Math.min(...[...document.querySelectorAll('p,dt,dd,th,td,a,summary,figcaption')]
      .filter(visible).map(e => ink(e, 'color'))),
    letters: Math.min(21, ...letters.map(e => ink(e, 'fill'))),
    size: Math.min(99, ...letters.map(size)), cut: boxes,
    lines: Math.min(21, ...[...document.querySelectorAll('polyline.line')].filter(visible)
      .map(e => ink(e, 'stroke'))),
    lean: [...document.querySelectorAll('table.rows td')].filter(visible).filter(e => {
      const all = document.createRange(); all.selectNodeContents(e);
      return new Set([...all.getClientRects()].map(r => Math.round(r.top))).size > 8; })
      .map(e => e.textContent),
  }; })()"""


def check_looks(browser, name, width, theme):
    """Layout and contrast at one width in one theme."""
    browser.show(width, theme)
    looks = browser.evaluate(LOOKS)
    place = f"{name} at {width} in {theme}"
    expect(looks["wide"] <= looks["window"], f"{place}: the page scrolls sideways: {looks}")
    expect(all(n == 1 for n in looks["shown"]), f"{place}: charts shown {looks['shown']} times")
    expect((looks["paper"] > 0.5) == (theme == "light"), f"{place}: paper {looks['paper']}")
    expect(looks["text"] >= 4.5, f"{place}: contrast of text {looks['text']}")
    expect(looks["letters"] >= 4.5, f"{place}: contrast of letters in charts {looks['letters']}")
    expect(looks["lines"] >= 3, f"{place}: contrast of lines {looks['lines']}")
    expect(looks["size"] >= 10.5, f"{place}: letters of {looks['size']} pixels in charts")
    expect(not looks["cut"], f"{place}: text runs out of its chart: {looks['cut'][:5]}")
    expect(not looks["hits"], f"{place}: text over text: {looks['hits'][:5]}")
    expect(not looks["lean"], f"{place}: cells of more than eight lines: {looks['lean'][:2]}")


def check_words(browser, name):
    """Headings, captions, and the accessibility tree that screen readers see."""
    facts = browser.evaluate("""(() => {
      const all = q => [...document.querySelectorAll(q)];
      const levels = all('h1,h2,h3,h4,h5,h6').map(h => Number(h.tagName[1]));
      const ids = all('[id]').map(e => e.id);
      return { h1: levels.filter(l => l === 1).length,
        jumps: levels.filter((l, i) => i > 0 && l > levels[i - 1] + 1).length,
        doubles: ids.length - new Set(ids).size, scripts: all('script').length,
        hacked: typeof hacked, alts: all('img').filter(i => !i.alt).length,
        broken: all('img').filter(i => !i.complete || !i.naturalWidth).length,
        captions: all('table').filter(t => !t.caption || !t.caption.textContent).length,
        targets: all('nav a').filter(a => !document.querySelector(a.getAttribute('href'))).length,
        handlers: all('*').filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length,
        lang: document.documentElement.lang }; })()""")
    expected = dict(h1=1, jumps=0, doubles=0, scripts=0, hacked="undefined", alts=0, broken=0,
                    captions=0, targets=0, handlers=0, lang="en")
    expect(facts == expected, f"{name}: expected {expected}, found {facts}")
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    images = [n for n in tree if n.get("role", {}).get("value") in ("image", "img")
              and not n.get("ignored")]
    nameless = [n for n in images if not n.get("name", {}).get("value")]
    expect(images and not nameless, f"{name}: {len(nameless)} of {len(images)} images have no name")
    return len(images)


def check_keyboard(browser, name):
    """Tab reaches every link, summary and scrolling box in order, with an outline; Enter opens details."""
    browser.show(1280, "light")
    browser.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    expected = browser.evaluate("""(() => { window.stops = [...document.querySelectorAll(
      'a,summary,.scroll')].filter(e => e.checkVisibility()); return stops.length; })()""")
    for index in range(expected):
        browser.press("Tab", 9)
        state = browser.evaluate(f"""(() => {{ const e = document.activeElement;
          const s = getComputedStyle(e);
          return [stops.indexOf(e), s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2,
            e.outerHTML.slice(0, 60)]; }})()""")
        expect(state[0] == index, f"{name}: Tab {index} reached {state[2]}")
        expect(state[1], f"{name}: no outline at {state[2]}")
        if state[0] != index:
            return expected
    browser.evaluate("document.querySelector('summary').focus()")
    browser.press("Enter", 13)
    expect(browser.evaluate("document.querySelector('details').open"),
           f"{name}: Enter does not open details")
    return expected


def check_page(browser, path, screenshots):
    """Everything but the numbers."""
    name = os.path.basename(path)
    browser.open(path)
    loaded = [url for url in browser.requests() if not url.startswith("data:image/png;base64,")]
    expect(loaded == ["file://" + path], f"{name}: requests {loaded}")
    for width in WIDTHS:
        for theme in THEMES:
            check_looks(browser, name, width, theme)
            if screenshots:
                os.makedirs(screenshots, exist_ok=True)
                stem = name.removesuffix(".html")
                browser.screenshot(os.path.join(screenshots, f"{stem}-{width}-{theme}.png"))
    browser.show(800, "dark", media="print")
    printed = browser.evaluate("[getComputedStyle(document.querySelector('nav')).display,"
                               "getComputedStyle(document.body).color]")
    expect(printed == ["none", "rgb(31, 41, 55)"], f"{name}: printed {printed}")
    hidden = browser.evaluate("[...document.querySelectorAll('details table')]"
                              ".filter(e => !e.checkVisibility()).length")
    expect(hidden == 0, f"{name}: {hidden} tables are not printed")
    browser.show(1280, "light")
    images = check_words(browser, name)
    stops = check_keyboard(browser, name)
    expect(browser.complaints() == [], f"{name}: console {browser.complaints()}")
    return images, stops


def main():
    """Runs all checks."""
    tool = os.path.abspath(sys.argv[1])
    screenshots = sys.argv[3] if sys.argv[2:3] == ["--screenshots"] else None
    path = chromium.find()
    if path is None:
        sys.exit("report.py: expected Chromium or Chrome on the PATH, found none. Install chromium.")
    with tempfile.TemporaryDirectory(prefix="ccnn-report-") as folder:
        folder = os.path.realpath(folder)
        names = make_results(tool, folder)
        with chromium.Browser(path) as browser:
            for page in ("train.html", "all.html"):
                images, stops = check_page(browser, os.path.join(folder, page), screenshots)
                numbers = check_numbers(browser, folder, names[:1] if page == "train.html" else names)
                print(f"{page}: {numbers} numbers as in the JSON, {images} images with names, "
                      f"{stops} stops of the keyboard, {len(WIDTHS)} widths in {len(THEMES)} themes")
    if failures:
        sys.exit(f"report.py: {len(failures)} expectations failed.")


if __name__ == "__main__":
    main()
