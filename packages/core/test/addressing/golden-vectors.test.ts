// Row ids against vectors of an independent NumPy program (tools/oracles/addressing.py makes the second set; the first
// came with the specification). Rows at dead positions are not compared: nothing reads them.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  type AddressingConfig,
  type AddressingKind,
  createAddressing,
  DEAD_TOKEN,
  parseAddressingConfig,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";

interface GoldenCase {
  readonly kind: AddressingKind;
  readonly vocab: number;
  readonly seed: number;
  readonly layer: number;
  readonly layers: readonly number[];
  readonly bases: readonly number[];
  readonly heads: number;
  readonly pad?: number;
  readonly eos?: number;
  readonly dead?: readonly number[];
  readonly multipliers: readonly string[];
  readonly primes: readonly (readonly number[])[];
  readonly ids: readonly number[];
  readonly rows: readonly (readonly number[])[];
}

const files = {
  "hash-vectors.json": "9f4bf438c0d1c9b31fdfe11b8356c685990bc2917c9a6dc20642b1066f4e44ab",
  "addressing-vectors.json": "054b928c87865aa860c044bf3e34da452a90210ff1cd33599de10bfc31217704",
};

function configOf(golden: GoldenCase): AddressingConfig {
  const { kind, vocab, seed, layers, heads, bases, primes } = golden;
  // one size serves all orders where the file names one
  const tableSizes = bases.length === 1 ? primes.map(() => bases[0]) : bases;
  const fill = kind === "qwen-ple" ? { eosId: golden.eos } : { padId: golden.pad };
  return parseAddressingConfig({ kind, vocabSize: vocab, seed, layers, tableSizes, headsPerOrder: heads, ...fill });
}

for (const [file, digest] of Object.entries(files)) {
  const bytes = readFileSync(new URL(`../fixtures/${file}`, import.meta.url));
  // the file's digest is checked below, so its shape is known
  const cases = JSON.parse(bytes.toString()) as GoldenCase[];

  describe(file, () => {
    it("is the file that the oracle wrote", () => {
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(digest);
    });

    for (const kernel of ["wasm", "typescript"] as const) {
      it.each(cases.map((golden, i) => [i, golden.kind, golden.layer, golden] as const))(
        `case %i: %s, layer %i, ${kernel}`,
        (_i, _kind, layer, golden) => {
          const addressing = createAddressing(configOf(golden), { kernel });
          const module = addressing.layers.find((candidate) => candidate.layer === layer);
          expect(module?.multipliers.map(String)).toEqual(golden.multipliers);
          expect(module?.primes).toEqual(golden.primes);

          const dead = new Set(golden.dead);
          const ids = golden.ids.map((id, t) => (dead.has(t) ? DEAD_TOKEN : id));
          const rows = addressing.rowIds(layer, ids);
          const width = addressing.rowsPerToken;
          expect(rows.length).toBe(ids.length * width);
          for (let t = 0; t < ids.length; t++) {
            const found = Array.from(rows.subarray(t * width, (t + 1) * width));
            if (dead.has(t)) expect(Math.max(...found)).toBeLessThan(module?.rows ?? 0);
            else expect(found, `position ${t}`).toEqual(golden.rows[t]);
          }
        },
      );
    }
  });
}
