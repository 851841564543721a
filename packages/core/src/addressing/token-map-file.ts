// A token map as bytes: one little-endian u32 per raw id and nothing else, so that its SHA-256 is the map's identity.
// Checked on load: length, the order of first occurrence, and what the caller knows of it. Bytes in, bytes out: no files here.

import { EngramError } from "../errors.js";
import type { TokenMap } from "./token-map.js";
import { MAX_TOKENIZER_IDS } from "./tokenizer-json.js";

/** What is known of a token map before it is loaded; each given field is checked. */
export interface TokenMapExpectation {
  /** `sha256:` and the hex digest of the bytes. */
  readonly digest?: string;
  /** Number of raw ids. */
  readonly tokens?: number;
  /** Number of compressed ids. */
  readonly compressed?: number;
}

const littleEndianHost = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** The bytes of a map: the compressed id of each raw id as u32, little-endian, [tokens * 4]. */
export function encodeTokenMap(map: TokenMap): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(map.ids.length * 4);
  if (littleEndianHost) {
    bytes.set(new Uint8Array(map.ids.buffer, map.ids.byteOffset, map.ids.byteLength));
    return bytes;
  }
  const view = new DataView(bytes.buffer);
  map.ids.forEach((id, index) => {
    view.setUint32(index * 4, id, true);
  });
  return bytes;
}

/** The identity of a map: `sha256:` and the hex digest of its bytes. */
export function tokenMapDigest(map: TokenMap): Promise<string> {
  return sha256(encodeTokenMap(map), "tokenMapDigest");
}

/**
 * Loads a map from its bytes. The bytes are copied.
 * @throws EngramError `truncated` (not a whole number of ids), `digest-mismatch`, or `invalid-token-map` (empty, too
 * large, ids not numbered by first occurrence, or other counts than expected).
 * @example
 * const map = await decodeTokenMap(await readFile("tokens.u32"), { compressed: 98627 });
 */
export async function decodeTokenMap(bytes: Uint8Array, expected: TokenMapExpectation = {}): Promise<TokenMap> {
  if (bytes.byteLength % 4 !== 0) {
    throw new EngramError({
      code: "truncated",
      operation: "decodeTokenMap",
      message: `expected a whole number of 4-byte ids, found ${bytes.byteLength} bytes; copy or make the token map again`,
      context: { bytes: bytes.byteLength },
    });
  }
  const tokens = bytes.byteLength / 4;
  if (tokens < 1 || tokens > MAX_TOKENIZER_IDS) {
    throw invalid(`expected 1 to ${MAX_TOKENIZER_IDS} ids, found ${tokens}`, { tokens });
  }
  if (expected.tokens !== undefined && expected.tokens !== tokens) {
    throw invalid(`expected ${expected.tokens} ids, found ${tokens}`, { expected: expected.tokens, found: tokens });
  }
  // Copied before the digest is awaited: what is checked is what is used.
  const copy = new Uint8Array(bytes);
  if (expected.digest !== undefined) {
    const wanted = checkedDigest(expected.digest);
    const found = await sha256(copy, "decodeTokenMap");
    if (found !== wanted) {
      throw new EngramError({
        code: "digest-mismatch",
        operation: "decodeTokenMap",
        message: `expected ${wanted}, found ${found}; this is another token map than the one the tables were made with`,
        context: { expected: wanted, found },
      });
    }
  }
  const ids = littleEndianHost ? new Uint32Array(copy.buffer) : swapped(copy);
  const compressed = countCompressed(ids);
  if (expected.compressed !== undefined && expected.compressed !== compressed) {
    throw invalid(`expected ${expected.compressed} compressed ids, found ${compressed}`, {
      expected: expected.compressed,
      found: compressed,
    });
  }
  return { tokens, compressed, ids };
}

/** Number of compressed ids of a map whose new ids are consecutive in order of first occurrence. */
function countCompressed(ids: Uint32Array): number {
  let next = 0;
  for (let raw = 0; raw < ids.length; raw++) {
    const id = ids[raw] ?? 0;
    if (id > next) {
      throw invalid(
        `expected an id of at most ${next} for token ${raw}, found ${id}: ids are numbered by first occurrence`,
        {
          token: raw,
          found: id,
          next,
        },
      );
    }
    if (id === next) next++;
  }
  return next;
}

function swapped(bytes: Uint8Array<ArrayBuffer>): Uint32Array {
  const view = new DataView(bytes.buffer);
  return Uint32Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getUint32(index * 4, true));
}

function checkedDigest(digest: string): string {
  if (typeof digest === "string" && /^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw new EngramError({
    code: "invalid-argument",
    operation: "decodeTokenMap",
    message: `expected.digest is ${String(JSON.stringify(digest)).slice(0, 80)}; write it as sha256: and 64 hex digits in lower case`,
    context: { digest },
  });
}

async function sha256(bytes: Uint8Array<ArrayBuffer>, operation: string): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new EngramError({
      code: "unsupported",
      operation,
      message: "this runtime has no Web Crypto (browsers offer it to secure pages only); serve the page over https",
    });
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function invalid(message: string, context: Readonly<Record<string, unknown>>): EngramError {
  return new EngramError({
    code: "invalid-token-map",
    operation: "decodeTokenMap",
    message: `${message}; make it again from the tokenizer`,
    context,
  });
}
