// The disk under a folder: device, model, file system, read-ahead. Linux; elsewhere it is left out of the card.

import { readFileSync, realpathSync, statfsSync } from "node:fs";
import { basename, join } from "node:path";

/** A disk. */
export interface DiskCard {
  readonly device: string;
  readonly model: string;
  readonly fileSystem: string;
  readonly readAheadKb: number;
  /** Its queue's scheduler, such as `none` or `mq-deadline`. */
  readonly scheduler: string;
  readonly rotates: boolean;
  readonly freeBytes: number;
}

/** The disk under a folder; undefined where the folder lies on none, as in memory. */
export function diskCard(folder: string): DiskCard | undefined {
  const path = realpathSync(folder);
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, point = "-"]) => path === point || path.startsWith(point.endsWith("/") ? point : `${point}/`))
    .sort(([, a = ""], [, b = ""]) => b.length - a.length);
  const [device = "", , fileSystem = ""] = mounts[0] ?? [];
  if (!device.startsWith("/dev/")) return undefined;
  const block = blockFolder(basename(realpathSync(device)));
  const read = (name: string, otherwise: string) => {
    try {
      return readFileSync(join(block, name), "utf8").trim();
    } catch {
      return otherwise;
    }
  };
  const { bavail, bsize } = statfsSync(folder);
  return {
    device: basename(block),
    model: read("device/model", "virtual"),
    fileSystem,
    readAheadKb: Number(read("queue/read_ahead_kb", "0")),
    scheduler: /\[([\w-]+)\]/.exec(read("queue/scheduler", ""))?.[1] ?? "unknown",
    rotates: read("queue/rotational", "0") === "1",
    freeBytes: bavail * bsize,
  };
}

/** A partition's queue is its disk's. */
function blockFolder(name: string): string {
  const own = realpathSync(`/sys/class/block/${name}`);
  try {
    readFileSync(join(own, "partition"));
    return join(own, "..");
  } catch {
    return own;
  }
}
