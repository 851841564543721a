// Makes a checkout ready: installs what the lockfile names where that is missing or old, then builds what changed.
// Every command of the root package.json starts with it, so that each works on a fresh clone. Silent where there is
// nothing to do, and where it works: what the tools print is shown only when they fail.
// One run at a time: a second one waits for the first, then finds its work done.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`engram-ts needs Node 20.19 or newer; this is ${process.version}.`);
  process.exit(1);
}
process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const lock = ".cache/setup.lock";
await takeLock();
process.on("exit", () => rmSync(lock, { force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

const stamp = "node_modules/.engram-installed";
const wanted = createHash("sha256")
  .update(readFileSync("package-lock.json"))
  .update(`${process.platform} ${process.arch}`)
  .digest("hex");
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  install();
  writeFileSync(stamp, wanted);
}
build();

function install() {
  console.error("Installing dependencies (once, and again when the lockfile changes) ...");
  // Not `npm ci`: see docs/decisions/0003-npm-install-without-addresses.md. Under npm, npm says which program it is.
  const npm = process.env.npm_execpath?.endsWith("npm-cli.js") ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const args = [...npm.slice(1), "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(npm[0], args, {
    stdio: ["ignore", "pipe", "inherit"],
    shell: npm.length === 1 && process.platform === "win32",
  });
  if (result.status === 0) return;
  console.error(
    `npm install failed (${result.error?.message ?? `exit ${result.status ?? result.signal}`}). It needs npm and a ` +
      "registry it can reach: `npm config get registry` says which, `npm ping` says whether it answers. " +
      "Mend that and run the command again; nothing else has to be undone.",
  );
  process.exit(1);
}

/** All packages in one process: the compiler knows what is old, and is done in moments where nothing is. */
function build() {
  const result = spawnSync(process.execPath, ["node_modules/ts7/bin/tsc", "-b"], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (result.status === 0) return;
  console.error(`${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`);
  console.error("The build failed; the errors are above. If node_modules is damaged, remove it and run again.");
  process.exit(1);
}

/** Waits until no other setup runs in this checkout. A lock whose process is gone is a crash's leftover, and ignored. */
async function takeLock() {
  mkdirSync(".cache", { recursive: true });
  for (let told = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = readHolder();
    if (holder === "nobody") continue;
    if (holder !== "unknown" && !isRunning(holder)) {
      rmSync(lock, { force: true });
      continue;
    }
    if (!told) console.error(`Waiting for another setup of this checkout (process ${holder}) ...`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The process that holds the lock; `unknown` for a moment, while it has made the file and not yet written to it. */
function readHolder() {
  try {
    const holder = Number(readFileSync(lock, "utf8"));
    if (holder > 0) return holder;
    return Date.now() - statSync(lock).mtimeMs < 5000 ? "unknown" : -1;
  } catch {
    return "nobody";
  }
}

function isRunning(pid) {
  if (pid < 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
