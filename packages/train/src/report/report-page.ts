// A report as one HTML file that needs nothing else: no scripts, no fonts, no other files, light and dark. What stands in
// it is made by loss-figure.ts, gate-figure.ts, or a table here. Not here: what is measured.

import { escapeHtml } from "./html-text.js";

/** A part of a report. */
export interface ReportSection {
  readonly title: string;
  /** Markup that figures and tables of this package made; text of others has to be escaped. */
  readonly html: string;
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--back:#fff;--grid:#d8dee4;--heat:255,140,0;--c0:#0969da;--c1:#cf222e;--c2:#1a7f37}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--back:#0d1117;--grid:#30363d;--c0:#58a6ff;--c1:#ff7b72;--c2:#3fb950}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:820px;margin:2em auto;padding:0 1em}
svg{width:100%;height:auto}svg text{font-size:12px;fill:var(--ink)}
.grid{stroke:var(--grid)}.level{stroke:var(--ink);stroke-dasharray:4 4}
polyline{fill:none;stroke-width:2}polyline.s0{stroke:var(--c0)}polyline.s1{stroke:var(--c1)}polyline.s2{stroke:var(--c2)}
circle.s0{fill:var(--c0)}circle.s1{fill:var(--c1)}circle.s2{fill:var(--c2)}
svg text.s0{fill:var(--c0)}svg text.s1{fill:var(--c1)}svg text.s2{fill:var(--c2)}
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid var(--grid);padding:.25em .6em;text-align:left}
.heat{white-space:pre-wrap;line-height:1.9}.t{background:rgba(var(--heat),calc(var(--g)*.9));border-radius:3px;padding:.1em 0}
.note{opacity:.75}pre{white-space:pre-wrap;border-left:3px solid var(--grid);padding-left:1em}`;

/** The page. */
export function reportPage(title: string, sections: readonly ReportSection[]): string {
  const body = sections.map((section) => `<h2>${escapeHtml(section.title)}</h2>\n${section.html}`).join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${body}
</body></html>
`;
}

/** A table of text. */
export function reportTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: string) =>
    row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("");
  const lines = rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n");
  return `<table><tr>${cells(header, "th")}</tr>\n${lines}</table>`;
}

/** A text that others wrote, as a paragraph that keeps its lines. */
export function reportText(text: string): string {
  return `<pre>${escapeHtml(text)}</pre>`;
}
