// `engram explain --run`: what a trained model's gates do on a text. For each token the gate of every block and stream, and
// the n-gram whose rows gave most; on the terminal, as JSON, or as a heat map in an HTML file of its own.

import { writeFile } from "node:fs/promises";
import { EngramError, tokenText } from "@engram-ts/core";
import { firedNgram, gateFigure, reportPage, type TracedLayer, traceGates } from "@engram-ts/train";
import { writeResult } from "../command-output.js";
import { type EngineCommandOptions, openEngine } from "../engine-choice.js";
import { textTable } from "../text-table.js";
import { openTrainRun, type TrainRun } from "./train-run.js";

/** What is explained, and where it goes. */
export interface ExplainModelOptions extends EngineCommandOptions {
  readonly run: string;
  readonly html?: string;
  readonly json?: boolean;
}

/** A text's gates, with the texts of its tokens. */
export interface ExplainedText {
  readonly layers: readonly TracedLayer[];
  readonly tokens: readonly string[];
  /** The text of an id that was hashed. */
  ngramText(id: number): string;
}

const BAR = 10;

/** Runs `engram explain --run`. */
export async function runExplainModel(text: string, options: ExplainModelOptions): Promise<void> {
  const { run: folder, html, json = false } = options;
  const { backend } = await openEngine(options, "engram explain");
  try {
    const run = await openTrainRun(folder, backend);
    try {
      const explained = await explainText(run, text);
      if (html !== undefined) await writePage(html, explained, run.trainer.step);
      await writeResult(json, asJson(explained, run), () => describe(explained, html));
    } finally {
      await run.close();
    }
  } finally {
    await backend.close();
  }
}

/**
 * Traces a run's gates on a text.
 * @throws EngramError as `traceGates`; `invalid-argument` for a text of more tokens than the model's context.
 */
export async function explainText<T>(run: TrainRun<T>, text: string): Promise<ExplainedText> {
  const { model, tables, tokenizer, tokenMap } = run;
  const ids = tokenizer.encode(text);
  if (ids.length > model.spec.contextTokens) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "engram explain",
      message: `the text has ${ids.length} tokens, and the model sees ${model.spec.contextTokens}; give a shorter one`,
    });
  }
  const layers = await traceGates(model, ids, tables);
  const tokens = Array.from(ids, (id) => tokenText(tokenizer.vocabulary, id));
  const ngramText = (id: number) => tokenMap?.keys?.[id] ?? tokenText(tokenizer.vocabulary, id);
  return { layers, tokens, ngramText };
}

async function writePage(path: string, explained: ExplainedText, step: number): Promise<void> {
  const note =
    "<p>The darker a token, the wider its gate is open, among those of its stream. Rest on it for its n-gram.</p>";
  const section = { title: `Gates after step ${step}`, html: `${note}${gateFigure(explained)}` };
  await writeFile(path, reportPage("What the memory gave", [section])).catch((cause: unknown) => {
    throw new EngramError({
      code: "io",
      operation: "--html",
      message: `${path} cannot be written: ${String(cause)}`,
      cause,
    });
  });
}

function asJson({ layers, tokens, ngramText }: ExplainedText, { model, trainer }: TrainRun<unknown>) {
  return {
    model: model.spec.name,
    step: trainer.step,
    tokens,
    layers: layers.map(({ layer, streams, gates, ngrams }) => ({
      layer,
      gates: tokens.map((_, t) => [...gates.subarray(t * streams, (t + 1) * streams)]),
      ngrams: ngrams.map((orders) =>
        orders.map(({ order, ids, contribution }) => ({ order, forms: ids.map(ngramText), contribution })),
      ),
    })),
  };
}

function describe({ layers, tokens, ngramText }: ExplainedText, html: string | undefined): string {
  const parts = layers.map(({ layer, streams, gates, ngrams }) => {
    const rows = tokens.map((token, t) => {
      const own = gates.subarray(t * streams, (t + 1) * streams);
      const mean = own.reduce((sum, gate) => sum + gate, 0) / streams;
      const fired = firedNgram(ngrams[t] ?? []);
      return [
        String(t),
        JSON.stringify(token),
        ...Array.from(own, (gate) => gate.toFixed(3)),
        "#".repeat(Math.round(mean * BAR)),
        fired === undefined ? "" : fired.ids.map((id) => JSON.stringify(ngramText(id))).join(" "),
      ];
    });
    const each = Array.from({ length: streams }, (_, stream) => `stream ${stream + 1}`);
    const header = ["#", "token", ...each, "gate", "n-gram that fired"];
    return `block ${layer}\n${textTable(header, rows, ["right", "left", ...each.map(() => "right" as const)])}`;
  });
  return [...parts, ...(html === undefined ? [] : [`heat map: ${html}`])].join("\n\n");
}
