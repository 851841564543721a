// Reads the header of a safetensors file from the file's first bytes: which tensors it holds, and where. Nothing of the
// data is needed, so that a store can address rows inside a shard on a disk or in an object store by byte ranges.
// As strict as the format's reference implementation, and stricter on two counts that the format's text demands: names
// may not stand twice, and the header begins with '{'. Not here: reading of values (safetensors.ts).

import { EngramError, type ErrorCode } from "../errors.js";
import { DTYPES, type Dtype, denseBytes, isDtype } from "./dtype.js";
import { HeaderJsonProblem, type HeaderValue, quoted, readHeaderJson } from "./header-json.js";

/** Most bytes of a header's JSON, as in the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Bytes before the JSON: its length as a little-endian 64-bit number. */
const LENGTH_BYTES = 8;

/** One tensor of a file: row-major, little-endian, dense. */
export interface SafetensorsTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** First byte of the values, counted from the start of the file. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

/** What a safetensors file says of itself. */
export interface SafetensorsHeader {
  /** Tensors by name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** Free text that the file's maker put there. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the data begins: the bytes of the length and of the JSON. */
  readonly dataBegin: number;
  /** Bytes of the whole file. */
  readonly fileBytes: number;
}

/**
 * How many of a file's first bytes {@link parseSafetensorsHeader} needs, told from the first 8.
 * @throws EngramError `truncated` where the file is too short for its header, `invalid-safetensors` where the header is
 * larger than {@link MAX_HEADER_BYTES}, `invalid-argument` where `prefix` is shorter than 8 bytes or longer than the file.
 */
export function safetensorsHeaderBytes(prefix: Uint8Array, fileBytes: number): number {
  const operation = "safetensorsHeaderBytes";
  return LENGTH_BYTES + headerJsonBytes(prefix, fileBytes, operation);
}

/**
 * Reads a header. `prefix` is the start of the file, at least {@link safetensorsHeaderBytes} long; `fileBytes` is the
 * length of the whole file, against which every tensor is checked.
 * @throws EngramError `invalid-safetensors` naming the tensor and what is wrong with it, `truncated` where the file is
 * shorter than its header says, `invalid-argument` where `prefix` does not hold the whole header.
 */
export function parseSafetensorsHeader(prefix: Uint8Array, fileBytes: number): SafetensorsHeader {
  const operation = "parseSafetensorsHeader";
  const jsonBytes = headerJsonBytes(prefix, fileBytes, operation);
  const dataBegin = LENGTH_BYTES + jsonBytes;
  if (prefix.length < dataBegin) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `the header takes the first ${dataBegin} bytes, prefix has ${prefix.length}; read that many and call again`,
      context: { neededBytes: dataBegin, prefixBytes: prefix.length },
    });
  }
  const root = readJson(prefix.subarray(LENGTH_BYTES, dataBegin), operation);
  let metadata: ReadonlyMap<string, string> = new Map();
  const found: SafetensorsTensor[] = [];
  for (const [name, value] of root) {
    if (name === "__metadata__") metadata = readMetadata(value, operation);
    else found.push(readTensor(name, value, dataBegin, operation));
  }
  found.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCover(found, dataBegin, fileBytes, operation);
  return { tensors: new Map(found.map((tensor) => [tensor.name, tensor])), metadata, dataBegin, fileBytes };
}

function headerJsonBytes(prefix: Uint8Array, fileBytes: number, operation: string): number {
  if (!Number.isSafeInteger(fileBytes) || fileBytes < prefix.length) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `fileBytes is ${String(fileBytes)}; give the whole file's length, no less than the prefix of ${prefix.length}`,
      context: { fileBytes, prefixBytes: prefix.length },
    });
  }
  if (fileBytes < LENGTH_BYTES) {
    const message = `the file has ${fileBytes} bytes, a safetensors file at least ${LENGTH_BYTES}; fetch it again`;
    throw new EngramError({ code: "truncated", operation, message, context: { fileBytes } });
  }
  if (prefix.length < LENGTH_BYTES) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `prefix has ${prefix.length} bytes; give at least the first ${LENGTH_BYTES}`,
      context: { neededBytes: LENGTH_BYTES, prefixBytes: prefix.length },
    });
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES);
  const jsonBytes = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true); // rounded only where far past the limit
  if (jsonBytes > MAX_HEADER_BYTES) {
    refuse(
      operation,
      `the first 8 bytes give a header of ${jsonBytes} bytes, at most ${MAX_HEADER_BYTES} are allowed; is this a safetensors file?`,
      { jsonBytes },
    );
  }
  if (LENGTH_BYTES + jsonBytes > fileBytes) {
    const message = `the header takes ${LENGTH_BYTES + jsonBytes} bytes, the file has ${fileBytes}; fetch it again`;
    throw new EngramError({ code: "truncated", operation, message, context: { jsonBytes, fileBytes } });
  }
  return jsonBytes;
}

function readJson(bytes: Uint8Array, operation: string): ReadonlyMap<string, HeaderValue> {
  if (bytes[0] !== 0x7b) {
    refuse(operation, `the header must begin with '{', found ${bytes.length === 0 ? "nothing" : `byte ${bytes[0]}`}`);
  }
  let text: string;
  try {
    // A copy: in browsers, TextDecoder refuses shared memory.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch (cause) {
    refuse(operation, "the header is not valid UTF-8; is this a safetensors file, and whole?", {}, cause);
  }
  try {
    const root = readHeaderJson(text);
    if (root instanceof Map) return root;
  } catch (cause) {
    if (!(cause instanceof HeaderJsonProblem)) throw cause;
    refuse(operation, `${cause.message}, at character ${cause.at} of the header`, { character: cause.at }, cause);
  }
  refuse(operation, "the header must be a JSON object");
}

function readMetadata(value: HeaderValue, operation: string): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (value === null) return metadata; // the reference implementation reads it so
  if (!(value instanceof Map)) refuse(operation, "__metadata__ must be an object of strings");
  for (const [key, text] of value) {
    if (typeof text !== "string")
      refuse(operation, `__metadata__ must hold strings alone, ${quoted(key)} is none`, { key });
    metadata.set(key, text);
  }
  return metadata;
}

function readTensor(name: string, value: HeaderValue, dataBegin: number, operation: string): SafetensorsTensor {
  const fail = (message: string, context = {}): never =>
    refuse(operation, `tensor ${quoted(name)}: ${message}`, { tensor: name, ...context });
  if (!(value instanceof Map)) return fail("must be an object with dtype, shape and data_offsets");
  const dtype: unknown = value.get("dtype");
  const shape: unknown = value.get("shape");
  const offsets: unknown = value.get("data_offsets");
  if (!isDtype(dtype)) {
    return fail(`dtype is ${shown(dtype)}; known are ${DTYPES.join(", ")}`, { dtype });
  }
  if (!isWholeNumbers(shape)) return fail(`shape must be an array of whole numbers, is ${shown(shape)}`);
  if (!isWholeNumbers(offsets) || offsets.length !== 2) {
    return fail(`data_offsets must be two whole numbers, is ${shown(offsets)}`);
  }
  const [begin = 0, end = 0] = offsets;
  const bytes = denseBytes(dtype, shape);
  if (typeof bytes === "string") {
    return fail(
      bytes === "part-of-a-byte"
        ? `${dtype} values of shape [${shape}] do not end on a whole byte`
        : `shape [${shape}] of ${dtype} has more bits than 2^53`,
    );
  }
  if (end - begin !== bytes) {
    return fail(
      `data_offsets [${begin}, ${end}] hold ${end - begin} bytes, ${dtype} of shape [${shape}] takes ${bytes}`,
    );
  }
  return { name, dtype, shape, begin: dataBegin + begin, end: dataBegin + end };
}

/** The format allows neither holes nor overlaps nor a rest: nothing can hide in a file. */
function checkCover(
  tensors: readonly SafetensorsTensor[],
  dataBegin: number,
  fileBytes: number,
  operation: string,
): void {
  let at = dataBegin;
  for (const { name, begin, end } of tensors) {
    if (begin !== at) {
      const what =
        begin < at ? `overlaps the tensor before it, which ends` : `leaves a hole after the data before it, which ends`;
      refuse(
        operation,
        `tensor ${quoted(name)} begins at byte ${begin - dataBegin} of the data and ${what} at ${at - dataBegin}`,
        {
          tensor: name,
          begin,
          end,
        },
      );
    }
    at = end;
  }
  if (at === fileBytes) return;
  const [code, mend]: [ErrorCode, string] =
    at > fileBytes
      ? ["truncated", "fetch it again"]
      : ["invalid-safetensors", "no tensor covers the rest, and the format allows none"];
  throw new EngramError({
    code,
    operation,
    message: `the tensors end at byte ${at}, the file at ${fileBytes}; ${mend}`,
    context: { expectedBytes: at, fileBytes },
  });
}

function isWholeNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") return quoted(value);
  const text = value instanceof Map ? "an object" : (JSON.stringify(value) ?? "missing");
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

function refuse(operation: string, message: string, context: Record<string, unknown> = {}, cause?: unknown): never {
  throw new EngramError({
    code: "invalid-safetensors",
    operation,
    message,
    context,
    ...(cause === undefined ? {} : { cause }),
  });
}
