// Random addressing configurations for properties: all kinds, all numbers of orders, tiny to huge tables. Not the
// limits themselves, which addressing-config.test.ts walks.
import { type AddressingConfig, DEAD_TOKEN, parseAddressingConfig } from "@engram-ts/core";
import fc from "fast-check";

const sizes = fc.oneof(
  fc.integer({ min: 2, max: 70 }),
  fc.integer({ min: 60_000, max: 70_000 }),
  fc.integer({ min: 2 ** 20, max: 2 ** 25 }), // 7 orders of 11 heads stay below 2^32 rows
);
const vocabularies = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 30_000, max: 300_000 }),
  fc.integer({ min: 2 ** 21 - 2, max: 2 ** 31 }),
);

/** Any configuration with at most `mostHeads` heads of an order. */
export function arbitraryConfig(mostHeads: number): fc.Arbitrary<AddressingConfig> {
  return fc
    .record({
      kind: fc.constantFrom("engram", "deepseek-v4.1", "qwen-ple"),
      vocabSize: vocabularies,
      seed: fc.maxSafeNat(),
      layers: fc.uniqueArray(fc.integer({ min: 0, max: 65_535 }), { minLength: 1, maxLength: 3 }),
      tableSizes: fc.oneof(
        fc.array(sizes, { minLength: 1, maxLength: 7 }),
        fc.constant([2 ** 31]), // with one head: the greatest modulus there is
      ),
      headsPerOrder: fc.integer({ min: 1, max: mostHeads }),
      fill: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    })
    .map(({ fill, ...common }) => {
      const id = Math.floor(fill * common.vocabSize);
      const headsPerOrder = common.tableSizes[0] === 2 ** 31 ? 1 : common.headsPerOrder;
      const filler = common.kind === "qwen-ple" ? { eosId: id } : { padId: id };
      return parseAddressingConfig({ ...common, headsPerOrder, ...filler });
    });
}

/** Token ids of a configuration: small ones repeat, boundaries are frequent, the greatest id occurs. */
export function arbitraryIds(config: AddressingConfig, maxLength: number): fc.Arbitrary<number[]> {
  const last = config.vocabSize - 1;
  const boundary = config.kind === "qwen-ple" ? config.eosId : config.kind === "engram" ? last : DEAD_TOKEN;
  const id = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: last }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: Math.min(last, 3) }) },
    { weight: 1, arbitrary: fc.constant(last) },
    { weight: 2, arbitrary: fc.constant(boundary) },
  );
  return fc.array(id, { maxLength });
}
