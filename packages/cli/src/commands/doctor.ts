// `engram doctor`: what this machine can run: Node, memory, the packages of stores, the engines with their libraries and
// devices, which of them would be taken, what is missing, and how to get it.

import type { BackendChoice, EngineReport } from "@engram-ts/backend-gpu";
import { Command } from "commander";
import { writeResult } from "../command-output.js";
import { byteText } from "../progress.js";
import { textTable } from "../text-table.js";
import { type MachineReport, machineReport } from "./doctor-machine.js";
import { type PackageReport, packageReports } from "./doctor-packages.js";

/** The command `doctor`. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("What this machine can run: engines, libraries, devices, stores; what is missing and how to get it.")
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExample:\n  engram doctor")
    .action((options: { json?: boolean }) => runDoctor(options.json === true));
}

async function runDoctor(json: boolean): Promise<void> {
  const { bestEngine, inspectEngines } = await import("@engram-ts/backend-gpu");
  const machine = machineReport();
  const packages = await packageReports();
  const memory = await tableMemory();
  const engines = await inspectEngines();
  const choice = bestEngine(engines);
  const result: DoctorResult = { machine, memory, packages, engines, choice };
  await writeResult(json, result, () => describe(result));
}

/** What becomes of memory for tables here: a small one is made. */
async function tableMemory(): Promise<{ readonly hugePages: string; readonly kernel: string }> {
  const [{ dramStore }, { tableInfo }] = await Promise.all([
    import("@engram-ts/store-dram"),
    import("@engram-ts/core"),
  ]);
  const store = dramStore({
    table: tableInfo({ rows: 2 ** 14, encoding: { kind: "f32", width: 64 } }),
    initialize: () => {},
  });
  const { hugePages, kernel } = store.diagnostics;
  await store.close();
  return { hugePages, kernel };
}

/** What the command finds. */
interface DoctorResult {
  readonly machine: MachineReport;
  readonly memory: Awaited<ReturnType<typeof tableMemory>>;
  readonly packages: readonly PackageReport[];
  readonly engines: readonly EngineReport[];
  readonly choice: BackendChoice;
}

function describe(result: DoctorResult): string {
  const { machine, memory, packages } = result;
  const { node, nodeNeeded, nodeSupported, hugePages, maxMappings, graphics } = machine;
  return [
    `node      ${node}, ${nodeSupported ? `supported (${nodeNeeded} or later)` : `too old: ${nodeNeeded} or later is needed`}, ${machine.platform}`,
    `processor ${machine.processor}, ${machine.cores} cores`,
    `memory    ${byteText(machine.memoryBytes)}, ${byteText(machine.freeBytes)} free; huge pages: kernel ${hugePages ?? "unknown"}, tables ${memory.hugePages}${maxMappings === undefined ? "" : `; ${maxMappings} mappings`}`,
    `rows      gathered by ${memory.kernel}`,
    `graphics  ${graphics.length === 0 ? "none that the system knows of" : graphics.join(", ")}`,
    "",
    textTable(
      ["package", "state", "version", "gives", "to do"],
      packages.map(({ name, state, version, gives, problem, mend }) => [
        name,
        state,
        version ?? "",
        gives,
        todo(problem, mend),
      ]),
    ),
    "",
    ...engineText(result),
  ].join("\n");
}

function engineText({ machine, engines, choice }: DoctorResult): string[] {
  const noGraphics = process.platform === "linux" && machine.graphics.length === 0;
  const libraries = engines.flatMap(({ engine, libraries: own }) =>
    own.map(({ name, state, version, expectedVersion, gives, problem, mend }) => [
      engine,
      name,
      state,
      version === undefined || expectedVersion === undefined || version === expectedVersion
        ? (version ?? "")
        : `${version}, not ${expectedVersion}`,
      gives,
      todo(problem, mend),
    ]),
  );
  const devices = engines.flatMap(({ engine, devices: own }) =>
    own.map(({ name, kind, description, memoryBytes, freeBytes }) => [
      engine,
      name,
      kind,
      description ?? "",
      memoryBytes === undefined ? "" : byteText(memoryBytes),
      freeBytes === undefined ? "" : byteText(freeBytes),
    ]),
  );
  return [
    textTable(["engine", "library", "state", "version", "gives", "to do"], libraries),
    "",
    textTable(["engine", "device", "kind", "description", "memory", "free"], devices, [
      "left",
      "left",
      "left",
      "left",
      "right",
      "right",
    ]),
    "",
    `--engine auto takes ${choice.engine} on ${choice.device}: ${choice.why}`,
    ...choice.faster.map(
      ({ what, kind, how }) => `faster${kind === "gpu" && noGraphics ? ", with a GPU" : ""}: ${what}: ${how}`,
    ),
  ];
}

function todo(problem: string | undefined, mend: string | undefined): string {
  return [problem, mend].filter((part) => part !== undefined).join("; ");
}
