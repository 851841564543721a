// The image of gates, read back: every token once, in order, within the paper, shaded by its gate; text that is markup stays text.

import { describe, expect, it } from "vitest";
import { gateImages, type TracedPassage } from "../../src/plots/gate-image.js";

const tokens = [
  "The",
  " cap",
  "ital",
  ' of <b> & "q"',
  " \u0007",
  "\n",
  ...Array.from({ length: 60 }, (_, i) => ` word${i}`),
];
const gateAt = (t: number) => 0.4 + (0.2 * ((t * 7) % 66)) / 65;
const passage: TracedPassage = {
  model: "small",
  step: 800,
  tokens,
  layers: [1, 4].map((layer) => ({
    layer,
    gates: tokens.map((_, t) => [gateAt(t) - 0.1, gateAt(t) + 0.1]),
    ngrams: tokens.map((_, t) => [
      { order: 2, forms: ["a", "b"], contribution: t % 2 },
      { order: 3, forms: ["x", "a", "<b"], contribution: 0.5 },
    ]),
  })),
};

/** What is drawn of each token. */
function drawnTokens(svg: string) {
  const group =
    /<g><title>(.*?)<\/title><rect class="heat" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="21" fill-opacity="([\d.]+)"\/><text class="token"[^>]*>(.*?)<\/text>(<line class="fired"[^>]*>)?<\/g>/g;
  return [...svg.matchAll(group)].map(([, title = "", x, y, width, shade, text = "", fired]) => ({
    ...{ title, x: Number(x), y: Number(y), width: Number(width), shade: Number(shade), text },
    fired: fired !== undefined,
  }));
}

describe("gateImages", () => {
  const images = gateImages(passage);

  it("draws each block, each token once, in its order, within the paper and not over another", () => {
    expect(images.map(({ layer }) => layer)).toEqual([1, 4]);
    const svg = images[0]?.svg ?? "";
    const [, width = 0, height = 0] = (/viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? []).map(Number);
    const drawn = drawnTokens(svg);
    expect(drawn).toHaveLength(tokens.length);
    expect(drawn.slice(0, 6).map(({ text }) => text)).toEqual([
      "The",
      " cap",
      "ital",
      " of &lt;b&gt; &amp; &quot;q&quot;",
      " \u00b7",
      " ",
    ]);
    for (const [t, one] of drawn.entries()) {
      expect(one.x + one.width).toBeLessThanOrEqual(width);
      expect(one.y + 21).toBeLessThan(height);
      const before = drawn[t - 1];
      if (before === undefined) continue;
      const follows = one.y === before.y ? one.x >= before.x + before.width : one.y > before.y && one.x < 20;
      expect(follows, tokens[t]).toBe(true);
    }
    expect(drawn[5]?.y).toBeGreaterThan(drawn[4]?.y ?? 0); // a line's end begins a line
    expect(svg.match(/<b>/)).toBeNull();
  });

  it("shades by the mean of the streams, underlines the widest, and says what fired", () => {
    const drawn = drawnTokens(images[0]?.svg ?? "");
    const byGate = drawn.map(({ shade }, t) => ({ shade, gate: gateAt(t) })).toSorted((a, b) => a.gate - b.gate);
    expect(byGate.map(({ shade }) => shade)).toEqual(byGate.map(({ shade }) => shade).toSorted((a, b) => a - b));
    expect([byGate[0]?.shade, byGate.at(-1)?.shade]).toEqual([0.06, 0.68]);
    // odd tokens fire their 2-gram, even ones their 3-gram; the ten widest of 66 are underlined
    const widest = [...tokens.keys()].toSorted((a, b) => gateAt(b) - gateAt(a)).slice(0, 10);
    const expected = widest.flatMap((t) => (t % 2 === 1 ? [t - 1, t] : [t - 2, t - 1, t])).filter((t) => t >= 0);
    const underlined = drawn.flatMap((one, t) => (one.fired ? [t] : []));
    expect(underlined).toEqual([...new Set(expected)].toSorted((a, b) => a - b));
    expect(drawn[0]?.title).toBe("&quot;The&quot;: gate 0.400, n-gram &quot;x&quot; &quot;a&quot; &quot;&lt;b&quot;");
    expect(drawn[1]?.title).toContain("n-gram &quot;a&quot; &quot;b&quot;");
  });
});
