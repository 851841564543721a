// Reads a golden file and checks that it is the one that its script made.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

export function fixture(name: string, digest: string): Buffer {
  const data = readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
  const found = sha256(data);
  if (found !== digest) throw new Error(`fixtures/${name} has digest ${found}, and the test was written for ${digest}`);
  return data;
}

/** The bits of float32 values, every NaN as 0x7fc00000, as the oracle writes them. */
export function float32Bits(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.slice().buffer);
  return bits.map((word) => ((word & 0x7fff_ffff) > 0x7f80_0000 ? 0x7fc0_0000 : word));
}

export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The same bytes in a view that starts at an odd offset. */
export function unaligned(bytes: Uint8Array): Uint8Array {
  const shifted = new Uint8Array(bytes.length + 3).subarray(1, 1 + bytes.length);
  shifted.set(bytes);
  return shifted;
}

/** A Float32Array that starts inside its buffer. */
export function shiftedFloats(length: number): Float32Array {
  return new Float32Array(new ArrayBuffer(length * 4 + 8), 4, length);
}
