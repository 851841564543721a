// One model, trained by all contestants side by side: in each round every one takes the next steps of its run, in
// alternating order, so that rates are paired and the same runs give the loss curves. Then all are evaluated on the held-out
// text and judged by noise. Not here: which models, and the report's file (training-comparison.ts).

import { type CellReport, cellLines, runCell } from "../compute/paired-cells.js";
import { type LossAgreement, type LossCurve, lossAgreement, thinned } from "./loss-agreement.js";
import { type RecordedRun, recordedRun, type StepPhases } from "./recorded-run.js";
import type { RunSetting, TrainingContestant } from "./training-contestants.js";
import { type TrainingFixture, trainingFixture } from "./training-fixture.js";
import { trainingModel } from "./training-models.js";
import { type TrainingNoise, trainingNoise } from "./training-noise.js";
import { configOf, stepsOf, type TrainingPart } from "./training-plan.js";
import type { TrainingText } from "./training-text.js";

/** What one model gave. */
export interface ModelTraining {
  readonly model: string;
  /** Values outside the tables, and in them. */
  readonly parameters: number;
  readonly rowValues: number;
  readonly part: TrainingPart;
  /** Tokens a second, rounds, ratios. */
  readonly cell: CellReport;
  readonly phases: readonly StepPhases[];
  readonly curves: readonly {
    readonly name: string;
    readonly held: number;
    readonly losses: ReturnType<typeof thinned>;
  }[];
  /** Engines against PyTorch in float32; left out where that did not run. */
  readonly noise?: TrainingNoise;
  readonly agreement: readonly LossAgreement[];
}

const DATA_SEED = 1;

/** Trains it. @param say is told what was found, line by line. */
export async function compareTraining(
  part: TrainingPart,
  text: TrainingText,
  contestants: readonly TrainingContestant[],
  say: (line: string) => void,
): Promise<ModelTraining> {
  const fixture = await trainingFixture(trainingModel(part.model, text.vocabulary), text, part.size);
  const { size, heldTokens } = part;
  const setting: RunSetting = {
    ...{ fixture, text: text.folder, size, config: configOf(part), heldTokens, dataSeed: DATA_SEED },
  };
  const runs: RecordedRun[] = [];
  try {
    say(`\n${part.model}: ${fixture.parameters.toLocaleString("en-US")} parameters, ${stepsOf(part)} steps`);
    for (const one of contestants) {
      const opening = one.open(one.name, setting);
      runs.push(recordedRun(one.name, opening));
      await opening.catch(() => undefined); // one after the other; what fails is told by its first round
    }
    return await trained(part, { fixture, setting, contestants, runs, say });
  } finally {
    for (const run of runs) await run.close().catch(() => undefined); // its process may have ended
    fixture.close();
  }
}

interface Trained {
  readonly fixture: TrainingFixture;
  readonly setting: RunSetting;
  readonly contestants: readonly TrainingContestant[];
  readonly runs: readonly RecordedRun[];
  readonly say: (line: string) => void;
}

async function trained(part: TrainingPart, all: Trained): Promise<ModelTraining> {
  const { fixture, contestants, runs, say } = all;
  const { size, rounds, stepsOfRound } = part;
  const torches = contestants.filter(({ torch }) => torch !== undefined).map(({ name }) => name);
  const cell = await runCell(
    {
      name: `${part.model}: steps of ${size.rows} sequences of ${size.length} tokens`,
      ...{ units: stepsOfRound * size.rows * size.length, unit: "tokens", rounds },
    },
    new Map(runs.map((run) => [run.name, () => run.take(stepsOfRound)])),
    torches.length > 0 ? torches : contestants.slice(0, 1).map(({ name }) => name),
  );
  say(cellLines(cell).join("\n"));
  const alive = runs.filter(({ name }) => cell.ns[name] !== undefined);
  const phases = alive.map((run) => run.phases());
  for (const one of phases) say(phaseLine(one));
  const curves: LossCurve[] = [];
  for (const run of alive) curves.push(await run.curve());
  const judged = await judge(all, curves);
  return {
    ...{ model: part.model, parameters: fixture.parameters, rowValues: fixture.rowValues, part, cell, phases },
    curves: curves.map(({ name, held, losses }) => ({ name, held, losses: thinned(losses) })),
    ...judged,
  };
}

/** Engines by PyTorch in float32 and what that differs from itself by. */
async function judge(
  { contestants, setting, say }: Trained,
  curves: readonly LossCurve[],
): Promise<Pick<ModelTraining, "noise" | "agreement">> {
  const curveOf = (one: TrainingContestant | undefined) => curves.find(({ name }) => name === one?.name);
  const torch = contestants.find((one) => one.torch === "f32");
  const expected = curveOf(torch);
  if (torch === undefined || expected === undefined) return { agreement: [] };
  const noise = await trainingNoise(
    torch,
    setting,
    expected,
    curveOf(contestants.find((one) => one.torch === "autocast")),
  );
  const { rounding, order, autocast } = noise;
  const agreement = contestants.flatMap((one) => {
    const found = curveOf(one);
    if (found === undefined || one.torch !== undefined) return [];
    const fewerBits = one.rounded ? autocast : undefined;
    const own = {
      later: Math.max(...rounding.map(({ later }) => later), fewerBits?.later ?? 0),
      held: Math.max(...[order, fewerBits?.held ?? 0, ...rounding.map(({ held }) => held)].map(Math.abs)),
    };
    return [lossAgreement(found, expected, { noise: own, rounded: one.rounded })];
  });
  say(`  noise ${JSON.stringify(noise)}`);
  for (const one of agreement) say(`  ${JSON.stringify(one)}`);
  return { noise, agreement };
}

function phaseLine({ name, stepMs, shares, rowPath, outsideGraph }: StepPhases): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const parts = Object.entries(shares).map(([phase, share]) => `${phase} ${percent(share)}`);
  const own =
    rowPath === undefined ? [] : [`row path ${percent(rowPath)}`, `outside the graph ${percent(outsideGraph ?? 0)}`];
  return `  ${name}: ${stepMs.toFixed(1)} ms a step: ${[...parts, ...own].join(", ")}`;
}
