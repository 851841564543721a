// Completions against sums by hand: which tokens end an n-gram, in which band, with which loss. The losses themselves against
// the evaluation of the same text.

import { evaluate } from "@engram-ts/train";
import { describe, expect, it } from "vitest";
import { phraseRecall } from "../../../src/experiments/probes/phrase-recall.js";
import { predictions } from "../../../src/experiments/probes/predictions.js";
import { batchOf, busyProbed, followingBatch, tableProbed } from "./probed-fixture.js";

describe("predictions", () => {
  it("gives the losses whose mean an evaluation gives, one a target that counts", async () => {
    const probed = busyProbed();
    const batch = followingBatch(3, 9);
    const found = await predictions(probed, batch);
    expect([...found.places]).toEqual([1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 24, 25]);
    const mean = found.losses.reduce((sum, loss) => sum + loss, 0) / found.losses.length;
    expect(mean).toBeCloseTo((await evaluate(probed.model, [batch], { tables: probed.tables })).loss, 5);
    expect(probed.model.backend.memory().tensors).toBe(probed.model.parameters.size); // nothing is left behind
  });

  it("counts first guesses: all of them where the table knows what follows, none where it says something else", async () => {
    const probed = await tableProbed();
    const batch = followingBatch(2, 12);
    expect(new Set((await predictions(probed, batch)).hits)).toEqual(new Set([1]));
    const wrong = { ...batch, targets: batch.targets.map((target) => (target < 0 ? target : (target + 1) % 16)) };
    expect(new Set((await predictions(probed, wrong)).hits)).toEqual(new Set([0]));
  });
});

describe("phraseRecall", () => {
  it("puts each completed phrase into its band", async () => {
    const probed = busyProbed();
    // two documents in one row, and a second row; the target after a document's end does not count
    const batch = batchOf([
      [1, 2, 3, 4, 1, 2, 3],
      [2, 3, 4],
    ]);
    batch.targets[3] = -100;
    const training = [
      ...Array.from({ length: 5 }, () => [1, 2, 3]), // with the row below 6 times, band 4 to 15
      [2, 3, 4, 1, 2, 3], // 2 3 4 once: band 1 to 3
    ];
    const documentStarts = Uint32Array.from([0, 3, 6, 9, 12, 15, 21]);
    const recall = await phraseRecall(probed, {
      batches: [batch],
      training: { ids: Uint32Array.from(training.flat()), documentStarts },
      orders: [3],
    });
    const { places, losses, hits } = await predictions(probed, batch);
    const at = (place: number) => places.indexOf(place);
    const of = (...ends: number[]) => ({
      tokens: ends.length,
      loss: expect.closeTo(ends.reduce((sum, place) => sum + (losses[at(place)] ?? 0), 0) / ends.length, 9),
      accuracy: ends.reduce((sum, place) => sum + (hits[at(place)] ?? 0), 0) / ends.length,
    });
    // places 1 and 5 complete 1 2 3, places 2 and 8 complete 2 3 4; at 4 the document has two tokens only
    expect(recall).toEqual({
      tokens: 7,
      orders: [
        {
          order: 3,
          bands: [
            { from: 0, to: 0, tokens: 0, loss: null, accuracy: null },
            { from: 1, to: 3, ...of(2, 8) },
            { from: 4, to: 15, ...of(1, 5) },
            { from: 16, to: 63, tokens: 0, loss: null, accuracy: null },
            { from: 64, to: null, tokens: 0, loss: null, accuracy: null },
          ],
        },
      ],
    });
  });
});
