// Memory of one device, cut out of a few large buffers: drivers allow only some thousand allocations. Regions are freed one
// by one and joined with their neighbours. Not here: memory of running graphs, which ggml plans (program.ts).

import { EngramError } from "@engram-ts/core";
import type { Bindings, Pointer } from "../library/bindings.js";

/** A piece of memory. */
export interface Region {
  readonly buffer: Pointer;
  readonly address: Pointer;
  readonly bytes: number;
}

interface Chunk {
  readonly buffer: Pointer;
  readonly base: Pointer;
  readonly bytes: number;
  /** Sorted by offset, no two of them neighbours. */
  readonly free: { offset: number; bytes: number }[];
}

/** Memory of a device. */
export interface DeviceMemory {
  /**
   * A region of at least so many bytes, not cleared.
   * @throws EngramError `out-of-memory` where the device has no more, or never has so much in one piece.
   */
  allocate(bytes: number, what: string): Region;
  free(region: Region): void;
  /** Bytes taken from the device. */
  readonly taken: number;
  /** Bytes that may still be taken. */
  readonly left: number;
  /** Counts memory that others take from the device: that of graphs. */
  count(bytes: number): void;
  readonly alignment: number;
  /** What the device itself asks for. */
  readonly viewAlignment: number;
  close(): void;
}

const CHUNK_BYTES = 32 * 2 ** 20;

/** What is allocated from. */
export interface MemorySource {
  /** Its name. */
  readonly device: string;
  /** Bytes that may be taken at most: a CPU would lend more than there is, and the system end the process later. */
  readonly most: number;
  /** Never gives memory back before the end. */
  readonly keeps?: boolean;
}

/** Memory of the device of a buffer type. */
export function deviceMemory(
  bindings: Bindings,
  bufferType: Pointer,
  { device, most: mostBytes, keeps = false }: MemorySource,
): DeviceMemory {
  const viewAlignment = Number(bindings.ggml_backend_buft_get_alignment(bufferType));
  const alignment = Math.max(64, viewAlignment);
  const most = Number(bindings.ggml_backend_buft_get_max_size(bufferType));
  const chunks: Chunk[] = [];
  let taken = 0;
  let counted = 0;
  const whole = (bytes: number): number => Math.max(1, Math.ceil(bytes / alignment)) * alignment;

  const left = (): number => mostBytes - taken - counted;
  const addChunk = (bytes: number): Chunk | undefined => {
    if (bytes > left()) return undefined;
    const buffer: Pointer = bindings.ggml_backend_buft_alloc_buffer(bufferType, bytes) ?? 0n;
    if (!buffer) return undefined;
    const chunk = { buffer, base: bindings.ggml_backend_buffer_get_base(buffer), bytes, free: [{ offset: 0, bytes }] };
    chunks.push(chunk);
    taken += bytes;
    return chunk;
  };
  const cut = (chunk: Chunk, bytes: number): Region | undefined => {
    const index = chunk.free.findIndex((gap) => gap.bytes >= bytes);
    const gap = chunk.free[index];
    if (gap === undefined) return undefined;
    const address = chunk.base + BigInt(gap.offset);
    gap.offset += bytes;
    gap.bytes -= bytes;
    if (gap.bytes === 0) chunk.free.splice(index, 1);
    return { buffer: chunk.buffer, address, bytes };
  };

  return {
    alignment,
    viewAlignment,
    get left() {
      return left();
    },
    count(bytes) {
      counted += bytes;
    },
    get taken() {
      return taken;
    },
    allocate(bytes, what) {
      const size = whole(bytes);
      for (const chunk of chunks) {
        const region = cut(chunk, size);
        if (region !== undefined) return region;
      }
      if (!(size <= most)) {
        throw outOfMemory(
          `${what} needs ${bytes} bytes in one piece; ${device} allows ${most}; use a smaller shape or weights of a smaller type`,
        );
      }
      const chunk = addChunk(Math.max(size, Math.min(CHUNK_BYTES, most))) ?? addChunk(size);
      const region = chunk && cut(chunk, size);
      if (region !== undefined) return region;
      const found = `${device} has ${left()} of ${mostBytes} bytes left`;
      throw outOfMemory(
        `${what} needs ${size} bytes, and ${found}; dispose of tensors, or use weights of a smaller type`,
      );
    },
    free({ buffer, address, bytes }) {
      const index = chunks.findIndex((one) => one.buffer === buffer);
      const chunk = chunks[index];
      if (chunk === undefined) return;
      const offset = Number(address - chunk.base);
      const after = chunk.free.findIndex((gap) => gap.offset > offset);
      chunk.free.splice(after === -1 ? chunk.free.length : after, 0, { offset, bytes });
      for (let i = chunk.free.length - 1; i > 0; i--) {
        const left = chunk.free[i - 1];
        const right = chunk.free[i];
        if (left === undefined || right === undefined || left.offset + left.bytes !== right.offset) continue;
        left.bytes += right.bytes;
        chunk.free.splice(i, 1);
      }
      if (!keeps && chunk.free[0]?.bytes === chunk.bytes && (chunk.bytes > CHUNK_BYTES || chunks.length > 1)) {
        bindings.ggml_backend_buffer_free(chunk.buffer);
        taken -= chunk.bytes;
        chunks.splice(index, 1);
      }
    },
    close() {
      for (const { buffer } of chunks) bindings.ggml_backend_buffer_free(buffer);
      chunks.length = 0;
      taken = 0;
    },
  };
}

/** The error where a device's memory does not suffice. */
export function outOfMemory(message: string): EngramError {
  return new EngramError({ code: "out-of-memory", operation: "ggml", message, retry: "later" });
}
