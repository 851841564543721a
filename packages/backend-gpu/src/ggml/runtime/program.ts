// A graph of ggml that was built, checked and given memory once, and runs as often as its sequence comes again. What the
// host gives is put into one region, in one transfer. Results lie in the program's memory until its next run.

import { EngramError } from "@engram-ts/core";
import type { Pointer } from "../library/bindings.js";
import type { Library } from "../library/load-library.js";
import type { NativeKernels } from "../library/native-kernels.js";
import { TYPES } from "../library/types.js";
import type { GgmlNode, Place } from "../nodes/node.js";
import { type DeviceMemory, outOfMemory, type Region } from "./device-memory.js";
import { emitLeaf, emitNode } from "./emit.js";
import type { Sequence } from "./sequence.js";

/** The device that programs are for. */
export interface ProgramDevice {
  readonly library: Library;
  /** ggml's device, and the backend that was opened on it. */
  readonly pointer: Pointer;
  readonly backend: Pointer;
  readonly bufferType: Pointer;
  readonly memory: DeviceMemory;
  readonly name: string;
  readonly exact: boolean;
  /** True where no memory is given back before the end. */
  readonly keeps: boolean;
  /** Does it want views that begin at aligned offsets? Graphics processors do. */
  readonly aligned: boolean;
  /** Kernels of this package, for the CPU device. */
  readonly kernels: NativeKernels | undefined;
}

/** See the head of this file. */
export interface Program {
  readonly numbers: Float64Array;
  readonly graph: Pointer;
  /** Number of operations that ggml runs. */
  readonly operations: number;
  /** Bytes of results and intermediate results, and of what the host gives. */
  readonly bytes: number;
  /** Nodes whose values lie here, from the latest run. */
  readonly residents: Set<GgmlNode>;
  /** Puts in what the host gives. */
  stage(sequence: Sequence): void;
  /** Where the results of the run are. */
  results(sequence: Sequence): readonly (readonly [GgmlNode, Place])[];
  close(): void;
}

/**
 * Builds a program.
 * @throws EngramError `unsupported` naming the operation, types and sides that the device lacks; `out-of-memory`.
 */
export function buildProgram(device: ProgramDevice, sequence: Sequence): Program {
  const { library, backend, bufferType, memory } = device;
  const { bindings } = library;
  const { items, outputs, numbers } = sequence;
  const most = items.length + 1;
  const spare = items.filter(({ node }) => node.operation === "repeatBack").length; // their builder takes a shape to copy
  const context: Pointer = bindings.ggml_init({
    mem_size:
      (most + spare + 8) * bindings.ggml_tensor_overhead() + Number(bindings.ggml_graph_overhead_custom(most, false)),
    mem_buffer: null,
    no_alloc: true,
  });
  if (!context) throw outOfMemory(`no memory for a graph of ${most} operations`);
  let region: Region | undefined;
  let allocator: Pointer | undefined;
  const close = (): void => {
    if (allocator !== undefined) bindings.ggml_gallocr_free(allocator);
    if (region !== undefined) memory.free(region);
    bindings.ggml_free(context);
  };
  try {
    const slots = hostSlots(sequence, memory.alignment);
    if (slots.bytes > 0) region = memory.allocate(slots.bytes, "what the host gives");
    const to = { bindings, context, exact: device.exact, kernels: device.kernels };
    const graph: Pointer = bindings.ggml_new_graph_custom(context, most, false);
    const tensors: Pointer[] = [];
    const kept = new Set(outputs);
    const expected: Pointer[] = [];
    items.forEach(({ node, kind, sources }, index) => {
      if (kind === "operation") {
        const tensor = emitNode(
          to,
          node,
          sources.map((source) => tensors[source] ?? 0n),
        );
        if (!bindings.ggml_backend_supports_op(backend, tensor)) throw lacking(device.name, node);
        if (kept.has(index)) bindings.ggml_set_output(tensor);
        tensors.push(tensor);
        expected.push(tensor);
        return;
      }
      const tensor = emitLeaf(to, node);
      const place = kind === "placed" ? node.place : undefined;
      const offset = slots.offsets.get(index);
      if (place !== undefined) bindings.ggml_backend_tensor_alloc(place.buffer, tensor, place.address);
      else if (region !== undefined && offset !== undefined) {
        bindings.ggml_backend_tensor_alloc(region.buffer, tensor, region.address + BigInt(offset));
      }
      tensors.push(tensor);
    });
    for (const tensor of expected) bindings.ggml_build_forward_expand(graph, tensor);
    const arena = region === undefined ? undefined : arenaTensor(device, context, region, slots.bytes);
    checkRoom(device, sequence, graph);
    allocator = bindings.ggml_gallocr_new(bufferType) as Pointer;
    if (!bindings.ggml_gallocr_alloc_graph(allocator, graph)) {
      throw outOfMemory(
        `${device.name} has no memory left for a graph of ${expected.length} operations; run fewer tokens at once`,
      );
    }
    const graphBytes = Number(bindings.ggml_gallocr_get_buffer_size(allocator, 0));
    const staging = new Uint8Array(slots.bytes);
    const found = outputs.map((index) => placeOf(library, tensors[index] ?? 0n));
    memory.count(graphBytes);
    return {
      numbers,
      graph,
      operations: expected.length,
      bytes: slots.bytes + graphBytes,
      residents: new Set(),
      stage({ items: given }) {
        if (arena === undefined) return;
        for (const [index, offset] of slots.offsets) {
          const host = given[index]?.node.host;
          if (host !== undefined) staging.set(new Uint8Array(host.buffer, host.byteOffset, host.byteLength), offset);
        }
        bindings.ggml_backend_tensor_set(arena, staging, 0, slots.bytes);
      },
      results: ({ items: given }) =>
        outputs.flatMap((index, i) => {
          const node = given[index]?.node;
          const place = found[i];
          return node === undefined || place === undefined ? [] : [[node, place] as const];
        }),
      close() {
        close();
        memory.count(-graphBytes);
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Is there room for what a graph computes? Asked before memory is taken: a CPU lends more than there is. All results
 * together are more than ggml needs, which lays them over each other; only where they do not fit it is asked.
 */
function checkRoom({ library, bufferType, memory, name }: ProgramDevice, { items }: Sequence, graph: Pointer): void {
  const { bindings } = library;
  const all = items.reduce(
    (sum, { node, kind }) => (kind === "operation" && node.root === node ? sum + node.bytes : sum),
    0,
  );
  if (2 * all <= memory.left) return; // kernels want some memory of their own
  const allocator: Pointer = bindings.ggml_gallocr_new(bufferType);
  const size: [number] = [0];
  bindings.ggml_gallocr_reserve_n_size(allocator, graph, null, null, size);
  bindings.ggml_gallocr_free(allocator);
  if (Number(size[0]) <= memory.left) return;
  throw outOfMemory(
    `a graph of ${items.length} operations needs ${size[0]} bytes, and ${name} has ${memory.left} left; run fewer tokens at once`,
  );
}

/** Offsets of what the host gives, one after the other. */
function hostSlots({ items }: Sequence, alignment: number): { offsets: ReadonlyMap<number, number>; bytes: number } {
  const offsets = new Map<number, number>();
  let bytes = 0;
  items.forEach(({ node, kind }, index) => {
    if (kind !== "host") return;
    offsets.set(index, bytes);
    bytes += Math.max(1, Math.ceil(node.bytes / alignment)) * alignment; // a place even where it has no values
  });
  return { offsets, bytes };
}

function arenaTensor({ library }: ProgramDevice, context: Pointer, region: Region, bytes: number): Pointer {
  const { bindings } = library;
  const tensor: Pointer = bindings.ggml_new_tensor_4d(context, TYPES.i8.id, bytes, 1, 1, 1);
  bindings.ggml_backend_tensor_alloc(region.buffer, tensor, region.address);
  return tensor;
}

/** The struct's second field is its buffer. */
const BUFFER_OFFSET = 8;

function placeOf({ bindings, koffi }: Library, tensor: Pointer): Place {
  const buffer = koffi.decode(tensor, BUFFER_OFFSET, "void*") as Pointer;
  return { tensor, buffer, address: bindings.ggml_get_data(tensor) };
}

function lacking(device: string, { operation, type, sides, sources }: GgmlNode): EngramError {
  const given = sources.map((one) => `${one.type} [${one.sides.join(", ")}]`).join(", ");
  return new EngramError({
    code: "unsupported",
    operation: "ggml",
    message: `${device} does not compute ${operation} of ${given} to ${type} [${sides.join(", ")}]; use another device, f32 weights, or other widths`,
    context: { device, operation },
  });
}
