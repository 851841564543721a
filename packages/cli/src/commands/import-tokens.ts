// The token map that goes with imported tables: built from the checkpoint's own tokenizer.json, or from one that is named.

import { access } from "node:fs/promises";
import { join } from "node:path";
import {
  buildTokenMap,
  encodeTokenMap,
  type ManifestTokenMap,
  parseTokenizerJson,
  type TokenMap,
  tokenMapDigest,
} from "@engram-ts/core";
import { resolveTokenizer } from "../tokenizer-source.js";

/** A token map, as a manifest names it and as its bytes. */
export interface ImportedTokenMap {
  readonly map: TokenMap;
  readonly entry: ManifestTokenMap;
  readonly bytes: Uint8Array;
}

/** Where a token map lies beside tables. */
export const TOKEN_MAP_FILE = "token-map.u32";

/**
 * Builds the token map of a tokenizer; undefined where none is named and the folder has none.
 * @throws EngramError as `resolveTokenizer` and `parseTokenizerJson`.
 */
export async function importTokenMap(folder: string, named: string | undefined): Promise<ImportedTokenMap | undefined> {
  const own = join(folder, "tokenizer.json");
  const there = await access(own).then(
    () => true,
    () => false,
  );
  if (named === undefined && !there) return undefined;
  const { json } = await resolveTokenizer(named ?? own, process.cwd());
  const map = buildTokenMap(parseTokenizerJson(json));
  const bytes = encodeTokenMap(map);
  const sha256 = (await tokenMapDigest(map)).replace(/^sha256:/, "");
  const { tokens, compressed } = map;
  return { map, bytes, entry: { file: TOKEN_MAP_FILE, bytes: bytes.length, sha256, tokens, compressed } };
}
