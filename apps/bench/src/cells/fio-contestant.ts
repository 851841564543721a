// The disk's own limit, by the program fio: random reads of 4 KiB past the system's cache, so many at once. It takes part as
// a contestant does, but reads pages of its own choice: what it answers is the time that as many reads took. No checksum.
//   fio-contestant.js '{"path":"/t/rows","count":24,"depth":16}'

import { execFileSync } from "node:child_process";
import { createInterface } from "node:readline";
import { parseRequest } from "./request.js";

const { path, count, depth } = JSON.parse(process.argv[2] ?? "{}") as { path: string; count: number; depth: number };
const SECONDS = 1;

function fio(...more: string[]): string {
  return execFileSync("fio", [...more], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Reads a second. */
function rate(): number {
  const engine = ["--ioengine=libaio", "--direct=1", "--rw=randread", "--bs=4k", "--readonly", "--norandommap"];
  const run = [`--iodepth=${depth}`, `--runtime=${SECONDS}`, "--time_based", "--output-format=json"];
  const report = JSON.parse(fio("--name=rows", `--filename=${path}`, ...engine, ...run)) as {
    jobs: { read: { iops: number } }[];
  }; // fio's own format
  return report.jobs[0]?.read.iops ?? Number.NaN;
}

const version = fio("--version").trim();
console.log(JSON.stringify({ ready: true, version: `${version}, libaio, direct, ${depth} at once, pages of 4 KiB` }));
for await (const line of createInterface({ input: process.stdin })) {
  const { calls } = parseRequest(line);
  console.log(JSON.stringify({ ns: (calls * count * 1e9) / rate() }));
}
