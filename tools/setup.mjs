// Makes a checkout ready: installs what the lockfile names where that is missing or old, then builds what changed.
// Every command of the root package.json starts with it, so that each works on a fresh clone.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`engram-ts needs Node 20.19 or newer; this is ${process.version}.`);
  process.exit(1);
}

process.chdir(new URL("..", import.meta.url).pathname);
const npm = process.platform === "win32" ? "npm.cmd" : "npm";
const run = (command, args) =>
  execFileSync(command, args, {
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" },
  });

const lockDigest = createHash("sha256").update(readFileSync("package-lock.json")).digest("hex");
const stamp = "node_modules/.engram-installed";
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lockDigest) {
  console.error("Installing dependencies (once, and again when the lockfile changes) ...");
  // Not `npm ci`: it refuses a lockfile that lacks other platforms' optional binaries, which not every registry mirror holds.
  run(npm, ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
  mkdirSync("node_modules", { recursive: true });
  writeFileSync(stamp, lockDigest);
}
run("node_modules/.bin/turbo", ["run", "build", "--output-logs=errors-only", "--log-order=stream"]);
