// Runs every gate of the repository, two at a time: a line for each, and the output of those that failed.
//   node tools/check.mjs               all gates
//   node tools/check.mjs --only NAME   one gate, with its output
// Not here: the tests (npm test) and the benchmarks, which are no gates.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const tool = (path) => `node_modules/${path}`;
const turbo = [tool("turbo/bin/turbo"), "run", "publint", "attw", "--only", "--output-logs=errors-only", "--ui=stream"];

/** Name, what it proves, and the program (run by this Node) with its arguments. Slow ones first: two run at a time. */
const gates = [
  ["tarballs", "the packed packages install, import and type-check", ["tools/tarball-test.mjs"]],
  ["packages", "publint --strict and attw, per package", turbo],
  ["types-6", "sources, tests and tools, TypeScript 6", [tool("typescript/bin/tsc"), "-p", "tsconfig.test.json"]],
  ["types-7", "sources, tests and tools, TypeScript 7", [tool("ts7/bin/tsc"), "-p", "tsconfig.test.json"]],
  ["docs", "the API documentation builds without a warning", [tool("typedoc/bin/typedoc"), "--logLevel", "Warn"]],
  ["lint", "lint and format", [tool("@biomejs/biome/bin/biome"), "ci", "--colors=off", "--error-on-warnings", "."]],
  ["knip", "no unused file, export or dependency", [tool("knip/bin/knip.js"), "--no-progress", "--no-config-hints"]],
  ["kernels", "the committed WebAssembly is what its sources compile to", ["tools/build-kernels.mjs", "--check"]],
  [
    "shape",
    "packages, files and imports have the agreed shape",
    [tool("vitest/vitest.mjs"), "run", "--reporter=dot", "tools/test"],
  ],
  ["sherif", "manifests agree with each other", [tool("sherif/index.js"), "--fail-on-warnings"]],
  ["changesets", "every changed package has a changeset", ["tools/check-changesets.mjs"]],
  ["links", "relative links in Markdown lead somewhere", ["tools/check-links.mjs"]],
  ["figures", "READMEs say what reports and examples say", ["tools/render-figures.mjs", "--check"]],
];

const only = process.argv[2] === "--only" ? process.argv[3] : undefined;
const chosen = only === undefined ? gates : gates.filter(([name]) => name === only);
if (chosen.length === 0 || (process.argv.length > 2 && only === undefined)) {
  console.error(`Usage: node tools/check.mjs [--only NAME], NAME one of ${gates.map(([name]) => name).join(", ")}`);
  process.exit(2);
}

const running = new Set();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal);
    process.exit(1);
  });
}

const start = performance.now();
const failures = [];
const queue = [...chosen];
await Promise.all([worker(), worker()]);

for (const { name, output } of failures) console.error(`\n--- ${name} failed ---\n${output.trimEnd()}`);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(`\ngates: ${chosen.length - failures.length} passed, ${failures.length} failed, ${seconds} s`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function worker() {
  for (let gate = queue.shift(); gate !== undefined; gate = queue.shift()) await runGate(gate);
}

async function runGate([name, proves, command]) {
  const began = performance.now();
  const { code, output } = await execute(command);
  const took = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  console.log(`${code === 0 ? "ok    " : "FAILED"} ${name.padEnd(11)}${took} s  ${proves}`);
  if (code !== 0) failures.push({ name, output });
  else process.stdout.write(indent(output));
}

/** Runs one gate and keeps what it prints. A gate that cannot be started has failed. */
function execute(command) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, command, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", NO_COLOR: "1", FORCE_COLOR: undefined },
    });
    running.add(child);
    let output = "";
    const keep = (chunk) => {
      output += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    child.on("error", (error) => keep(String(error)));
    child.on("close", (code) => {
      running.delete(child);
      resolve({ code, output });
    });
  });
}

/** What is shown of a gate that passed: its notes, or everything where it was asked for alone. */
function indent(output) {
  const lines = output
    .split("\n")
    .filter((line) => (only === undefined ? line.startsWith("note: ") : line.trim() !== ""));
  return lines.map((line) => `       ${line}\n`).join("");
}
