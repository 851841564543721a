// Who takes part in the cells of the suite `stores`: one store in several ways, and the loops and peers that it is compared
// with. Tables are those of the shelf, written by whoever needs them first.

import type { CellContestant } from "../cells/cell-plan.js";
import { type DelayProxy, startDelayProxy } from "../cells/delay-proxy.js";
import type { RowContestantOptions } from "../cells/row-contestant.js";
import { filesBelow } from "../cells/row-table.js";
import type { PeerTable } from "../peers/peer-table.js";
import type { RowWorkload } from "./row-workload.js";
import type { SuiteContext } from "./suite.js";
import { objectParts, plainContestant, READ_THREADS, tierContestant } from "./tier-contestants.js";
import type { RowCast } from "./tiers-suite.js";

/** A cell's cast, of its workload. */
export type CastOf = (workload: RowWorkload & { readonly rowBytes: number }, context: SuiteContext) => RowCast;

interface Calls {
  readonly ids: string;
  readonly count: number;
}

type Given = Parameters<CastOf>[0];

const present = (list: readonly (CellContestant | undefined)[]) => list.filter((one) => one !== undefined);

function peerTable({ sized, rowBytes }: Given, { shelf, folder }: SuiteContext): PeerTable {
  const name = `peers-${sized.preset.replaceAll(".", "-")}-${sized.rows}`;
  const path = shelf.packedFile(sized);
  if (path === undefined) throw new Error("the table lies in several files, which peers do not read; use fewer rows");
  return { path, rows: sized.rows, rowBytes, folder: `${folder}/${name}` };
}

function tier({ sized, state }: Given, calls: Calls) {
  return (
    name: string,
    uri: string,
    more: Partial<RowContestantOptions> = {},
    files: () => readonly string[] = () => [],
  ) => tierContestant(name, { uri, layer: sized.layer, ...calls, touch: state === "hot", ...more }, files);
}

/** Rows in memory: numpy, C and a loop in JavaScript beside it. */
export const dramCast: CastOf = (given, context) => ({
  name: "dram",
  baseline: "numpy take",
  async contestants(calls) {
    const file = context.shelf.table("file", given.sized);
    await file.write();
    const table = peerTable(given, context);
    const dram = (name: string, more: Partial<RowContestantOptions>) =>
      tier(given, calls)(name, `dram:${file.uri}`, more);
    const many = given.access === "prefill";
    return present([
      dram("dram", {}),
      dram("dram, output in its memory", { output: "own" }),
      dram("dram, small pages", { store: { dram: { hugePages: "off" } } }),
      many ? dram("dram, 2 threads", { store: { dram: { workers: 2 } } }) : undefined,
      dram("dram, TypeScript", { store: { dram: { kernel: "typescript" } } }),
      plainContestant("JS loop", { kind: "array", path: table.path, rowBytes: given.rowBytes, ...calls }),
      context.peers.cMemory(table, calls),
      context.peers.python("take", table, calls),
    ]);
  },
});

/** Rows in files: mapped, and read without the package that maps. */
export const fileCast: CastOf = (given, context) => ({
  name: "file",
  baseline: given.state === "hot" ? "numpy memmap" : `C pread, ${READ_THREADS} at once`,
  async contestants(calls) {
    const file = context.shelf.table("file", given.sized);
    await file.write();
    const table = peerTable(given, context);
    const { peers } = context;
    const ways = tier(given, calls);
    const plain = plainContestant("readSync loop", {
      kind: "read-sync",
      path: table.path,
      rowBytes: given.rowBytes,
      ...calls,
    });
    return present([
      ways("file, mapped", file.uri, { store: { file: { mapping: "auto" } } }, () => file.files()),
      ways("file, not mapped", file.uri, { store: { file: { mapping: "off" } } }, () => file.files()),
      plain,
      ...(given.state === "hot"
        ? [peers.python("memmap", table, calls)]
        : [peers.cPread(table, calls, READ_THREADS), peers.cPread(table, calls, 4 * READ_THREADS)]),
    ]);
  },
});

/** Rows in LMDB: a value a row beside it, in Node and in Python, and engramdb's files. */
export const lmdbCast: CastOf = (given, context) => ({
  name: "lmdb",
  baseline: "lmdb-js, a value a row",
  async contestants(calls) {
    const { shelf, peers } = context;
    const { sized, rowBytes } = given;
    const lmdb = shelf.table("lmdb", sized);
    await shelf.table("file", sized).write();
    await lmdb.write();
    const table = peerTable(given, context);
    const folder = `${table.folder}/lmdb-js`;
    const rowByRow = plainContestant("lmdb-js, a value a row", {
      ...{ kind: "lmdb-js", path: table.path, folder, rows: sized.rows, rowBytes },
      ...calls,
    });
    return present([
      tier(given, calls)("lmdb", lmdb.uri, {}, () => lmdb.files()),
      { ...rowByRow, files: () => filesBelow(folder) },
      peers.python("py-lmdb", table, calls),
      peers.python("engramdb", table, calls),
      given.state === "hot" ? undefined : peers.cPread(table, calls, READ_THREADS),
    ]);
  },
});

/** A cache that holds every row asked for, over files: what a hit costs. */
export const cacheCast: CastOf = (given, context) => ({
  name: "cache",
  baseline: "JS Map",
  async contestants(calls) {
    const file = context.shelf.table("file", given.sized);
    await file.write();
    const { path } = peerTable(given, context);
    const bytes = 2 * given.sized.rows * given.rowBytes;
    return [
      tier(given, calls)("cache, all hits", `dram(${bytes}) > ${file.uri}`),
      tier(given, calls)("dram", `dram:${file.uri}`),
      plainContestant("JS Map", { kind: "map", path, rowBytes: given.rowBytes, ...calls }),
    ];
  },
});

/** Rows in an object store, at its endpoint or so many milliseconds further away: the SDK's GETs beside it. */
export function objectCast(far: { readonly endpoint: string; readonly ms: number } | undefined): CastOf {
  return (given, context) => {
    let proxy: DelayProxy | undefined;
    return {
      name: far === undefined ? "s3" : `s3, ${far.ms} ms away`,
      baseline: "one SDK GET",
      warmUpCalls: 20,
      cacheState: "rows not read before by the process; the server's own caches as they are",
      async contestants(calls) {
        const s3 = context.shelf.table("s3", given.sized);
        await s3.write();
        proxy = far === undefined ? undefined : await startDelayProxy(far.endpoint, far.ms);
        const env = proxy === undefined ? {} : { AWS_ENDPOINT_URL: proxy.endpoint };
        const gets = {
          path: s3.uri.replace(/^s3:\/\//, ""),
          parts: await objectParts(s3.uri),
          rowBytes: given.rowBytes,
        };
        return [
          tier(given, calls)("s3", s3.uri),
          plainContestant("SDK GETs", { kind: "sdk-get", ...gets, ...calls }),
          { ...plainContestant("one SDK GET", { kind: "sdk-one", ...gets, ...calls }), kind: "limit" as const },
        ].map((one) => ({ ...one, env: { ...one.env, ...env } }));
      },
      finish: () => proxy?.stop(),
    };
  };
}
