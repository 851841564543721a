// What a reader must know of the machine to judge a figure: processor, memory, versions, the state of huge pages and of
// the disk's read-ahead, and the commit that was measured. Part of every report; says nothing that names the host.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import { type DiskCard, diskCard } from "./machine/disk-card.js";

/** The machine of a report. */
export interface MachineCard {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly freeBytes: number;
  readonly platform: string;
  readonly node: string;
  /** Linux: the mode of transparent huge pages, such as `madvise`. */
  readonly hugePages?: string;
  /** Linux: KiB that each disk reads ahead, by device. */
  readonly readAheadKb?: Readonly<Record<string, number>>;
  /** The disk that tables lie on. */
  readonly disk?: DiskCard;
  /** Linux: bytes of files that the system held in its cache when the run began. */
  readonly cachedBytes?: number;
  /** Versions of what was measured and of the peers found, by name. */
  readonly versions?: Readonly<Record<string, string>>;
  /** The commit that was measured, with `+` where the checkout held changes. */
  readonly commit?: string;
}

/** What a card tells besides what it finds. */
export interface MachineCardOptions {
  /** A folder on the disk that is meant. */
  readonly folder?: string;
  readonly versions?: Readonly<Record<string, string>>;
}

/** Looks at the machine now; what cannot be read is left out. */
export function machineCard({ folder, versions }: MachineCardOptions = {}): MachineCard {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryBytes: totalmem(),
    freeBytes: freemem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    ...optional("hugePages", () => /\[(\w+)\]/.exec(readText("/sys/kernel/mm/transparent_hugepage/enabled"))?.[1]),
    ...optional("readAheadKb", readAhead),
    ...optional("disk", () => (folder === undefined ? undefined : diskCard(folder))),
    ...optional("cachedBytes", () => (folder === undefined ? undefined : cachedBytes())),
    ...(versions === undefined ? {} : { versions }),
    ...optional("commit", commit),
  };
}

function readText(path: string): string {
  return readFileSync(path, "utf8");
}

function readAhead(): Record<string, number> | undefined {
  const disks = readdirSync("/sys/block").filter((name) => !/^(loop|ram|zram|sr)/.test(name));
  const sizes = disks.map((name) => [name, Number(readText(`/sys/block/${name}/queue/read_ahead_kb`))] as const);
  return sizes.length === 0 ? undefined : Object.fromEntries(sizes);
}

function cachedBytes(): number {
  return Number(/^Cached:\s+(\d+) kB/m.exec(readText("/proc/meminfo"))?.[1]) * 1024;
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
  return git("rev-parse", "--short=12", "HEAD").trim() + (changed ? "+" : "");
}

/** `{ [name]: read() }`, or nothing where the platform does not say. */
function optional<Name extends string, T>(name: Name, read: () => T | undefined): { [key in Name]?: T } {
  try {
    const value = read();
    return value === undefined ? {} : ({ [name]: value } as { [key in Name]?: T }); // a computed key widens to string
  } catch {
    return {};
  }
}
