// Reads a manifest that may come from anywhere. Sizes are capped before anything is parsed or allocated, every field
// is checked for type and range, URIs cannot leave the manifest's directory, and parts must cover each table exactly.
// Shapes and ranges only: whether derived numbers are the right ones is createAddressing's to say, and whether objects
// are as the manifest has it, the stores'.

import { ADDRESSING_LIMITS, type AddressingConfig, parseAddressingConfig } from "../addressing/addressing-config.js";
import type { StoredLayerDerivation } from "../addressing/derivation.js";
import { isEngramError } from "../errors.js";
import type { Manifest, ManifestTokenMap } from "./manifest.js";
import {
  arrayField,
  objectField,
  refuseField,
  sha256Field,
  textField,
  uriField,
  wholeField,
} from "./manifest-fields.js";
import { type ManifestObjects, noteObject, readLayerIndex, readModule } from "./manifest-module.js";
import { MAX_ROWS } from "./table.js";

/** Most characters of a manifest; the largest published table would need some 50,000. */
export const MAX_MANIFEST_LENGTH = 16 * 2 ** 20;

/**
 * Reads and checks a manifest.
 * @param source the text of `engram.json`, or what JSON.parse made of it. The result is a fresh plain object.
 * @throws EngramError `invalid-manifest`, naming the path in the document, what was found there and what is allowed.
 */
export function parseManifest(source: unknown): Manifest {
  const fields = objectField(typeof source === "string" ? parseText(source) : source, "manifest", [
    "format",
    "version",
    "addressing",
    "derived",
    "tokenMap",
    "modules",
  ]);
  const { format, version } = fields;
  if (format !== "engram") refuseField("format", format, 'use "engram"; is this another program\'s file?');
  if (version !== 1) refuseField("version", version, "this release reads version 1; use one that knows the other");
  const addressing = readAddressing(fields.addressing);
  const layers = readDerived(fields.derived, addressing);
  const objects: ManifestObjects = new Map();
  const tokenMap =
    fields.tokenMap === undefined ? {} : { tokenMap: readTokenMap(fields.tokenMap, addressing, objects) };
  const modules = arrayField(fields.modules, "modules", 1, layers.length, (entry, path) =>
    readModule(entry, path, layers, objects),
  );
  modules.forEach(({ layer }, i) => {
    const first = modules.findIndex((module) => module.layer === layer);
    if (first < i) refuseField(`modules[${i}].layer`, layer, `modules[${first}] is that layer's table; keep one`);
  });
  return { format, version, addressing, derived: { layers }, ...tokenMap, modules };
}

function parseText(text: string): unknown {
  if (text.length > MAX_MANIFEST_LENGTH) {
    refuseField(
      "manifest",
      `${text.slice(0, 20)}...`,
      `${text.length} characters, and at most ${MAX_MANIFEST_LENGTH} are read`,
    );
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    return refuseField("manifest", text, "it must be JSON; is the file cut short?", cause);
  }
}

function readAddressing(value: unknown): AddressingConfig {
  try {
    return parseAddressingConfig(value);
  } catch (cause) {
    if (!isEngramError(cause)) throw cause;
    const { field, found } = cause.context;
    if (typeof field === "string" && /^\w+(\[\d+\])?$/.test(field)) {
      refuseField(`addressing.${field}`, found, cause.message, cause);
    }
    return refuseField("addressing", value, cause.message, cause);
  }
}

function readDerived(value: unknown, addressing: AddressingConfig): StoredLayerDerivation[] {
  const { layers } = objectField(value, "derived", ["layers"]);
  const count = addressing.layers.length;
  const derived = arrayField(layers, "derived.layers", count, count, (entry, path) =>
    readLayer(entry, path, addressing),
  );
  addressing.layers.forEach((layer, i) => {
    const found = derived[i]?.layer;
    const path = `derived.layers[${i}].layer`;
    if (found !== layer) refuseField(path, found, `addressing.layers[${i}] is ${layer}; keep its order`);
  });
  return derived;
}

function readLayer(value: unknown, path: string, addressing: AddressingConfig): StoredLayerDerivation {
  const fields = objectField(value, path, ["layer", "multipliers", "primes", "offsets", "rows"]);
  const orders = addressing.tableSizes.length;
  const heads = addressing.headsPerOrder;
  const multipliers = arrayField(fields.multipliers, `${path}.multipliers`, orders + 1, orders + 1, (entry, at) =>
    textField(entry, at, /^[1-9][0-9]{0,18}$/, "use a positive whole number of at most 19 digits, as a string"),
  );
  const primes = arrayField(fields.primes, `${path}.primes`, orders, orders, (order, at) =>
    arrayField(order, at, heads, heads, (prime, here) => wholeField(prime, here, 2, MAX_ROWS, "the rows of one head")),
  );
  const offsets = arrayField(fields.offsets, `${path}.offsets`, orders * heads, orders * heads, (offset, at) =>
    wholeField(offset, at, 0, MAX_ROWS, "the first row of one head"),
  );
  const rows = wholeField(fields.rows, `${path}.rows`, 1, MAX_ROWS, "the rows that the addressing needs");
  return { layer: readLayerIndex(fields.layer, `${path}.layer`), multipliers, primes, offsets, rows };
}

function readTokenMap(value: unknown, addressing: AddressingConfig, objects: ManifestObjects): ManifestTokenMap {
  const path = "tokenMap";
  if (addressing.kind === "qwen-ple") refuseField(path, value, "addressing.kind qwen-ple hashes raw ids; leave it out");
  const fields = objectField(value, path, ["file", "bytes", "sha256", "tokens", "compressed"]);
  const file = uriField(fields.file, `${path}.file`);
  const bytes = wholeField(fields.bytes, `${path}.bytes`, 1, 2 ** 31, "the size of the token map");
  const sha256 = sha256Field(fields.sha256, `${path}.sha256`);
  const tokens = wholeField(
    fields.tokens,
    `${path}.tokens`,
    1,
    ADDRESSING_LIMITS.vocabSize,
    "the raw token ids mapped",
  );
  const compressed = wholeField(fields.compressed, `${path}.compressed`, 1, tokens, "the compressed ids");
  if (compressed !== addressing.vocabSize) {
    refuseField(
      `${path}.compressed`,
      compressed,
      `addressing.vocabSize is ${addressing.vocabSize}; another vocabulary?`,
    );
  }
  noteObject(objects, file, bytes, sha256, path);
  return { file, bytes, sha256, tokens, compressed };
}
