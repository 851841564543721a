// Files of the format's reference implementation (tools/oracles/safetensors-files.py), and files made by hand.
import { fixture } from "../rows/fixture.js";

/** What the reference implementation reads from a file. */
export interface ReadTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: number[];
  readonly sha256: string;
}

export const REFERENCE_FILES = [
  [
    "safetensors-dtypes",
    "a192262bb76aea6564006960900810577b12956c8abc63a8ee8e51b09b7cbd84",
    "a18478fe7e4b91029a462befa94e935e89ae08ec889c312e58d44287af5da247",
  ],
  [
    "safetensors-names",
    "c6ffab995f549f2a4c378ae823986f72836b98a8f9fd90722c2ba6e94110c33a",
    "bac0034ff6cd7b5a9220be413b9a9e3127339c498c86360f052494d9485eb37f",
  ],
  [
    "safetensors-shapes",
    "5065767c5b7ce72fb3beb506834a4e87ae21bb9034c11bc40d2a7f2e3749164a",
    "8d609ad847915e5a6a170b16a831fca1421e403e463cea0467a1a40677e7ed1e",
  ],
  [
    "safetensors-empty",
    "9bbcbf73561f6bc5d0a17ea6a2081feed2d1304e87602d8c502d9a5c4bd85576",
    "37517e5f3dc66819f61f5a7bb8ace1921282415f10551d2defa5c3eb0985b570",
  ],
] as const;

export function referenceFile(name: string, digest: string): Buffer {
  return fixture(`${name}.safetensors`, digest);
}

export function referenceReading(name: string, digest: string): ReadTensor[] {
  return JSON.parse(fixture(`${name}.json`, digest).toString()) as ReadTensor[];
}

/** A file of a header given as JSON text, as bytes or as an object, and data. */
export function fileOf(header: string | Uint8Array | object, data: Uint8Array | number = 0): Uint8Array {
  const json =
    header instanceof Uint8Array
      ? header
      : new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const body = typeof data === "number" ? new Uint8Array(data) : data;
  const file = new Uint8Array(8 + json.length + body.length);
  new DataView(file.buffer).setUint32(0, json.length, true);
  file.set(json, 8);
  file.set(body, 8 + json.length);
  return file;
}

/** The header entry of a tensor of bytes. */
export function bytesEntry(begin: number, end: number, more: object = {}): object {
  return { dtype: "U8", shape: [end - begin], data_offsets: [begin, end], ...more };
}
