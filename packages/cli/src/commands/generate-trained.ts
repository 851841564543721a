// `engram generate --run`: text from a run that `engram train` made, with its own tokenizer, its rows in memory or on any
// tier that they were written to.

import { EngramError, generate, type RowStore } from "@engram-ts/core";
import { writePieces } from "../command-output.js";
import { openByUri } from "../drivers.js";
import { type EngineCommandOptions, openEngine } from "../engine-choice.js";
import { openTrainRun, type TrainRun } from "./train-run.js";

/** Which run, and how tokens are chosen. */
export interface GenerateTrainedOptions extends EngineCommandOptions {
  readonly run: string;
  readonly prompt: string;
  readonly seed: number;
  readonly tables?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly json?: boolean;
  /** Of models without a run: refused here. */
  readonly preset?: string;
  readonly spec?: string;
  readonly checkpoint?: string;
  readonly tokenizer?: string;
}

const operation = "engram generate";

/** Runs the command. */
export async function runGenerateTrained(options: GenerateTrainedOptions, signal: AbortSignal): Promise<void> {
  const { run: folder, prompt, tables, json = false } = options;
  const { preset, spec, checkpoint, tokenizer } = options;
  for (const [name, value] of Object.entries({ preset, spec, checkpoint, tokenizer })) {
    if (value === undefined) continue;
    const message = `--run has its own model and tokenizer; leave out --${name}, or --run`;
    throw new EngramError({ code: "invalid-argument", operation, message });
  }
  const { backend, chosen } = await openEngine(options, operation);
  try {
    const run = await openTrainRun(folder, backend);
    const opened = tables === undefined ? undefined : await openByUri(tables, { signal });
    try {
      const ids: number[] = [];
      const pieces = trainedText(run, prompt, { ...options, tables: opened?.tables ?? run.tables, signal }, ids);
      if (!json) return await writePieces(framed(prompt, pieces));
      let text = "";
      for await (const piece of pieces) text += piece;
      const result = { prompt, promptIds: [...run.tokenizer.encode(prompt)], ids, text };
      await writePieces([`${JSON.stringify({ ...result, ...(chosen && { engine: chosen }) })}\n`]);
    } finally {
      await opened?.close();
      await run.close();
    }
  } finally {
    await backend.close();
  }
}

/** How tokens are chosen, and from which rows. */
export interface TrainedTextOptions
  extends Pick<GenerateTrainedOptions, "seed" | "maxTokens" | "temperature" | "topK" | "topP"> {
  readonly tables: ReadonlyMap<number, RowStore>;
  readonly signal?: AbortSignal;
}

/** The text that goes on after a prompt, piece by piece, to the end of a document at most. `ids` receives its tokens. */
export async function* trainedText<T>(
  { model, tokenizer, training }: TrainRun<T>,
  prompt: string,
  { tables, seed, maxTokens, temperature, topK, topP, signal }: TrainedTextOptions,
  ids: number[] = [],
): AsyncGenerator<string> {
  const { end } = training.manifest;
  const sampling = { temperature, seed, ...(topK !== undefined && { topK }), ...(topP !== undefined && { topP }) };
  const stop = { ...(end !== null && { stopIds: [end] }), ...(signal && { signal }) };
  let written = 0;
  for await (const id of generate(model, {
    prompt: tokenizer.encode(prompt),
    maxTokens,
    tables,
    ...sampling,
    ...stop,
  })) {
    ids.push(id);
    const text = tokenizer.decode(ids);
    const whole = text.endsWith("\ufffd") ? written : text.length; // a character that more tokens may complete
    if (whole > written) yield text.slice(written, whole);
    written = Math.max(written, whole);
  }
  const text = tokenizer.decode(ids);
  if (text.length > written) yield text.slice(written);
}

/** A prompt, what follows it, and a line's end. */
export async function* framed(prompt: string, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  yield prompt;
  for await (const piece of pieces) if (piece !== "") yield piece;
  yield "\n";
}
