// The manifest `engram.json`: what makes a directory, or a prefix of an object store, self-describing. Its types. Reading
// it, which trusts nothing, is in manifest-reader.ts, writing it in manifest-writer.ts; whether its derived numbers are the
// ones that its addressing gives is decided by createAddressing.
// One format serves packed rows and published safetensors shards as they are: a part of a table is a run of rows in a
// region of some object, its scales behind the values of each row, or in a region of their own.

import type { AddressingConfig } from "../addressing/addressing-config.js";
import type { StoredDerivation } from "../addressing/derivation.js";
import type { RowEncoding } from "./encoding.js";

/** Where a manifest lies in its directory or prefix. */
export const MANIFEST_NAME = "engram.json";

/** The only version there is. A field that readers must know about makes a new one, since they refuse unknown fields. */
export const MANIFEST_VERSION = 1;

/** A directory or prefix with the tables of a model, described. */
export interface Manifest {
  readonly format: "engram";
  readonly version: typeof MANIFEST_VERSION;
  /** How tokens become row ids. */
  readonly addressing: AddressingConfig;
  /** What follows from `addressing`, stored so that a difference is found on load: pass it to createAddressing. */
  readonly derived: StoredDerivation;
  /** How raw token ids become compressed ones; absent where the addressing takes raw ids, or the map lies elsewhere. */
  readonly tokenMap?: ManifestTokenMap;
  /** The tables, at most one per layer of `addressing`; not every layer need be here. */
  readonly modules: readonly ManifestModule[];
}

/** A token map file. */
export interface ManifestTokenMap {
  /** Relative URI of the file. */
  readonly file: string;
  /** Its size. */
  readonly bytes: number;
  /** SHA-256 of its content, lower-case hex. */
  readonly sha256: string;
  /** Raw token ids that it maps. */
  readonly tokens: number;
  /** Compressed ids that it maps to: `addressing.vocabSize`. */
  readonly compressed: number;
}

/** The table of one layer. */
export interface ManifestModule {
  readonly layer: number;
  /** Rows stored: at least those derived. */
  readonly rows: number;
  readonly encoding: RowEncoding;
  /** `sha256:` and the hex digest of all encoded rows in order, scales behind values. */
  readonly digest?: string;
  /** The unit in which objects are read and digests are kept. */
  readonly blocks?: ManifestBlocks;
  /** All rows, in order, without gaps. */
  readonly parts: readonly ManifestPart[];
}

/**
 * Runs of rows of one table: block `i` is the rows from `i * rows` to `(i + 1) * rows`, the last one what is left,
 * wherever parts begin.
 */
export interface ManifestBlocks {
  /** Rows of a block. */
  readonly rows: number;
  /** A digest of each block, where they were made. */
  readonly digests?: ManifestBlockDigests;
}

/** A file of one raw 32-byte SHA-256 for each block, of the block's encoded rows in order, scales behind values. */
export interface ManifestBlockDigests {
  /** The file, relative to the manifest. */
  readonly uri: string;
  /** Its size: 32 bytes a block. */
  readonly bytes: number;
  /** SHA-256 of the file, lower-case hex. */
  readonly sha256: string;
}

/** A run of rows of one table. */
export interface ManifestPart {
  readonly firstRow: number;
  readonly rows: number;
  /** The rows; where `scales` is given, their values alone. */
  readonly data: ManifestRegion;
  /** The rows' scales, where they do not lie behind the values. */
  readonly scales?: ManifestRegion;
}

/** Evenly spaced pieces of one object (a file, or an object of a store): piece `i` starts at `offset + i * stride`. */
export interface ManifestRegion {
  /** The object, relative to the manifest. */
  readonly uri: string;
  /** Size of the whole object. */
  readonly bytes: number;
  /** SHA-256 of the whole object, lower-case hex. */
  readonly sha256?: string;
  /** Byte of the object at which the first piece starts. */
  readonly offset: number;
  /** Bytes from the start of one piece to that of the next, at least the size of a piece. */
  readonly stride: number;
}
