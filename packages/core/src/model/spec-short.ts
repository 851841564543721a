// The way back: a complete specification in its short form, as people read it. What most blocks share stands once at the
// top, equal blocks in a row are one entry. Defaults stay written out: a file should say what it means when they change.

import type { AttentionSpec, BlockSpec, FeedForwardSpec, ModelSpec } from "./model-spec.js";
import type { BlockInput, ModelSpecInput } from "./spec-input.js";

/** A short form that `parseModelSpec` reads to an equal specification; for JSON files. */
export function shortModelSpec(spec: ModelSpec): ModelSpecInput {
  const { blocks, ...rest } = spec;
  const attention = mostCommon(blocks.map((block) => block.attention));
  const feedForward = mostCommon(blocks.map((block) => block.feedForward));
  const entries: BlockInput[] = [];
  let last = "";
  for (const block of blocks) {
    const entry = blockEntry(block, attention.text, feedForward.text);
    const text = JSON.stringify(entry);
    const before = entries.at(-1);
    if (text === last && before !== undefined && block.engram === undefined) {
      entries[entries.length - 1] = { ...before, repeat: (before.repeat ?? 1) + 1 };
    } else {
      entries.push(entry);
      last = text;
    }
  }
  return { ...rest, attention: attention.part, feedForward: feedForward.part, blocks: entries };
}

function blockEntry(block: BlockSpec, attention: string, feedForward: string): BlockInput {
  return {
    ...(block.engram && { engram: block.engram }),
    ...(JSON.stringify(block.attention) !== attention && { attention: block.attention }),
    ...(JSON.stringify(block.feedForward) !== feedForward && { feedForward: block.feedForward }),
  };
}

/** The part that most blocks have, the first of them where two are as common. */
function mostCommon<Part extends AttentionSpec | FeedForwardSpec>(
  parts: readonly Part[],
): { readonly text: string; readonly part: Part } {
  const counts = new Map<string, { readonly text: string; readonly part: Part; count: number }>();
  for (const part of parts) {
    const text = JSON.stringify(part);
    const known = counts.get(text) ?? { text, part, count: 0 };
    counts.set(text, known);
    known.count++;
  }
  // a specification has a block or more
  return [...counts.values()].reduce((best, one) => (one.count > best.count ? one : best));
}
