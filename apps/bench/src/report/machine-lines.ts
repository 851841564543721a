// What a reader must know before the figures: machine, disk, versions, traces, prices, in lines of plain text.

import { byteCount, shortCount } from "./numbers.js";
import type { BenchReport } from "./report.js";

/** Share of 3-grams that differ, below which a trace is no text: real ones have a half to two thirds. */
const REPETITIVE = 0.15;

/** The lines. */
export function machineLines({ machine, started, seconds, traces, prices, sittings }: BenchReport): string[] {
  const { cpu, cores, memoryBytes, platform, node, hugePages, disk, readAheadKb, cachedBytes, commit, versions } =
    machine;
  const ahead = [...new Set(Object.values(readAheadKb ?? {}))].map((kib) => `${kib} KiB`).join(", ");
  const diskText =
    disk === undefined
      ? "disk unknown"
      : `${disk.device} (${disk.model}), ${disk.fileSystem}, read-ahead ${disk.readAheadKb} KiB, ${byteCount(disk.freeBytes)} free`;
  const runs = sittings ?? [{ started, seconds, ...(commit === undefined ? {} : { commit }) }];
  return [
    ...runs.map((run) => {
      const cells = "cells" in run ? `: ${run.cells} cells` : "";
      return `${dated(run.started)}, ${Math.round(run.seconds)} s${run.commit === undefined ? "" : `, commit ${run.commit}`}${cells}`;
    }),
    `${cpu}, ${cores} cores, ${byteCount(memoryBytes)}, ${platform}, Node ${node.replace("v", "")}`,
    `disk: ${diskText}${disk === undefined && ahead !== "" ? `, read-ahead ${ahead}` : ""}`,
    `huge pages: ${hugePages ?? "unknown"}; the system's cache held ${byteCount(cachedBytes ?? 0)} at the start`,
    ...(versions === undefined
      ? []
      : [
          Object.entries(versions)
            .map(([name, version]) => `${name} ${version}`)
            .join(", "),
        ]),
    ...traces.map(
      ({ name, kind, tokens, distinctTokens, distinct2grams, distinct3grams, tokenizer }) =>
        `trace: ${name} (${kind}, ${tokenizer}), ${shortCount(tokens)} tokens, of which ${shortCount(distinctTokens)} differ, ${shortCount(distinct2grams)} different 2-grams, ${shortCount(distinct3grams)} 3-grams${distinct3grams < tokens * REPETITIVE ? "; it repeats itself, and caches look better on it than on text" : ""}`,
    ),
    `prices (${prices.currency}): a core ${prices.coreHour} an hour; a GiB a month: memory ${prices.memoryGibMonth}, disk ${prices.diskGibMonth}, object store ${prices.objectGibMonth}; 1,000 reads of it ${prices.objectThousandReads}`,
  ];
}

function dated(iso: string): string {
  return `${iso.slice(0, 16).replace("T", " ")} UTC`;
}
