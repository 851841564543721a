// What `engram doctor` says of the machine itself: Node, cores, memory, huge pages, and the graphics processors that the
// system knows of, whether an engine can use them or not. Only looks; every part may be missing.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, freemem, platform, totalmem } from "node:os";

/** The machine. */
export interface MachineReport {
  readonly node: string;
  /** The least version of Node that is supported. */
  readonly nodeNeeded: string;
  readonly nodeSupported: boolean;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly freeBytes: number;
  /** Linux: what the kernel does for `madvise`: `always`, `madvise`, `never`. */
  readonly hugePages?: string;
  /** Linux: most mappings of one process. */
  readonly maxMappings?: number;
  /** Linux: drivers and devices of graphics processors. */
  readonly graphics: readonly string[];
}

const NODE_NEEDED = "20.19";

/** Looks at the machine. */
export function machineReport(): MachineReport {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [neededMajor = 0, neededMinor = 0] = NODE_NEEDED.split(".").map(Number);
  const hugePages = /\[(\w+)\]/.exec(textOf("/sys/kernel/mm/transparent_hugepage/enabled") ?? "")?.[1];
  const maxMappings = Number(textOf("/proc/sys/vm/max_map_count"));
  return {
    node: process.versions.node,
    nodeNeeded: NODE_NEEDED,
    nodeSupported: major > neededMajor || (major === neededMajor && minor >= neededMinor),
    platform: `${platform()} ${arch()}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    freeBytes: freemem(),
    ...(hugePages !== undefined && { hugePages }),
    ...(maxMappings > 0 && { maxMappings }),
    graphics: graphics(),
  };
}

function graphics(): string[] {
  const found: string[] = [];
  const nvidia = /NVRM version:.*?(\d+\.[\d.]+)/.exec(textOf("/proc/driver/nvidia/version") ?? "");
  if (nvidia !== null) found.push(`NVIDIA driver ${nvidia[1]}`);
  for (const folder of namesIn("/proc/driver/nvidia/gpus")) {
    const model = /Model:\s*(.+)/.exec(textOf(`/proc/driver/nvidia/gpus/${folder}/information`) ?? "")?.[1];
    found.push(model?.trim() ?? folder);
  }
  for (const name of namesIn("/dev/dri")) if (name.startsWith("renderD")) found.push(`/dev/dri/${name}`);
  if (existsSync("/dev/kfd")) found.push("/dev/kfd (AMD)");
  return found;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // another system, or not allowed
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}
