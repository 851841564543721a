// The style of report.html: light and dark by what the reader's system says, and paper. No font, image or program is loaded
// from anywhere. Colours of series are told apart by people who see few colours (after Okabe and Ito).

/** CSS of the page. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --panel: #f6f8fa; --grid: #d8dee4;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #b8860b; --c5: #6e7781; --c6: #56b4e9; --c7: #8250df; --c8: #1b1f24; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --paper: #0d1117; --panel: #161b22; --grid: #30363d;
  --c0: #58a6ff; --c1: #ff8f4d; --c2: #3fd19b; --c3: #e7a3c8; --c4: #e3b341; --c5: #8b949e; --c6: #79c0ff; --c7: #bc8cff; --c8: #e6edf3; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--grid); padding-bottom: .3rem; }
h3 { font-size: 1.02rem; margin: 0 0 .4rem; }
ul.facts { padding-left: 1.1rem; color: var(--soft); font-size: .92rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 1.25rem; }
figure.plot { margin: 0; padding: 1rem; background: var(--panel); border: 1px solid var(--grid); border-radius: .5rem; break-inside: avoid; }
figure.plot svg { display: block; width: 100%; height: auto; font: 13px system-ui, sans-serif; }
figcaption, .note { color: var(--soft); font-size: .85rem; }
svg text { fill: var(--soft); } svg text.label { fill: var(--ink); } svg text.value { fill: var(--ink); }
svg .grid { stroke: var(--grid); stroke-width: 1; } svg .axis { stroke: var(--soft); stroke-width: 1.25; }
svg .line { fill: none; stroke: currentColor; stroke-width: 2.25; } svg .broken { stroke-width: 1.5; }
svg .d0 { stroke-dasharray: 6 4; } svg .d1 { stroke-dasharray: 2 3; } svg .d2 { stroke-dasharray: 9 3 2 3; }
svg circle, svg polygon, svg rect { fill: currentColor; } svg .range { stroke: var(--ink); stroke-width: 1.5; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .15rem 1rem; padding: 0; margin: 0 0 .4rem; font-size: .85rem; }
.legend li { display: flex; align-items: center; gap: .4em; } .legend svg.sample { width: 30px; height: 12px; flex: none; }
.s0 { color: var(--c0); } .s1 { color: var(--c1); } .s2 { color: var(--c2); } .s3 { color: var(--c3); } .s4 { color: var(--c4); }
.s5 { color: var(--c5); } .s6 { color: var(--c6); } .s7 { color: var(--c7); } .s8 { color: var(--c8); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; margin: .4rem 0 1.2rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--grid); text-align: right; white-space: nowrap; } th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 600; } tr.tier td:first-child { font-weight: 600; }
details > summary { cursor: pointer; font-weight: 600; }
@media print { :root { --ink: #000; --soft: #333; --paper: #fff; --panel: #fff; --grid: #bbb; } body { max-width: none; padding: 0; font-size: 11pt; }
  .plots { grid-template-columns: 1fr 1fr; } table { break-inside: avoid; } h2 { break-after: avoid; } }
`;
