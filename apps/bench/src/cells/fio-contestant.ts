// The disk's own limit, by the program fio: random reads past the system's cache, so many at once, of blocks that hold a row:
// its bytes rounded up to the disk's blocks, or a whole page where the disk is quicker so. It takes part as a contestant does,
// but reads blocks of its own choice: what it answers is the time that as many reads take. No checksum.
//   fio-contestant.js '{"path":"/t/rows","rowBytes":264,"count":24,"depth":16}'

import { execFileSync } from "node:child_process";
import { createInterface } from "node:readline";
import { parseRequest } from "./request.js";

/** What the process is told. */
export interface FioContestantOptions {
  readonly path: string;
  readonly rowBytes: number;
  /** Rows of a call. */
  readonly count: number;
  readonly depth: number;
}

const { path, rowBytes, count, depth } = JSON.parse(process.argv[2] ?? "{}") as FioContestantOptions; // by the harness
const SECTOR_BYTES = 512;
const PAGE_BYTES = 4_096;
/** Reads that are timed together at least: fio counts in milliseconds. */
const LEAST_READS = 8_192;
const MOST_SECONDS = 1;

function fio(...more: string[]): string {
  return execFileSync("fio", more, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Reads a second. */
function rate(blockBytes: number, reads: number): number {
  const engine = ["--ioengine=libaio", "--direct=1", "--rw=randread", "--readonly", "--norandommap", "--randrepeat=0"];
  // a thread, and not a process of its own, which would outlive this one where the cell is ended
  const run = [
    "--thread",
    `--bs=${blockBytes}`,
    `--iodepth=${depth}`,
    `--number_ios=${reads}`,
    `--runtime=${MOST_SECONDS}`,
  ];
  const report = JSON.parse(fio("--name=rows", `--filename=${path}`, ...engine, ...run, "--output-format=json")) as {
    jobs: { error: number; read: { iops: number } }[];
  }; // fio's own format
  const [job] = report.jobs;
  if (job === undefined || job.error !== 0 || !(job.read.iops > 0))
    throw new Error(`Error: fio read nothing of ${path}`);
  return job.read.iops;
}

/** The block that the disk gives most of; a disk of larger blocks refuses small ones. */
function bestBlock(): number {
  const rates = [Math.ceil(rowBytes / SECTOR_BYTES) * SECTOR_BYTES, Math.ceil(rowBytes / PAGE_BYTES) * PAGE_BYTES].map(
    (bytes) => {
      try {
        return [bytes, rate(bytes, LEAST_READS / 4)] as const;
      } catch (error) {
        if (bytes % PAGE_BYTES === 0) throw error;
        return [bytes, 0] as const;
      }
    },
  );
  const [first, second] = rates;
  return first !== undefined && (second === undefined || first[1] > second[1]) ? first[0] : (second?.[0] ?? PAGE_BYTES);
}

const version = fio("--version").trim();
const block = bestBlock();
const blocks = `blocks of ${block} bytes`;
console.log(JSON.stringify({ ready: true, version: `${version}, libaio, direct, ${depth} at once, ${blocks}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const { calls, check } = parseRequest(line);
  // what only warms a contestant up is no disk's
  const reads = check === 1 ? Math.max(LEAST_READS, calls * count) : calls * count;
  console.log(JSON.stringify({ ns: (calls * count * 1e9) / rate(block, reads) }));
}
