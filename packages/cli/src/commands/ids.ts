// `engram ids`: from compressed token ids to row ids, for any addressing. The place to check another implementation
// against this one.

import {
  type AddressingConfig,
  createAddressing,
  DEAD_TOKEN,
  EngramError,
  parseAddressingConfig,
} from "@engram-ts/core";
import { Command, InvalidArgumentError } from "commander";
import { writePieces } from "../command-output.js";
import { readJsonFile } from "../input-file.js";
import { parseTokenList, readTokenFile } from "../token-list.js";

const CONFIG_LIMIT_BYTES = 2 ** 20;
const CHUNK_TOKENS = 4096;

interface IdsOptions {
  config: string;
  layer: number;
  tokens?: string;
  tokensFile?: string;
  dead?: string;
  json?: boolean;
}

/** The command `ids`. */
export function idsCommand(): Command {
  return new Command("ids")
    .description("Row ids of a sequence of compressed token ids (raw ids for qwen-ple) in one layer's table.")
    .requiredOption("--config <file>", "addressing: a JSON file as in examples/addressing")
    .requiredOption("--layer <layer>", "0-based block index, one of the config's layers", wholeNumber)
    .option("--tokens <ids>", "token ids: 0,5,10")
    .option("--tokens-file <file>", "token ids in a file: a JSON array, or numbers between commas or white space")
    .option("--dead <positions>", "deepseek-v4.1: positions that hold no text, such as an image's: 6,7")
    .option("--json", "one JSON object: rows (an array a token), multipliers, primes, offsets")
    .addHelpText(
      "after",
      "\nExample:\n  engram ids --config examples/addressing/deepseek-v4.1.json --layer 1 --tokens 0,5,10,99091 --json",
    )
    .action((options: IdsOptions) => runIds(options));
}

async function runIds(options: IdsOptions): Promise<void> {
  const config = parseAddressingConfig(await readJsonFile(options.config, CONFIG_LIMIT_BYTES, "--config"));
  const tokens = await readTokens(options);
  markDead(tokens, options.dead, config);
  const addressing = createAddressing(config);
  const layer = addressing.layers.find((candidate) => candidate.layer === options.layer);
  if (layer === undefined) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "--layer",
      message: `layer ${options.layer} has no table in ${options.config}; its layers are ${config.layers.join(", ")}`,
    });
  }
  const { multipliers, primes, offsets, rows } = layer;
  const perToken = addressing.rowsPerToken;
  addressing.history().append(tokens); // refuses a bad token by its place in the whole, before anything is written

  async function* lines(): AsyncGenerator<string> {
    let history = addressing.history();
    if (options.json) yield '{"rows":[';
    for (let start = 0; start < tokens.length; start += CHUNK_TOKENS) {
      const chunk = tokens.subarray(start, start + CHUNK_TOKENS);
      const ids = addressing.rowIds(options.layer, chunk, history);
      history = history.append(chunk);
      const arrays = Array.from(chunk, (_, index) => ids.subarray(index * perToken, (index + 1) * perToken).join(","));
      if (options.json) yield (start === 0 ? "" : ",") + arrays.map((text) => `[${text}]`).join(",");
      else yield arrays.map((text) => `${text.replaceAll(",", " ")}\n`).join("");
    }
    if (options.json) {
      const rest = {
        kind: config.kind,
        layer: options.layer,
        rowsPerToken: perToken,
        multipliers: multipliers.map(String),
        primes,
        offsets,
        tableRows: rows,
      };
      yield `],${JSON.stringify(rest).slice(1)}\n`;
    }
  }
  await writePieces(lines());
}

async function readTokens({ tokens, tokensFile }: IdsOptions): Promise<Uint32Array> {
  if ((tokens === undefined) === (tokensFile === undefined)) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "engram ids",
      message: "give the token ids either with --tokens 0,5,10 or with --tokens-file FILE",
    });
  }
  return tokens !== undefined ? parseTokenList(tokens, "--tokens") : readTokenFile(tokensFile ?? "", "--tokens-file");
}

function markDead(tokens: Uint32Array, positions: string | undefined, config: AddressingConfig): void {
  if (positions === undefined) return;
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation: "--dead", message });
  };
  if (config.kind !== "deepseek-v4.1")
    refuse(`only deepseek-v4.1 knows dead tokens, and this config is ${config.kind}`);
  for (const position of parseTokenList(positions, "--dead")) {
    if (position >= tokens.length)
      refuse(`position ${position} is beyond the ${tokens.length} tokens; positions start at 0`);
    tokens[position] = DEAD_TOKEN;
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Write a whole number.");
  return Number(text);
}
