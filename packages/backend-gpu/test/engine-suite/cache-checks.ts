// Caches: sequences fed in pieces, several at once from different starts, forked, taken back and overwritten, through
// rings and up to their capacity. The reference makes the same calls on caches of its own.

import type { CacheShape, OperationName } from "@engram-ts/core";
import { uniformValues } from "../../../core/src/model/uniform-values.js";
import { elements, type SuiteCase } from "./case-inputs.js";
import { type EngineCheck, expectRefusal } from "./engine-check.js";
import { cacheCases } from "./larger-cases.js";
import { compareOutputs, uploadInputs } from "./operation-checks.js";
import { type NamedTwins, operationOf, type Twin, type Twins } from "./twins.js";

/** An operation with weights, whose caches are fed. */
interface Fed {
  readonly name: OperationName;
  readonly weights: NamedTwins;
  readonly tokenWidth: number;
  readonly options: object;
  readonly cache: CacheShape;
}

/** One sequence in one step. */
interface Piece {
  readonly cache: Twin;
  readonly start: number;
  readonly length: number;
}

function fed(twins: Twins, one: SuiteCase, cache: CacheShape): Fed {
  const { x: _, ...weights } = uploadInputs(twins, one);
  const { sequences: __, ...options } = one.options as { sequences: unknown };
  return { name: one.name, weights, tokenWidth: elements((one.inputs.x ?? []).slice(1)), options, cache };
}

/** Feeds one step of several sequences, and compares what comes out. */
async function feed(
  twins: Twins,
  about: string,
  { name, weights, tokenWidth, options }: Fed,
  pieces: readonly Piece[],
) {
  const tokens = pieces.reduce((sum, { length }) => sum + length, 0);
  const cumulativeLengths = new Uint32Array(pieces.length + 1);
  pieces.forEach(({ length }, s) => {
    cumulativeLengths[s + 1] = (cumulativeLengths[s] ?? 0) + length;
  });
  const seed = pieces.reduce((hash, { start, length }) => 31 * hash + 7 * start + length, 1);
  const x = twins.upload(uniformValues(tokens * tokenWidth, 0.9, 11, seed), [tokens, tokenWidth]);
  const sequences = { cumulativeLengths, starts: Uint32Array.from(pieces, ({ start }) => start) };
  const caches = pieces.map(({ cache }) => cache);
  const call = twins.forward(name, { ...weights, x }, { ...options, sequences, caches });
  await compareOutputs(twins, `${name}, ${about}`, call);
  twins.dispose([x, ...Object.values(call.outputs)]);
}

/** The checks of one operation's caches. */
function checksOf(one: SuiteCase, cache: CacheShape, about: string): EngineCheck[] {
  const group = "caches";
  const title = (what: string) => `${about}: ${what}`;
  return [
    {
      group,
      name: title("a prompt, then token by token"),
      async run({ twins }) {
        const op = fed(twins, one, cache);
        const a = twins.createCache(cache);
        await feed(twins, "the prompt", op, [{ cache: a, start: 0, length: 7 }]);
        for (let t = 7; t < 19; t++) await feed(twins, `token ${t}`, op, [{ cache: a, start: t, length: 1 }]);
      },
    },
    {
      group,
      name: title("several sequences, in different places, some without tokens"),
      async run({ twins }) {
        const op = fed(twins, one, cache);
        const [a, b, c] = [twins.createCache(cache), twins.createCache(cache), twins.createCache(cache)];
        await feed(twins, "two prompts", op, [
          { cache: a, start: 0, length: 5 },
          { cache: b, start: 0, length: 12 },
        ]);
        await feed(twins, "a third one", op, [
          { cache: b, start: 12, length: 1 },
          { cache: c, start: 0, length: 3 },
          { cache: a, start: 5, length: 2 },
        ]);
        await feed(twins, "one waits", op, [
          { cache: a, start: 7, length: 1 },
          { cache: b, start: 13, length: 0 },
          { cache: c, start: 3, length: 4 },
        ]);
        for (let t = 0; t < 3; t++) {
          await feed(twins, `all, token ${t}`, op, [
            { cache: a, start: 8 + t, length: 1 },
            { cache: b, start: 13 + t, length: 1 },
            { cache: c, start: 7 + t, length: 1 },
          ]);
        }
      },
    },
    {
      group,
      name: title("a copy goes its own way"),
      async run({ twins }) {
        const op = fed(twins, one, cache);
        const a = twins.createCache(cache);
        await feed(twins, "the prompt", op, [{ cache: a, start: 0, length: 6 }]);
        const b = twins.copyCache(a);
        await feed(twins, "the copy", op, [{ cache: b, start: 6, length: 2 }]);
        await feed(twins, "the first", op, [{ cache: a, start: 6, length: 3 }]);
        await feed(twins, "both", op, [
          { cache: b, start: 8, length: 1 },
          { cache: a, start: 9, length: 1 },
        ]);
        twins.dispose([a]);
        await feed(twins, "the copy alone", op, [{ cache: b, start: 9, length: 2 }]);
      },
    },
    {
      group,
      name: title("taken back and overwritten"),
      async run({ twins }) {
        const op = fed(twins, one, cache);
        const a = twins.createCache(cache);
        await feed(twins, "the prompt", op, [{ cache: a, start: 0, length: 10 }]);
        await feed(twins, "drafts", op, [{ cache: a, start: 10, length: 4 }]);
        await feed(twins, "other drafts", op, [{ cache: a, start: 11, length: 3 }]);
        await feed(twins, "one token again", op, [{ cache: a, start: 13, length: 1 }]);
        await feed(twins, "on from there", op, [{ cache: a, start: 14, length: 2 }]);
      },
    },
    {
      group,
      name: title("up to the capacity, and no further"),
      async run({ twins }) {
        const op = fed(twins, one, cache);
        const a = twins.createCache(cache);
        const most = cache.capacity;
        await feed(twins, "all but one", op, [{ cache: a, start: 0, length: most - 1 }]);
        await feed(twins, "the last", op, [{ cache: a, start: most - 1, length: 1 }]);
        const x = twins.upload(uniformValues(op.tokenWidth, 0.9, 3, 0), [1, op.tokenWidth]);
        const inputs = Object.fromEntries(
          Object.entries({ ...op.weights, x }).map(([name, twin]) => [name, twin.engine]),
        );
        const sequences = { cumulativeLengths: Uint32Array.of(0, 1), starts: Uint32Array.of(most) };
        const call = (caches: readonly unknown[]) => () =>
          operationOf(twins.engine, op.name).forward(inputs, { ...op.options, sequences, caches });
        await expectRefusal(call([a.engine]), "invalid-argument", new RegExp(op.name));
        await expectRefusal(call([]), "invalid-argument", new RegExp(op.name));
        const other = twins.createCache({ ...cache, width: cache.width + 1 });
        await expectRefusal(call([other.engine]), "invalid-argument", new RegExp(op.name));
        await feed(twins, "the last again", op, [{ cache: a, start: most - 1, length: 1 }]);
      },
    },
  ];
}

/** Caches of attentions grow; those of convolutions are rings, of the tokens that they look back and some to take back. */
export function cacheChecks(): EngineCheck[] {
  const { gqa, mla, convolution } = cacheCases();
  const [look, channels] = [9, 40];
  return [
    ...checksOf(gqa, { width: 2 * 2 * 16, capacity: 40 }, "gqa"),
    ...checksOf(mla, { width: 14 + 6, capacity: 40 }, "mla"),
    ...checksOf(convolution, { width: channels, capacity: 40, window: look + 4 }, "convolution, a ring"),
    ...checksOf(convolution, { width: channels, capacity: 40 }, "convolution, all kept"),
    {
      group: "caches",
      name: "convolution, the smallest ring: prompts longer and shorter than it",
      async run({ twins }) {
        const cache = { width: channels, capacity: 500, window: look };
        const op = fed(twins, convolution, cache);
        const [a, b] = [twins.createCache(cache), twins.createCache(cache)];
        await feed(twins, "a long and a short one", op, [
          { cache: a, start: 0, length: 31 },
          { cache: b, start: 0, length: 2 },
        ]);
        let [atA, atB] = [31, 2];
        for (const [moreA, moreB] of [
          [1, 1],
          [9, 3],
          [1, 10],
          [10, 1],
          [0, 25],
          [1, 1],
        ] as const) {
          await feed(twins, `${moreA} and ${moreB} more`, op, [
            { cache: a, start: atA, length: moreA },
            { cache: b, start: atB, length: moreB },
          ]);
          atA += moreA;
          atB += moreB;
        }
      },
    },
    {
      group: "caches",
      name: "what was created counts, and what was disposed of not",
      async run({ twins }) {
        const { engine } = twins;
        const before = engine.memory().tensors;
        const cache = twins.createCache({ width: 8, capacity: 16 });
        const copy = twins.copyCache(cache);
        if (engine.memory().tensors !== before + 2) throw new Error("two caches are two tensors of memory()");
        twins.dispose([cache]);
        twins.dispose([copy]);
        if (engine.memory().tensors !== before) throw new Error("disposed caches are none");
        await expectRefusal(() => engine.copyCache(cache.engine), "invalid-argument");
      },
    },
  ];
}
