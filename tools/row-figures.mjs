// The table of what rows cost in training, for READMEs, from its report (apps/bench/src/training/rows.ts).
//   rowFigures({ report, table, machineOf })   report(name) reads docs/results/NAME.json

/** The figures by name. */
export function rowFigures({ report, table, machineOf }) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const faster = ({ ratio, low, high }) => `${ratio.toFixed(1)}x (${low.toFixed(1)} to ${high.toFixed(1)})`;
  return {
    trainingRows() {
      const { presets, engine, before, ...card } = report("training-rows");
      const rows = presets.flatMap(({ preset, occurrences, rows: contestants }) =>
        contestants
          .filter(({ name }) => !name.endsWith(", before"))
          .map(({ name, share, milliseconds, distinctRows, timesAsFast }, i) => {
            const old = contestants.find((one) => one.name === `${name}, before`);
            return [
              i === 0 ? `${preset}: ${occurrences} rows, ${Math.round(distinctRows)} differ` : "",
              name,
              percent(share),
              milliseconds.path.toFixed(1),
              milliseconds.hidden.toFixed(1),
              old === undefined ? "" : percent(old.share),
              timesAsFast?.path === undefined ? "" : faster(timesAsFast.path),
            ];
          }),
      );
      const equal = presets.every((one) => one.rows.every(({ equalLosses }) => equalLosses));
      const header = ["rows of a step", "on", "share of a step", "ms", "ms while the engine computes", "share before"];
      return [
        table([...header, "as fast as before"], rows),
        "",
        `Data, rows, upload and row update of a step, medians; ${engine} (${machineOf(card)}). Before: commit ${before}. Losses ${equal ? "are equal on all tiers, bit for bit" : "DIFFER between tiers"}.`,
      ].join("\n");
    },
  };
}
