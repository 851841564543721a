// Gates over a passage as a heat map in HTML: each token once for each block and stream, the darker the wider its gate is
// open among those of its stream; resting on a token tells its gates and the n-gram that fired. A part of a page (report-page.ts), without scripts.

import { firedNgram, type TracedLayer } from "./gate-trace.js";
import { escapeHtml } from "./html-text.js";

/** What a heat map is made of. */
export interface GateFigure {
  readonly layers: readonly TracedLayer[];
  /** The text of each token, as it stands in the passage. */
  readonly tokens: readonly string[];
  /** The text of an id that was hashed. */
  ngramText(id: number): string;
}

/** Tokens that a table names as those with the widest gates. */
const WIDEST = 12;

/** The heat map. */
export function gateFigure(figure: GateFigure): string {
  return figure.layers.map((layer) => layerFigure(figure, layer)).join("\n");
}

function layerFigure({ tokens, ngramText }: GateFigure, { layer, streams, gates, ngrams }: TracedLayer): string {
  const ngramAt = (t: number) => {
    const fired = firedNgram(ngrams[t] ?? []);
    return fired === undefined ? "" : fired.ids.map(ngramText).join(" \u00b7 ");
  };
  const rows = Array.from({ length: streams }, (_, stream) => {
    const own = tokens.map((_token, t) => gates[t * streams + stream] ?? 0);
    const [lowest, highest] = [Math.min(...own), Math.max(...own)];
    const marks = tokens.map((token, t) => {
      const gate = own[t] ?? 0;
      const title = `gate ${gate.toFixed(3)}, n-gram ${JSON.stringify(ngramAt(t))}`;
      const shade = `--g:${((gate - lowest) / Math.max(highest - lowest, 1e-6)).toFixed(3)}`;
      return `<span class="t" style="${shade}" title="${escapeHtml(title)}">${escapeHtml(token)}</span>`;
    });
    return `<p class="heat"><b>stream ${stream + 1}, ${lowest.toFixed(3)} to ${highest.toFixed(3)}</b> ${marks.join("")}</p>`;
  });
  const mean = (t: number) => {
    let sum = 0;
    for (let stream = 0; stream < streams; stream++) sum += gates[t * streams + stream] ?? 0;
    return sum / streams;
  };
  const widest = tokens
    .map((token, t) => ({ token, t, gate: mean(t) }))
    .sort((a, b) => b.gate - a.gate)
    .slice(0, WIDEST)
    .map(({ token, t, gate }) => [JSON.stringify(token), gate.toFixed(3), JSON.stringify(ngramAt(t))]);
  const body = widest.map((cells) => `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`);
  return [
    `<h3>Block ${layer}</h3>`,
    ...rows,
    `<p class="note">Each stream is shaded from its narrowest gate to its widest. Widest gates, by the mean of the streams:</p>`,
    `<table><tr><th>token</th><th>gate</th><th>n-gram that fired</th></tr>${body.join("")}</table>`,
  ].join("\n");
}
