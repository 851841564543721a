// Who takes part in a cell about rows: the tiers and stacks of this project, the user's own, and the peers of the machine.
// In hot cells those that hold rows in memory or in the system's cache; in others those that read files.

import { fileURLToPath } from "node:url";
import { tableDrivers } from "@engram-ts/cli";
import { type ManifestPart, tableInfo } from "@engram-ts/core";
import type { CellContestant } from "../cells/cell-plan.js";
import type { PlainContestantOptions } from "../cells/plain-contestant.js";
import type { RowContestantOptions } from "../cells/row-contestant.js";
import { filesBelow } from "../cells/row-table.js";
import type { PeerTable } from "../peers/peer-table.js";
import type { RowWorkload } from "./row-workload.js";
import { type SuiteContext, unlessItFails } from "./suite.js";
import type { ShelvedTable } from "./table-shelf.js";

/** The threads that files and LMDB read on, and the reads that their peers in C have under way. */
export const READ_THREADS = 16;
/** Reads that the disk's limit is measured by: as a caller does who waits for each, as we do, and as much as it gives. */
const FIO_DEPTHS = [1, READ_THREADS, 64];
/** The stack's memory, as a share of the table. */
const CACHE_SHARE = 8;

interface Calls {
  readonly ids: string;
  readonly count: number;
}

const program = (name: string) => fileURLToPath(new URL(`../../dist/cells/${name}.js`, import.meta.url));

/** A tier by its URI, in a process of its own. */
export function tierContestant(
  name: string,
  options: RowContestantOptions,
  files: () => readonly string[] = () => [],
): CellContestant {
  const command = [process.execPath, program("row-contestant"), JSON.stringify(options)];
  return { name, kind: "tier", command, env: { UV_THREADPOOL_SIZE: `${READ_THREADS}` }, files, openLoop: true };
}

/** A loop in Node without any store. */
export function plainContestant(name: string, options: PlainContestantOptions): CellContestant {
  const command = [process.execPath, program("plain-contestant"), JSON.stringify(options)];
  return { name, kind: "peer", command, files: () => (options.kind.startsWith("sdk-") ? [] : [options.path]) };
}

/** An object store is asked for no more rows at once, and never for all of the trace. */
const MOST_FAR_ROWS = 4_096;

/** All that take part in a cell. Tables are written first: peers need to know where rows lie. */
export async function rowContestants(
  workload: RowWorkload,
  calls: Calls,
  context: SuiteContext,
): Promise<readonly CellContestant[]> {
  const { sized, state } = workload;
  const { layer, rows, encoding } = sized;
  const { shelf } = context;
  const hot = state === "hot";
  const file = shelf.table("file", sized);
  const lmdb = shelf.table("lmdb", sized);
  const { rowBytes } = tableInfo({ rows, encoding });
  const cacheBytes = Math.max(2 ** 20, Math.floor((rows * rowBytes) / CACHE_SHARE));
  const tier = (name: string, uri: string, tables: readonly ShelvedTable[] = []) =>
    tierContestant(name, { uri, layer, ...calls, touch: hot }, () => tables.flatMap((one) => one.files()));

  const tiers: CellContestant[] = [
    ...(hot ? [tier("dram", `dram:${file.uri}`)] : []),
    tier("file", file.uri, [file]),
    tier("lmdb", lmdb.uri, [lmdb]),
    ...(hot ? [tier("dram cache > file", `dram(${cacheBytes}) > ${file.uri}`)] : []),
    ...context.stores.map((uri) =>
      tierContestant(uri, { uri, layer, ...calls, touch: hot, own: true }, () => filesOf(uri)),
    ),
  ];
  await file.write();
  await lmdb.write();
  const wanted = context.s3 !== undefined && state === "cold" && calls.count <= MOST_FAR_ROWS;
  const what = `s3: ${workload.access}, ${workload.sequences}, ${state}, of ${rows} rows`;
  const far = await unlessItFails(context, what, async () => {
    if (!wanted) return [];
    const s3 = shelf.table("s3", sized);
    await s3.write();
    const tiers = [tier("s3", s3.uri), tier("dram cache > s3", `dram(${cacheBytes}) > ${s3.uri}`)];
    return [...tiers, ...(await objectPeers(s3.uri, rowBytes, calls))];
  });
  const path = shelf.packedFile(sized);
  if (path === undefined) {
    context.leaveOut({
      what: `peers over ${rows} rows`,
      why: "the table lies in several files, which peers do not read",
    });
    return [...tiers, ...far];
  }
  return [...tiers, ...far, ...peersOf(workload, calls, context, path, rowBytes)];
}

/** Files of a user's own tables. */
function filesOf(uri: string): string[] {
  return uri.split(">").flatMap((tier) => filesBelow(/^\s*(?:file|lmdb):(.*?)\s*$/.exec(tier)?.[1] ?? ""));
}

/** What a caller of the AWS SDK would write: a ranged GET a row, all of a call at once. */
async function objectPeers(uri: string, rowBytes: number, calls: Calls): Promise<CellContestant[]> {
  const path = uri.replace(/^s3:\/\//, "");
  return [plainContestant("SDK GETs", { kind: "sdk-get", path, parts: await objectParts(uri), rowBytes, ...calls })];
}

/** The objects that the table of one module lies in. */
export async function objectParts(uri: string): Promise<readonly ManifestPart[]> {
  const [driver] = await tableDrivers(["s3"]);
  const opened = await driver?.open(uri);
  await opened?.close();
  return opened?.manifest.modules[0]?.parts ?? [];
}

function peersOf(
  { sized, state, sequences, access }: RowWorkload,
  calls: Calls,
  { peers, quick, folder }: SuiteContext,
  path: string,
  rowBytes: number,
): CellContestant[] {
  const table: PeerTable = {
    path,
    rows: sized.rows,
    rowBytes,
    folder: `${folder}/peers-${sized.preset.replaceAll(".", "-")}-${sized.rows}`,
  };
  const plain = { path, rowBytes, ...calls };
  const touched = { ...calls, touch: state === "hot" };
  const main = sequences === 1 && access === "decode";
  const found =
    state === "hot"
      ? [
          plainContestant("JS loop", { kind: "array", ...plain }),
          peers.cMemory(table, calls),
          peers.python("memmap", table, touched),
          peers.python("take", table, touched),
          // slow to start: left for runs that have the time, and for the cells that all readers look at
          ...(quick || !main
            ? []
            : (["torch", "py-lmdb", "engramdb"] as const).map((kind) => peers.python(kind, table, touched))),
        ]
      : [
          plainContestant("readSync loop", { kind: "read-sync", ...plain }),
          peers.cPread(table, calls, READ_THREADS),
          peers.python("memmap", table, touched),
          ...(state === "cold" && main
            ? (quick ? [READ_THREADS] : FIO_DEPTHS).map((depth) => peers.fio(table, calls, depth))
            : []),
          ...(quick || !main
            ? []
            : (["py-lmdb", "engramdb"] as const).map((kind) => peers.python(kind, table, touched))),
        ];
  return found.filter((one) => one !== undefined);
}
