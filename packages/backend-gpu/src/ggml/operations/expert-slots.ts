// Tokens sorted by expert, once the host has seen the routes: every expert gets the same number of slots, as many as the
// fullest one needs, so that all experts are one batched product. No token is dropped; slots left over repeat some token
// and count 0. The number is rounded up and kept from step to step, so that the graph stays the same.

import type { GgmlNode } from "../nodes/node.js";
import { getRows } from "../nodes/products.js";
import { hostLeaf, reshape } from "../nodes/shape.js";

/** Where tokens lie: C slots for each of E experts, k of them for each of N tokens. */
export interface ExpertSlots {
  readonly capacity: number;
  readonly experts: number;
  /** Token of each slot, i32 [C * E]. */
  readonly tokens: GgmlNode;
  /** Which of the k * N choices each slot is, i32 [C * E]. */
  readonly choices: GgmlNode;
  /** 1 for slots that are used, else 0: [1, C, E]. */
  readonly used: GgmlNode;
  /** Slot of each choice, i32 [k * N]. */
  readonly slots: GgmlNode;
}

/** Sorts the choices [k, N], given as what the device has, among E experts. */
export function expertSlots(bytes: Uint8Array, k: number, experts: number): ExpertSlots {
  const ids = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const loads = new Int32Array(experts);
  for (const id of ids) loads[id] = (loads[id] ?? 0) + 1;
  const capacity = capacityFor(loads, ids.length, k);
  const all = capacity * experts;
  const [tokens, choices, used] = [new Int32Array(all), new Int32Array(all), new Float32Array(all)];
  const slots = new Int32Array(ids.length);
  const filled = new Int32Array(experts);
  ids.forEach((id, choice) => {
    const place = filled[id] ?? 0;
    const slot = id * capacity + place;
    filled[id] = place + 1;
    tokens[slot] = Math.floor(choice / k);
    choices[slot] = choice;
    used[slot] = 1;
    slots[choice] = slot;
  });
  return {
    capacity,
    experts,
    tokens: hostLeaf("i32", [all], tokens),
    choices: hostLeaf("i32", [all], choices),
    used: hostLeaf("f32", [1, capacity, experts], used),
    slots: hostLeaf("i32", [ids.length], slots),
  };
}

/** Rows of tokens [d, N] in slots: [d, C, E]. */
export function toSlots(rows: GgmlNode, { tokens, capacity, experts }: ExpertSlots): GgmlNode {
  return reshape(getRows(rows, tokens), rows.sides[0], capacity, experts);
}

/** One value a choice [k, N] in slots, 0 in those left over: [1, C, E]; to be multiplied with `used`. */
export function choicesToSlots(values: GgmlNode, { choices, capacity, experts }: ExpertSlots): GgmlNode {
  return reshape(getRows(reshape(values, 1, values.values), choices), 1, capacity, experts);
}

/** What slots [d, C, E] hold, choice by choice: [d, k, N]. */
export function fromSlots(rows: GgmlNode, { slots, capacity, experts }: ExpertSlots, k: number): GgmlNode {
  const d = rows.sides[0];
  return reshape(getRows(reshape(rows, d, capacity * experts), slots), d, k, slots.sides[0] / k);
}

/** The most that an expert got, as a multiple of the mean, by experts, choices a token, and the size of the batch. */
const fullest = new Map<string, number>();

function capacityFor(loads: Int32Array, choices: number, k: number): number {
  const most = loads.reduce((a, b) => Math.max(a, b), 1);
  const mean = choices / loads.length;
  const key = `${loads.length} ${k} ${Math.ceil(Math.log2(choices))}`;
  const before = fullest.get(key) ?? 0;
  const now = most / mean;
  const kept = now > before || 2 * now < before ? now : before;
  fullest.set(key, kept);
  return roundUp(Math.max(most, Math.floor(kept * mean)));
}

/** To few different numbers: ggml's products are fastest where they sum over a multiple of 16. */
function roundUp(count: number): number {
  if (count <= 16) return 2 ** Math.ceil(Math.log2(count));
  const step = Math.max(16, 2 ** Math.floor(Math.log2(count) - 3));
  return Math.ceil(count / step) * step;
}
