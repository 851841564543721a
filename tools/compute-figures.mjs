// Tables of the comparisons of compute with PyTorch, for READMEs, from their reports.
//   computeFigures({ report, table, times, grouped, machineOf })   report(name) reads docs/results/NAME.json

/** Short names of contestants. */
const LABELS = {
  ggml: "ggml, exact",
  "ggml:device=CPU": "ggml",
  "ggml:precision=fast": "ggml, f16 products",
  "ggml:weights=f16,cache=f16,precision=fast": "ggml, f16 weights",
  "ggml:weights=q8_0,cache=f16,precision=fast": "ggml, q8_0 weights",
  "tfjs:backend=webgpu": "tfjs on WebGPU",
};

/** The figures by name. */
export function computeFigures({ report, table, times, grouped, machineOf }) {
  const cellsOf = ({ models }) => models.flatMap(({ cells }) => cells);
  const perSecond = (value) => (value < 100 ? value.toFixed(1) : grouped(value));
  const rowsOf = (cells, engines, peers) =>
    cells.flatMap(({ name, unit, unitsPerSecond, timesAsFast }) =>
      engines
        .filter((engine) => timesAsFast[engine] !== undefined)
        .map((engine, i) => [
          i === 0 ? name : "",
          LABELS[engine] ?? engine,
          `${perSecond(unitsPerSecond[engine])} ${unit}/s`,
          ...peers.map((names) => {
            const peer = names.find((one) => timesAsFast[engine][one] !== undefined);
            return peer === undefined ? "not run" : times(timesAsFast[engine][peer]);
          }),
        ]),
    );
  return {
    computeCpu() {
      const own = report("compute-cpu");
      const rows = rowsOf(
        cellsOf(own).filter(({ timesAsFast }) => timesAsFast["ggml:device=CPU"]?.["PyTorch f32"]),
        ["ggml:device=CPU"],
        [["PyTorch f32"]],
      );
      return [
        table(["model and work", "engine", "rate", "as fast as PyTorch f32"], rows),
        "",
        `${own.threads} threads each, the same weights, equal results, paired rounds, 95 % bootstrap interval (${machineOf(own)}; PyTorch ${own.versions["PyTorch f32"] ?? own.versions["PyTorch 0"] ?? ""}).`,
      ].join("\n");
    },
    computeGpu() {
      const own = report("compute-gpu");
      const engines = Object.keys(LABELS).filter((name) => name !== "ggml:device=CPU");
      const rows = rowsOf(cellsOf(own), engines, [["PyTorch f32"], ["PyTorch bf16", "PyTorch autocast"]]);
      const us = own.overhead.microseconds;
      const cost = ([name, { graphUs, operationUs }]) =>
        `${LABELS[name] ?? name} ${graphUs.toFixed(0)} and ${operationUs.toFixed(1)}`;
      return [
        table(["model and work", "engine", "rate", "as fast as PyTorch f32", "as bf16"], rows),
        "",
        `One NVIDIA H200, ggml on Vulkan, PyTorch eager ${own.versions["PyTorch 0"] ?? ""}, ${own.date.slice(0, 10)}; bf16 is autocast in training. Microseconds of a graph of one operation, and of each further one: ${Object.entries(us).map(cost).join("; ")}.`,
      ].join("\n");
    },
    computeBlocks() {
      const own = report("compute-gpu");
      const engines = ["ggml", "ggml:weights=f16,cache=f16,precision=fast"];
      const cells = own.blocks.flatMap(({ cells: all }) => all);
      return table(
        ["block", "engine", "rate", "as fast as PyTorch f32", "as bf16"],
        rowsOf(cells, engines, [["PyTorch f32"], ["PyTorch bf16"]]),
      );
    },
  };
}
