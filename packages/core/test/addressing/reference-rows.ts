// Row ids restated from the definitions with BigInt and a walk back over the sequence: slow, plain, and sharing no code
// with the library but the derived numbers it is given.
import { type Addressing, DEAD_TOKEN } from "@engram-ts/core";

/** Row ids [ids.length, rowsPerToken] of a whole sequence. */
export function referenceRows(addressing: Addressing, layer: number, ids: readonly number[]): number[] {
  const { config } = addressing;
  const module = addressing.layers.find((candidate) => candidate.layer === layer);
  if (module === undefined) throw new Error(`no layer ${layer}`);
  const fill = config.kind === "qwen-ple" ? config.eosId : config.padId;
  const count = config.tableSizes.length + 1;
  return ids.flatMap((current, t) => {
    const seen = current === DEAD_TOKEN ? [] : [current];
    while (seen.length > 0 && seen.length < count && t >= seen.length) {
      const older = ids[t - seen.length] ?? 0;
      if (older === DEAD_TOKEN || (config.kind === "qwen-ple" && older === config.eosId)) break;
      seen.push(older);
    }
    while (seen.length < count) seen.push(fill);
    let mix = BigInt(seen[0] ?? 0) * (module.multipliers[0] ?? 0n);
    let offset = 0;
    return module.primes.flatMap((primes, order) => {
      mix ^= BigInt(seen[order + 1] ?? 0) * (module.multipliers[order + 1] ?? 0n);
      if (mix >= 2n ** 63n) throw new Error("a mix of valid ids is below 2^63");
      return primes.map((prime) => {
        const row = offset + Number(mix % BigInt(prime));
        offset += prime;
        return row;
      });
    });
  });
}
