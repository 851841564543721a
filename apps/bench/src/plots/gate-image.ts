// Gates over a passage as an SVG file of its own, for READMEs: the text as it runs, behind each token the mean of a block's
// gates over its streams; underlined are the n-grams that fired where gates are widest. Light or dark by what the reader's system
// says. What it is drawn from is what `engram explain --run FOLDER --json` writes. Not here: the page with every stream, which is
// @engram-ts/train's.

import { REPORT_STYLE } from "../report/html-style.js";
import { SIZE } from "./plot.js";
import { element, escapeText } from "./svg.js";

/** A traced passage, as `engram explain --run --json` writes it. */
export interface TracedPassage {
  /** What was trained, and for how many steps. */
  readonly model?: string | undefined;
  readonly step: number;
  /** Of the passage, in its order. */
  readonly tokens: readonly string[];
  readonly layers: readonly {
    readonly layer: number;
    /** By token, then by stream; 0 to 1. */
    readonly gates: readonly (readonly number[])[];
    /** By token, then by order. */
    readonly ngrams: readonly (readonly {
      readonly order: number;
      readonly forms: readonly string[];
      readonly contribution: number;
    }[])[];
  }[];
}

const MARGIN = 14;
const LETTER = 8;
const LINE = 30;
const HEAD = 62;
/** Of all tokens, the share whose n-grams are underlined. */
const WIDEST = 0.15;

/** One image a block. */
export function gateImages(passage: TracedPassage): readonly { readonly layer: number; readonly svg: string }[] {
  return passage.layers.map((one) => ({ layer: one.layer, svg: image(passage.tokens, one) }));
}

function image(tokens: readonly string[], { layer, gates, ngrams }: TracedPassage["layers"][number]): string {
  const means = tokens.map((_, t) => {
    const own = gates[t] ?? [];
    return own.reduce((sum, gate) => sum + gate, 0) / Math.max(1, own.length);
  });
  const [lowest, highest] = [Math.min(...means), Math.max(...means)];
  const shade = (gate: number) => (gate - lowest) / Math.max(highest - lowest, 1e-6);
  const least = means.toSorted((a, b) => b - a)[Math.max(0, Math.round(WIDEST * means.length) - 1)] ?? 1;
  const underlined = new Set(
    means.flatMap((gate, t) => {
      const order = gate >= least ? (firedNgram(ngrams[t] ?? [])?.order ?? 0) : 0;
      return Array.from({ length: Math.min(order, t + 1) }, (_, back) => t - back);
    }),
  );
  const places = placed(tokens);
  const height = HEAD + LINE * ((places.at(-1)?.line ?? 0) + 1) + 8;
  const drawn = tokens.map((token, t) => {
    const { x, line, columns } = places[t] ?? { x: 0, line: 0, columns: 0 };
    const gate = means[t] ?? 0;
    const [left, top, width] = [MARGIN + x * LETTER, HEAD + line * LINE, columns * LETTER];
    const forms = firedNgram(ngrams[t] ?? [])?.forms.map((form) => JSON.stringify(form)) ?? [];
    const told = `${JSON.stringify(token)}: gate ${gate.toFixed(3)}, n-gram ${forms.join(" ")}`;
    return element(
      "g",
      {},
      element("title", {}, escapeText(told)),
      element("rect", { class: "heat", x: left, y: top, width, height: 21, "fill-opacity": 0.06 + 0.62 * shade(gate) }),
      element(
        "text",
        {
          ...{ class: "token", x: left, y: top + 15, "xml:space": "preserve" },
          ...{ textLength: width, lengthAdjust: "spacingAndGlyphs" }, // whatever font there is
        },
        escapeText(shown(token)),
      ),
      ...(underlined.has(t)
        ? [element("line", { class: "fired", x1: left, x2: left + width, y1: top + 23, y2: top + 23 })]
        : []),
    );
  });
  const title = `Gates of block ${layer} over a passage`;
  const box = {
    ...{ xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${SIZE.width} ${height}` },
    ...{ class: "image", role: "img", "aria-label": `${title}, ${lowest.toFixed(2)} to ${highest.toFixed(2)}` },
  };
  return `${element(
    "svg",
    box,
    `<style>${STYLE}</style>`,
    element("rect", { class: "paper", width: SIZE.width, height, rx: 8 }),
    element("text", { class: "title", x: MARGIN, y: 24 }, title),
    ...scaleOf(lowest, highest),
    ...drawn,
  )}\n`;
}

/** What the shades mean. */
function scaleOf(lowest: number, highest: number): string[] {
  const steps = 6;
  const boxes = Array.from({ length: steps }, (_, i) =>
    element("rect", {
      ...{ class: "heat", x: MARGIN + 34 + i * 18, y: 36, width: 18, height: 12 },
      "fill-opacity": 0.06 + (0.62 * i) / (steps - 1),
    }),
  );
  const after = MARGIN + 34 + steps * 18 + 6;
  return [
    element("text", { class: "note", x: MARGIN, y: 46 }, lowest.toFixed(2)),
    ...boxes,
    element(
      "text",
      { class: "note", x: after, y: 46 },
      `${highest.toFixed(2)}, mean of the streams; underlined: n-grams of the widest ${Math.round(100 * WIDEST)} %`,
    ),
  ];
}

/** Where tokens stand, wrapped; a word is not torn where it fits a line. */
function placed(tokens: readonly string[]): readonly { x: number; line: number; columns: number }[] {
  const most = Math.floor((SIZE.width - 2 * MARGIN) / LETTER);
  const columns = tokens.map((token) => Math.min(most, shown(token).length));
  const places: { x: number; line: number; columns: number }[] = [];
  let [x, line] = [0, 0];
  for (const [t, token] of tokens.entries()) {
    // a token that begins a word brings the rest of it along
    let word = columns[t] ?? 0;
    for (let next = t + 1; next < tokens.length && !/^\s/.test(tokens[next] ?? ""); next++) word += columns[next] ?? 0;
    const begins = t === 0 || /^\s/.test(token);
    if (x > 0 && (x + (begins && word <= most ? word : (columns[t] ?? 0)) > most || token.includes("\n"))) {
      x = 0;
      line++;
    }
    places.push({ x, line, columns: columns[t] ?? 0 });
    x += columns[t] ?? 0;
  }
  return places;
}

/** A token's text on paper. */
function shown(token: string): string {
  return token.replace(/[\n\r\t]/g, " ").replace(/[\p{Cc}\p{Cf}]/gu, "\u00b7") || "\u00b7";
}

/** The n-gram whose rows give most at a token. */
function firedNgram(ngrams: TracedPassage["layers"][number]["ngrams"][number]) {
  return ngrams.reduce<(typeof ngrams)[number] | undefined>(
    (best, one) => (best === undefined || one.contribution > best.contribution ? one : best),
    undefined,
  );
}

/** The page's colours, and the image's own rules. */
const STYLE = `${REPORT_STYLE.split("\n")
  .filter((line) => /^(:root|@media \(prefers| {2}--c)/.test(line))
  .join("\n")}
.image { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
rect.paper { fill: var(--panel); } text { fill: var(--ink); } text.title, text.note { font-family: system-ui, sans-serif; }
text.title { font-weight: 600; } text.note { fill: var(--soft); font-size: 12px; }
rect.heat { fill: var(--c1); } line.fired { stroke: var(--c0); stroke-width: 2; }`;
