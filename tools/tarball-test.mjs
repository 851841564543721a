// Packs every package as it would be published, installs the tarballs together in a temporary folder, and uses them
// there as a stranger would: import and require of each entry, the command, and the type-check of a program.
// Needs the npm registry, for the packages' own dependencies. Removes what it made.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { wrongReferences } from "./tarball-references.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const packages = ["packages", "apps"]
  .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
  .map((folder) => ({ folder, manifest: readManifest(folder) }))
  .filter(({ manifest }) => manifest.private !== true);

const failures = [];
const folder = mkdtempSync(join(tmpdir(), "engram-tarballs-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

const tarballs = pack();
const consumer = install(tarballs);
if (consumer !== undefined) {
  for (const { manifest } of packages) checkInstalled(consumer, manifest);
  checkCommand(consumer);
  if (installPeers(consumer)) checkTypes(consumer);
}
for (const failure of failures) console.error(failure);
console.log(`tarballs: ${packages.length} packages, ${failures.length} failures`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** Packs each package and looks at what is in the tarball. Returns package names with their tarballs. */
function pack() {
  const destination = join(folder, "tarballs");
  mkdirSync(destination);
  const paths = {};
  for (const { folder: source, manifest } of packages) {
    const result = npm(source, ["pack", "--json", "--ignore-scripts", "--pack-destination", destination]);
    if (result.status !== 0) {
      failures.push(`${manifest.name}: npm pack failed\n${result.stderr}`);
      continue;
    }
    // npm 11 gives an array, later ones an object by name.
    const [packed] = Object.values(JSON.parse(result.stdout));
    checkContents(manifest, source, new Set(packed.files.map(({ path }) => path)));
    paths[manifest.name] = join(destination, packed.filename);
  }
  return paths;
}

function checkContents(manifest, source, files) {
  const fail = (what) => failures.push(`${manifest.name}: ${what}`);
  for (const required of ["package.json", "README.md", "LICENSE", "dist/index.js", "dist/index.d.ts", "src/index.ts"]) {
    if (!files.has(required)) fail(`the tarball lacks ${required}`);
  }
  for (const file of files) {
    if (/(^|\/)(test|tests|__tests__|fixtures|node_modules|\.turbo|\.cache)\/|\.test\.|\.tsbuildinfo$/.test(file)) {
      fail(`the tarball holds ${file}, which is no part of the product`);
    }
    const built = /^dist\/(.+?)(\.d\.ts|\.js)(\.map)?$/.exec(file);
    if (file.startsWith("dist/") && (built === null || !files.has(`src/${built[1]}.ts`))) {
      fail(`${file} has no source; remove packages' dist folders and run npm run build`);
    }
    if (/^(dist|bin)\/.*\.js$/.test(file)) {
      const text = readFileSync(join(source, file), "utf8");
      for (const wrong of wrongReferences({ path: file, text, files, manifest })) fail(wrong);
    }
    if (file.endsWith(".map")) {
      const { sources } = JSON.parse(readFileSync(join(source, file), "utf8"));
      for (const mapped of sources) {
        const target = join(dirname(file), mapped).replaceAll("\\", "/");
        if (!files.has(target)) fail(`${file} points to ${target}, which is not in the tarball`);
      }
    }
    if (/\.(js|d\.ts)$/.test(file) && file.startsWith("dist/") && !files.has(`${file}.map`)) fail(`${file} has no map`);
  }
}

/** Installs all tarballs into a project of their own; the packages' dependencies come from the registry. */
function install(paths) {
  const project = join(folder, "consumer");
  mkdirSync(project);
  const dependencies = Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, `file:${path}`]));
  const nodeTypes = readManifest(join(root, "node_modules/@types/node")).version;
  const manifest = { name: "consumer", private: true, type: "module", dependencies };
  manifest.devDependencies = { "@types/node": nodeTypes };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest, undefined, 2));
  const result = npm(project, ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (result.status === 0) return project;
  failures.push(`npm install of the tarballs failed; it needs the registry\n${result.stderr}`);
  return undefined;
}

/**
 * Adds the optional peers that are tested here, at those versions: entries load without them, but declarations name their
 * types. Libraries for other systems and for GPUs are no part of any declaration.
 */
function installPeers(project) {
  const peers = new Set(
    packages.flatMap(({ manifest }) =>
      Object.keys(manifest.peerDependencies ?? {})
        .filter((name) => manifest.devDependencies?.[name] !== undefined)
        .map((name) => `${name}@${manifest.devDependencies[name]}`),
    ),
  );
  const result = npm(project, ["install", ...peers, "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (result.status === 0) return true;
  failures.push(`npm install of the optional peers failed; it needs the registry\n${result.stderr}`);
  return false;
}

/** Imports and requires every entry, and compares what both give. */
function checkInstalled(project, manifest) {
  if (!existsSync(join(project, "node_modules", manifest.name, "package.json"))) {
    failures.push(`${manifest.name}: not installed`);
    return;
  }
  for (const entry of Object.keys(manifest.exports ?? {})) {
    if (entry === "./package.json") continue;
    const specifier = JSON.stringify(manifest.name + entry.slice(1));
    const program = `import { createRequire } from "node:module";
      const imported = Object.keys(await import(${specifier})).sort();
      const required = Object.keys(createRequire(process.cwd() + "/x.cjs")(${specifier})).filter((k) => k !== "module.exports").sort();
      if (imported.length === 0) throw new Error("it exports nothing");
      if (String(imported) !== String(required)) throw new Error("import gives " + imported + "; require gives " + required);`;
    const result = run(project, process.execPath, ["--input-type=module", "--eval", program]);
    if (result.status !== 0) failures.push(`${manifest.name}: ${specifier} cannot be used\n${result.stderr}`);
  }
}

function checkCommand(project) {
  const commands = ["engram --help", "engram tokens --help", "engram ids --help", "engram explain --help"];
  for (const command of [...commands, "engram-bench --help", "engram-bench tiers --help"]) {
    const result = npm(project, ["exec", "--offline", "--", ...command.split(" ")]);
    if (result.status !== 0 || result.stdout.trim() === "") {
      failures.push(`npx ${command} failed\n${result.stdout}${result.stderr}`);
    }
  }
  const bench = ["engram-bench", "tiers", "--quick", "--rows", "8k", "--sequences", "1", "--budget", "25s"];
  const measured = npm(project, ["exec", "--offline", "--", ...bench, "--out", "report"]);
  const report = join(project, "report/report.json");
  const cells = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")).cells.length : 0;
  if (measured.status !== 0 || cells === 0)
    failures.push(`npx ${bench.join(" ")} measured nothing\n${measured.stderr}`);
}

/** Type-checks tools/tarball-consumer against the installed packages, their own declarations included, and runs it. */
function checkTypes(project) {
  cpSync(join(root, "tools/tarball-consumer/consumer.ts"), join(project, "consumer.ts"));
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
  const options = [
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--lib",
    "es2023,dom,esnext.disposable",
    "--types",
    "node",
  ];
  for (const compiler of ["typescript", "ts7"]) {
    const result = run(project, process.execPath, [
      join(root, `node_modules/${compiler}/bin/tsc`),
      ...strict,
      ...options,
      "consumer.ts",
    ]);
    if (result.status !== 0) failures.push(`${compiler}: the consumer does not type-check\n${result.stdout}`);
  }
  const ran = run(project, process.execPath, ["consumer.js"]);
  if (ran.status !== 0) failures.push(`the consumer does not run\n${ran.stderr}`);
}

function readManifest(path) {
  return JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
}

function npm(cwd, args) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith("npm-cli.js")) return run(cwd, process.execPath, [cli, ...args]);
  return run(cwd, "npm", args);
}

function run(cwd, command, args) {
  // npm hands its own settings down to what it starts; a stranger's project has none of them.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_(config_(local_prefix|workspace)|package_)|INIT_CWD$)/i.test(name),
    ),
  );
  const shell = process.platform === "win32" && command === "npm";
  return spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 1 << 28, shell });
}
