// A real S3 server for tests and benchmarks: Versity's S3 gateway over a folder, on a port of this machine, with
// credentials made for the occasion. Not a fake of ours: that is in packages/store-kit.
//   node tools/s3-server.mjs path     prints the program's path, building it with Go where it is not there yet
//   node tools/s3-server.mjs start    starts one and prints how to reach it, until it is interrupted
// $ENGRAM_S3_SERVER names the program; without it, one is kept in .cache/s3-server, which Git ignores.
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
const folder = fileURLToPath(new URL("../.cache/s3-server/", import.meta.url));
const STARTS = 5;
const READY_MS = 20_000;

/** The program's path, where it is there already. */
export function findS3Server() {
  const named = process.env.ENGRAM_S3_SERVER;
  if (named !== undefined && named !== "") {
    if (!existsSync(named)) throw new Error(`ENGRAM_S3_SERVER is ${named}, and there is no such file`);
    return named;
  }
  const built = join(folder, "versitygw");
  return existsSync(built) ? built : undefined;
}

/** The program's path; `go install` builds it first where it is not there. */
export function installS3Server() {
  const found = findS3Server();
  if (found !== undefined) return found;
  mkdirSync(folder, { recursive: true });
  execFileSync("go", ["install", MODULE], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, GOBIN: folder },
  });
  return join(folder, "versitygw");
}

/** Starts the program over an empty folder that `stop` removes. */
export async function startS3Server(program = installS3Server()) {
  const root = mkdtempSync(join(tmpdir(), "engram-s3-"));
  for (const name of ["buckets", "sidecar"]) mkdirSync(join(root, name));
  const accessKeyId = `test${randomBytes(8).toString("hex")}`;
  const secretAccessKey = randomBytes(20).toString("hex");
  try {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const child = spawn(
        program,
        [
          "--port",
          `127.0.0.1:${port}`,
          "--quiet",
          "--keep-alive",
          "posix",
          "--sidecar",
          join(root, "sidecar"),
          join(root, "buckets"),
        ],
        {
          stdio: "ignore",
          env: { PATH: process.env.PATH, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
        },
      );
      const ended = new Promise((resolve) => {
        child.once("exit", resolve);
        child.once("error", resolve);
      });
      const endpoint = `http://127.0.0.1:${port}`;
      if (await answers(endpoint, ended)) {
        const stop = async () => {
          child.kill("SIGKILL");
          await ended;
          rmSync(root, { recursive: true, force: true });
        };
        const credentials = { accessKeyId, secretAccessKey };
        return {
          clientConfig: { endpoint, region: "us-east-1", forcePathStyle: true, credentials },
          endpoint,
          root,
          stop,
        };
      }
      child.kill("SIGKILL");
      await ended;
      if (attempt === STARTS) throw new Error(`${program} was started ${STARTS} times and never answered`);
    }
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Whether anything answers before the process has ended. */
async function answers(endpoint, ended) {
  let over = false;
  ended.then(() => {
    over = true;
  });
  for (const start = Date.now(); !over && Date.now() - start < READY_MS; ) {
    try {
      await fetch(endpoint, { signal: AbortSignal.timeout(1_000) });
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return false;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "path") console.log(installS3Server());
  else if (process.argv[2] === "start") {
    const { endpoint, clientConfig, stop } = await startS3Server();
    const { accessKeyId, secretAccessKey } = clientConfig.credentials;
    console.log(`AWS_ENDPOINT_URL=${endpoint} AWS_REGION=us-east-1`);
    console.log(`AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}`);
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
  } else {
    console.error("usage: node tools/s3-server.mjs path | start");
    process.exitCode = 2;
  }
}
