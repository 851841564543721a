// The same measurements as compute-run.ts, asked of the PyTorch process. Row ids are hashed here and given to it, so its
// time has no hashing in it, and ours has.

import { type AddressedModel, createAddressing, type ModelSpec, packTokens, rowsNeeded } from "@engram-ts/core";
import type { ComputeFixture } from "./compute-fixture.js";
import { ADAM_W, type ComputeRun, type TokenBatch } from "./compute-run.js";
import type { TorchPeer } from "./torch-peer.js";

/** Types that the peer computes in; `autocast` keeps float32 weights and multiplies in bfloat16. */
export type TorchType = "f32" | "bf16" | "autocast";

/** Loads a fixture into the peer; one model at a time. */
export async function openTorchRun(peer: TorchPeer, fixture: ComputeFixture, type: TorchType): Promise<ComputeRun> {
  const { spec, checkpoint, tablesFile } = fixture;
  const model: AddressedModel = {
    spec,
    ...(spec.memory && { addressing: createAddressing(spec.memory.addressing) }),
  };
  await peer.ask({ do: "load", checkpoint, tables: tablesFile, type: type === "bf16" ? "bf16" : "f32" });
  let context: TokenBatch = [];
  let training = false;
  const input = (ids: TokenBatch) => ({ ids: ids.map((one) => [...one]), rows: rowIds(model, spec, ids) });
  const ns = async (request: Parameters<TorchPeer["ask"]>[0]) => (await peer.ask(request)).ns ?? Number.NaN;
  return {
    async logits(ids, split) {
      const { values } = await peer.ask({ do: "logits", ...input(ids), ...(split !== undefined && { split }) });
      const bytes = new Uint8Array(Buffer.from(typeof values === "string" ? values : "", "base64"));
      return new Float32Array(bytes.buffer);
    },
    prefill: (ids, calls) => ns({ do: "prefill", ...input(ids), calls }),
    async openDecode(ids) {
      context = ids;
      await peer.ask({ do: "decodeOpen", ...input(ids), capacity: (ids[0]?.length ?? 0) + 64 });
    },
    decode(ids) {
      const length = context[0]?.length ?? 0;
      const whole = ids.map((one, s) => Uint32Array.from([...(context[s] ?? []), ...one])); // n-grams reach back
      const { rows } = input(whole);
      const own = Object.fromEntries(
        Object.entries(rows).map(([layer, all]) => [layer, all.map((one) => one.slice(length))]),
      );
      return ns({ do: "decode", ids: ids.map((one) => [...one]), rows: own, start: length });
    },
    async train(ids, targets, calls) {
      if (!training) await peer.ask({ do: "trainOpen", ...ADAM_W, autocast: type === "autocast" });
      training = true;
      const answer = await peer.ask({ do: "train", ...input(ids), targets: [...targets], calls });
      return { ns: answer.ns ?? Number.NaN, losses: answer.losses ?? [] };
    },
    close: () => {},
  };
}

/** `[B][T][rows a token]` of each block with an engram. */
function rowIds(model: AddressedModel, spec: ModelSpec, ids: TokenBatch): Record<string, number[][][]> {
  if (spec.memory === undefined) return {};
  const packed = packTokens(ids);
  return Object.fromEntries(
    rowsNeeded(model, packed).map(({ layer, rowIds: all }) => {
      const each = all.length / packed.ids.length;
      const token = (t: number) => [...all.subarray(t * each, (t + 1) * each)];
      let at = 0;
      return [
        String(layer),
        ids.map((one) => {
          const from = at;
          at += one.length;
          return Array.from(one, (_, t) => token(from + t));
        }),
      ];
    }),
  );
}
