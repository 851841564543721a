// What became of the paper's claims on small models, from the results of the experiments: the files of their report, and a table
// with the allocation curve for READMEs. For render-figures.mjs.
import { storedExperimentReport } from "../apps/bench/dist/index.js";

const FOLDER = "docs/results/experiments";

/** The figure by its name, and the report's files. */
export function experimentFigures({ table }) {
  const { files, outcomes } = storedExperimentReport(FOLDER);
  const count = (verdicts, outcome) => verdicts.filter((one) => one.outcome === outcome).length;
  const tried = outcomes.filter(({ verdicts }) => verdicts.length > 0);
  return {
    files: [...files].map(([name, content]) => [`${FOLDER}/${name}`, content]),
    figures: {
      experiments: () =>
        [
          `![Held-out loss against the share of experts](${FOLDER}/allocation.svg)`,
          "",
          table(
            ["claim of the paper about", "reproduced", "not", "undecided", "the first finding"],
            tried.map(({ title, verdicts }) => [
              title,
              count(verdicts, "reproduced"),
              count(verdicts, "not reproduced"),
              count(verdicts, "not decided"),
              verdicts[0].sentence,
            ]),
          ),
        ].join("\n"),
    },
  };
}
