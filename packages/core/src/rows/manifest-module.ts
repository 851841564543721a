// Reads the tables of a manifest: modules, their parts, and the regions of objects where these lie. Parts must cover
// each table exactly, regions must lie within their objects, digests be as many as blocks, and what is said twice of one
// object must be the same.

import { ADDRESSING_LIMITS } from "../addressing/addressing-config.js";
import type { StoredLayerDerivation } from "../addressing/derivation.js";
import { isEngramError } from "../errors.js";
import { checkRowEncoding, encodedRowBytes, type RowEncoding, rowScaleBytes } from "./encoding.js";
import type { ManifestBlocks, ManifestModule, ManifestPart, ManifestRegion } from "./manifest.js";
import {
  arrayField,
  objectField,
  refuseField,
  sha256Field,
  textField,
  uriField,
  wholeField,
} from "./manifest-fields.js";
import { MAX_ROWS } from "./table.js";

/** Most parts of one table. */
export const MAX_MANIFEST_PARTS = 65_536;

/** Bytes of one block's digest in a file of block digests: a raw SHA-256. */
export const BLOCK_DIGEST_BYTES = 32;

const MAX_BYTES = Number.MAX_SAFE_INTEGER;

/** What each object is said to be, by its URI, and where that was said first. */
export type ManifestObjects = Map<
  string,
  { readonly bytes: number; readonly sha256: string | undefined; readonly path: string }
>;

/** The index of a layer. */
export function readLayerIndex(value: unknown, path: string): number {
  return wholeField(value, path, 0, ADDRESSING_LIMITS.layer, "the 0-based index of a block");
}

/** @param derived the layers of the addressing, one of which the table is for. */
export function readModule(
  value: unknown,
  path: string,
  derived: readonly StoredLayerDerivation[],
  objects: ManifestObjects,
): ManifestModule {
  const fields = objectField(value, path, ["layer", "rows", "encoding", "digest", "blocks", "parts"]);
  const layer = readLayerIndex(fields.layer, `${path}.layer`);
  const addressed = derived.find((entry) => entry.layer === layer);
  if (addressed === undefined) {
    return refuseField(
      `${path}.layer`,
      layer,
      `addressing.layers has ${derived.map((entry) => entry.layer).join(", ")}`,
    );
  }
  const rows = wholeField(
    fields.rows,
    `${path}.rows`,
    addressed.rows,
    MAX_ROWS,
    "at least the rows that the addressing needs",
  );
  const encoding = readEncoding(fields.encoding, `${path}.encoding`);
  const digest =
    fields.digest === undefined
      ? {}
      : {
          digest: textField(
            fields.digest,
            `${path}.digest`,
            /^sha256:[0-9a-f]{64}$/,
            'use "sha256:" and 64 lower-case hexadecimal digits',
          ),
        };
  const blocks =
    fields.blocks === undefined ? {} : { blocks: readBlocks(fields.blocks, `${path}.blocks`, rows, objects) };
  let nextRow = 0;
  const parts = arrayField(fields.parts, `${path}.parts`, 1, MAX_MANIFEST_PARTS, (entry, at) => {
    const part = readPart(entry, at, encoding, objects);
    if (part.firstRow !== nextRow) {
      const fault = part.firstRow < nextRow ? "it overlaps the parts before it" : "it leaves a gap";
      refuseField(`${at}.firstRow`, part.firstRow, `use ${nextRow}, where the parts before it end; ${fault}`);
    }
    nextRow += part.rows;
    if (nextRow > rows)
      refuseField(`${at}.rows`, part.rows, `the parts then hold ${nextRow} rows, and the table ${rows}`);
    return part;
  });
  if (nextRow < rows) refuseField(`${path}.parts`, fields.parts, `they hold ${nextRow} rows, and the table ${rows}`);
  return { layer, rows, encoding, ...digest, ...blocks, parts };
}

function readBlocks(value: unknown, path: string, tableRows: number, objects: ManifestObjects): ManifestBlocks {
  const fields = objectField(value, path, ["rows", "digests"]);
  const rows = wholeField(fields.rows, `${path}.rows`, 1, MAX_ROWS, "the rows of a block");
  if (fields.digests === undefined) return { rows };
  const at = `${path}.digests`;
  const digests = objectField(fields.digests, at, ["uri", "bytes", "sha256"]);
  const uri = uriField(digests.uri, `${at}.uri`);
  const expected = BLOCK_DIGEST_BYTES * Math.ceil(tableRows / rows);
  const bytes = wholeField(digests.bytes, `${at}.bytes`, expected, expected, "32 bytes for each block of the table");
  const sha256 = sha256Field(digests.sha256, `${at}.sha256`);
  noteObject(objects, uri, bytes, sha256, at);
  return { rows, digests: { uri, bytes, sha256 } };
}

function readEncoding(value: unknown, path: string): RowEncoding {
  const { kind, width, scale } = objectField(value, path, ["kind", "width", "scale"]);
  const encoding: unknown = scale === undefined ? { kind, width } : { kind, width, scale };
  try {
    checkRowEncoding(encoding, "parseManifest");
  } catch (cause) {
    if (!isEngramError(cause)) throw cause;
    return refuseField(path, value, cause.message, cause);
  }
  if (scale !== undefined && encoding.kind !== "fp8-e4m3") {
    refuseField(`${path}.scale`, scale, `${encoding.kind} has no scale of the whole table; leave it out`);
  }
  return encoding;
}

function readPart(value: unknown, path: string, encoding: RowEncoding, objects: ManifestObjects): ManifestPart {
  const fields = objectField(value, path, ["firstRow", "rows", "data", "scales"]);
  const firstRow = wholeField(fields.firstRow, `${path}.firstRow`, 0, MAX_ROWS, "the row at which the part starts");
  const rows = wholeField(fields.rows, `${path}.rows`, 1, MAX_ROWS, "the rows of the part");
  const scaleBytes = rowScaleBytes(encoding);
  if (fields.scales !== undefined && scaleBytes === 0) {
    refuseField(`${path}.scales`, fields.scales, `rows of ${encoding.kind} have no scales; leave it out`);
  }
  const rowBytes = encodedRowBytes(encoding);
  if (fields.scales === undefined) {
    return { firstRow, rows, data: readRegion(fields.data, `${path}.data`, rows, rowBytes, objects) };
  }
  const data = readRegion(fields.data, `${path}.data`, rows, rowBytes - scaleBytes, objects);
  const scales = readRegion(fields.scales, `${path}.scales`, rows, scaleBytes, objects);
  return { firstRow, rows, data, scales };
}

/** @param pieceBytes the bytes that are read at each stride. */
function readRegion(
  value: unknown,
  path: string,
  rows: number,
  pieceBytes: number,
  objects: ManifestObjects,
): ManifestRegion {
  const fields = objectField(value, path, ["uri", "bytes", "sha256", "offset", "stride"]);
  const uri = uriField(fields.uri, `${path}.uri`);
  const bytes = wholeField(fields.bytes, `${path}.bytes`, 1, MAX_BYTES, "the size of the object");
  const sha256 = fields.sha256 === undefined ? undefined : sha256Field(fields.sha256, `${path}.sha256`);
  const offset = wholeField(fields.offset, `${path}.offset`, 0, MAX_BYTES, "the byte at which the first row starts");
  const stride = wholeField(fields.stride, `${path}.stride`, pieceBytes, MAX_BYTES, "bytes from one row to the next");
  // Doubles: where this is beyond 2^53 it may be rounded, but never to something below 2^53, so it exceeds `bytes` still.
  const end = offset + (rows - 1) * stride + pieceBytes;
  if (end > bytes) {
    refuseField(path, value, `its ${rows} rows end at byte ${end}, and the object has ${bytes}; is it cut short?`);
  }
  noteObject(objects, uri, bytes, sha256, path);
  return sha256 === undefined ? { uri, bytes, offset, stride } : { uri, bytes, sha256, offset, stride };
}

/** Notes what is said of an object, and refuses what disagrees with what was said before. */
export function noteObject(
  objects: ManifestObjects,
  uri: string,
  bytes: number,
  sha256: string | undefined,
  path: string,
): void {
  const before = objects.get(uri);
  if (before === undefined) {
    objects.set(uri, { bytes, sha256, path });
    return;
  }
  if (before.bytes !== bytes) {
    refuseField(`${path}.bytes`, bytes, `${before.path} says that ${uri} has ${before.bytes}; one of them is wrong`);
  }
  if (before.sha256 !== sha256) {
    refuseField(`${path}.sha256`, sha256, `${before.path} says ${before.sha256 ?? "nothing"} for ${uri}; say the same`);
  }
}
