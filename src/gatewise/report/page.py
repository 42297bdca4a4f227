"""The page around a report: its frame, its style for screen, phone and paper, and the few lines that draw."""

from __future__ import annotations

from string import Template

from gatewise.evaluation.verdict import COLOURS

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
$body
<footer>Made by gatewise. This file is whole: it needs no network and sends nothing.</footer>
</main>
$data
<script>$plotly</script>
<script>$draw</script>
</body>
</html>
""")

STYLE = """
:root { --ink: #1d2530; --quiet: #67717f; --line: #e4e7ec; --model: #0b5cad; --wash: #f6f8fa; color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto,
  sans-serif; -webkit-text-size-adjust: 100%; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 64px; }
h1, h2, .headline { font-family: Charter, "Iowan Old Style", "Palatino Linotype", Georgia, "Times New Roman", serif;
  font-weight: 600; line-height: 1.2; text-wrap: balance; }
h1 { font-size: 2rem; margin: 0 0 24px; overflow-wrap: anywhere; }
h2 { font-size: 1.45rem; margin: 56px 0 12px; padding-top: 20px; border-top: 1px solid var(--line); }
h3 { font-size: .95rem; margin: 0 0 4px; font-weight: 600; }
.brand { margin: 0 0 6px; color: var(--quiet); font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; }
.verdict { border-left: 5px solid var(--tone); background: var(--wash); padding: 18px 22px; }
.verdict p { margin: 0; } .verdict .headline { font-size: 1.5rem; color: var(--tone); margin-bottom: 8px; }
.grid { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 20px 32px; }
.grid > * { grid-column: 1 / -1; min-width: 0; margin: 0; }
.grid > .half { grid-column: span 1; }
figure { break-inside: avoid; } .plot { width: 100%; }
figcaption { color: var(--quiet); font-size: .86rem; line-height: 1.45; margin-top: 4px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
.caption { color: var(--quiet); font-size: .86rem; margin: 0 0 8px; }
th, td { padding: 7px 12px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
tbody th { text-align: left; font-weight: 500; position: sticky; left: 0; background: #fff; }
thead th { color: var(--quiet); font-weight: 600; border-bottom: 2px solid var(--line); }
td b { display: block; font-weight: 500; } td small { color: var(--quiet); font-size: .76rem; }
td.model { background: #f0f5fb; } td.model b { font-weight: 700; color: var(--model); }
td.tone { color: var(--tone); font-weight: 600; text-align: left; }
td.best b { text-decoration: underline; text-underline-offset: 3px; text-decoration-thickness: 2px; }
tr.difference th { white-space: normal; min-width: 150px; } tr.difference > * { border-top: 2px solid var(--line); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); gap: 28px 40px; }
dl { margin: 0; font-size: .9rem; }
dl > div { display: flex; justify-content: space-between; gap: 16px; padding: 5px 0;
  border-bottom: 1px solid var(--line); }
dt { color: var(--quiet); flex: none; } dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.columns dl { columns: 2; column-gap: 40px; } .columns dl > div { break-inside: avoid; }
details summary { cursor: pointer; color: var(--model); font-size: .92rem; padding: 4px 0; }
pre { background: var(--wash); padding: 16px; overflow-x: auto; font-size: .8rem; }
ul { padding-left: 20px; } li { margin-bottom: 6px; }
footer { margin-top: 56px; color: var(--quiet); font-size: .82rem; border-top: 1px solid var(--line);
  padding-top: 14px; }
@media screen and (max-width: 760px) {
  main { padding: 24px 16px 48px; } h1 { font-size: 1.5rem; } h2 { margin-top: 40px; }
  .grid > .half { grid-column: 1 / -1; } .columns dl { columns: 1; } th, td { padding: 7px 8px; }
}
@media print {
  @page { margin: 14mm; }
  main { max-width: none; padding: 0; } body { font-size: 10.5pt; } h2 { break-after: avoid; margin-top: 28px; }
  table { font-size: 8pt; } .facts > div { break-inside: avoid; }
  th, td { padding: 4px 6px; } .scroll { overflow: visible; }
  td.model, .verdict, pre { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  tbody th { position: static; } tr { break-inside: avoid; } .facts { grid-template-columns: 1fr 1fr; }
  .plot .svg-container, .plot .main-svg { width: 100% !important; height: 100% !important; }
}
"""
STYLE += " ".join(f".{tone} {{ --tone: {colours.page}; }}" for tone, colours in COLOURS.items())

DRAW = """
for (const script of document.querySelectorAll("script.figure")) {
  const figure = JSON.parse(script.textContent);
  const plot = document.getElementById(script.dataset.plot);
  // On paper the page is narrower than on screen: with a view box the drawing shrinks to its frame.
  const frame = () => plot.querySelectorAll(".main-svg").forEach((svg) =>
    svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`));
  Plotly.newPlot(plot, figure.data, figure.layout, {responsive: true, displayModeBar: false}).then(() => {
    frame();
    plot.on("plotly_afterplot", frame);
  });
}
"""
