// A model in a contestant's process, seen as a run: an engine of this package (engine-server.ts), or PyTorch, whose model
// is a checkpoint and which is given row ids, so that its time has no hashing in it, and ours has.

import { type AddressedModel, createAddressing, packTokens, rowsNeeded } from "@engram-ts/core";
import type { ComputeFixture } from "./compute-fixture.js";
import { ADAM_W, type ComputeRun, type TokenBatch } from "./compute-run.js";
import { type Peer, type PeerRequest, valuesOf } from "./line-process.js";

/** Types that PyTorch computes in; `autocast` keeps float32 weights and multiplies in bfloat16. */
export type TorchType = "f32" | "bf16" | "autocast";

/** Loads a fixture into PyTorch; one model at a time. */
export async function openTorchRun(peer: Peer, fixture: ComputeFixture, type: TorchType): Promise<ComputeRun> {
  const { spec, checkpoint, tablesFile } = fixture;
  const model = { spec, ...(spec.memory && { addressing: createAddressing(spec.memory.addressing) }) };
  await peer.ask({ do: "load", checkpoint, tables: tablesFile, type: type === "bf16" ? "bf16" : "f32" });
  await peer.ask({ do: "trainOpen", ...ADAM_W, autocast: type === "autocast" });
  return peerRun(peer, (ids) => ({ ids: idsOf(ids), rows: rowIds(model, ids) }));
}

/** Puts a model's seeded weights on an engine in its process; one model at a time. */
export async function openEngineRun(peer: Peer, { spec }: Pick<ComputeFixture, "spec">): Promise<ComputeRun> {
  await peer.ask({ do: "load", spec });
  return peerRun(peer, (ids) => ({ ids: idsOf(ids), rows: {} }));
}

interface PeerInput {
  readonly ids: readonly (readonly number[])[];
  readonly rows: Readonly<Record<string, readonly (readonly (readonly number[])[])[]>>;
}

function peerRun(peer: Peer, input: (ids: TokenBatch) => PeerInput): ComputeRun {
  let context: TokenBatch = [];
  return {
    async logits(ids, split) {
      return valuesOf(await peer.ask({ do: "logits", ...input(ids), ...(split !== undefined && { split }) }));
    },
    prefill: (ids, calls) => peer.time({ do: "prefill", ...input(ids), calls }),
    async openDecode(ids) {
      context = ids;
      await peer.ask({ do: "decodeOpen", ...input(ids), capacity: (ids[0]?.length ?? 0) + 64 });
    },
    decode(ids) {
      const start = context[0]?.length ?? 0;
      const whole = input(ids.map((one, s) => Uint32Array.from([...(context[s] ?? []), ...one]))); // n-grams reach back
      const rows = Object.entries(whole.rows).map(([layer, all]) => [layer, all.map((one) => one.slice(start))]);
      return peer.time({ do: "decode", ids: idsOf(ids), rows: Object.fromEntries(rows), start });
    },
    async train(ids, targets, calls) {
      const length = ids[0]?.length ?? 0;
      const split = ids.map((_, s) => [...targets.subarray(s * length, (s + 1) * length)]);
      const request: PeerRequest = { do: "train", ...input(ids), targets: split, calls };
      const { ns = Number.NaN, losses = [] } = await peer.ask(request);
      return { ns, losses };
    },
    close: () => {},
  };
}

function idsOf(ids: TokenBatch): number[][] {
  return ids.map((one) => [...one]);
}

/** `[B][T][rows a token]` of each block with an engram. */
function rowIds(model: AddressedModel, ids: TokenBatch): PeerInput["rows"] {
  if (model.spec.memory === undefined) return {};
  const packed = packTokens(ids);
  return Object.fromEntries(
    rowsNeeded(model, packed).map(({ layer, rowIds: all }) => {
      const each = all.length / packed.ids.length;
      let at = 0;
      const rows = ids.map((one) => Array.from(one, () => [...all.subarray(at++ * each, at * each)]));
      return [String(layer), rows];
    }),
  );
}
