// Tables of the comparisons of whole trainers with PyTorch, for READMEs, from their reports.
//   trainingFigures({ report, table, times, grouped, machineOf })   report(name) reads docs/results/NAME.json

/** Short names of contestants, whatever device they name. */
const label = (name) => (name.includes("precision=fast") ? "ggml, f16 products" : name.split(":")[0]);

/** The figures by name. */
export function trainingFigures({ report, table, times, grouped, machineOf }) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const rowsOf = ({ models }, torches) =>
    models.flatMap(({ model, cell, phases, curves, agreement }) => {
      const held = (name) => curves.find((one) => one.name === name)?.held.toFixed(3) ?? "";
      const engines = Object.keys(cell.timesAsFast).filter((name) => cell.ns[name] !== undefined);
      return engines.map((engine, i) => {
        const { rowPath, outsideGraph } = phases.find(({ name }) => name === engine);
        const judged = agreement.find(({ name }) => name === engine);
        return [
          i === 0 ? model : "",
          label(engine),
          grouped(cell.unitsPerSecond[engine]),
          ...torches.map((torch) => times(cell.timesAsFast[engine][torch])),
          percent(rowPath),
          percent(outsideGraph),
          `${held(engine)} and ${held("PyTorch f32")}${judged.agrees ? "" : ", apart"}`,
        ];
      });
    });
  const tableOf = (own, torches) =>
    table(
      [
        ...["model", "engine", "tokens/s"],
        ...torches.map((name) => `as fast as ${name}`),
        ...["row path", "outside the graph", "held-out loss, and PyTorch's"],
      ],
      rowsOf(own, torches),
    );
  const sizes = ({ models }) =>
    models
      .map(({ model, parameters, rowValues, part: { size } }) => {
        const millions = (values) => `${(values / 1e6).toFixed(1)}M`;
        return `${model}: ${millions(parameters)} parameters and ${millions(rowValues)} in tables, ${size.rows} sequences of ${size.length} tokens a step`;
      })
      .join("; ");
  return {
    trainingCpu() {
      const own = report("training-cpu");
      return [
        tableOf(own, ["PyTorch f32"]),
        "",
        `Whole steps, from text to changed rows, ${own.threads} threads each; PyTorch ${own.versions.PyTorch.split(" ")[0]}, eager, is given its batches and row ids. ${sizes(own)}. Paired rounds, 95 % bootstrap interval (${machineOf(own)}).`,
      ].join("\n");
    },
    trainingGpu() {
      const own = report("training-gpu");
      return [
        tableOf(own, ["PyTorch f32", "PyTorch autocast"]),
        "",
        `Whole steps on one NVIDIA H200, ggml on Vulkan, tables in the host's memory; PyTorch ${own.versions.PyTorch.split(" ")[0]}, eager, has them on the GPU and is given its batches and row ids; autocast is to bfloat16. ${sizes(own)}. Paired rounds, 95 % bootstrap interval, ${own.date.slice(0, 10)}.`,
      ].join("\n");
    },
  };
}
