// Asks Linux for huge pages under a table: with 4 KiB pages much of a random read is the walk of the page table. Needs
// the optional package koffi; without it, or on other systems, nothing changes but the speed.

import type * as Koffi from "koffi";

/** What became of the request: `"advised"`, or why not. */
export type HugePages = "advised" | `off: ${string}`;

type Advise = (bytes: Uint8Array) => HugePages;

const MADV_HUGEPAGE = 14;
const SETTING = "/sys/kernel/mm/transparent_hugepage/enabled";

let advise: Advise | undefined;

/** Advises huge pages for memory that has not been touched yet. Never throws. */
export function adviseHugePages(bytes: Uint8Array): HugePages {
  advise ??= loadAdvise();
  return advise(bytes);
}

function loadAdvise(): Advise {
  const off = (reason: string): Advise => {
    return () => `off: ${reason}`;
  };
  // Not imported: this module must load where there is no Node, and koffi is optional.
  const builtin = globalThis.process?.getBuiltinModule;
  if (builtin === undefined || process.platform !== "linux") return off("only on Linux under Node");
  try {
    if (builtin("node:fs").readFileSync(SETTING, "utf8").includes("[never]")) return off(`${SETTING} says never`);
    const koffi = builtin("node:module").createRequire(import.meta.url)("koffi") as typeof Koffi; // the package's own type
    const madvise = koffi.load(null).func("int madvise(uintptr_t, size_t, int)");
    return (bytes) => {
      const result: unknown = madvise(koffi.address(bytes), bytes.byteLength, MADV_HUGEPAGE);
      return result === 0 ? "advised" : "off: madvise refused";
    };
  } catch (error) {
    if ((error as { code?: unknown }).code === "MODULE_NOT_FOUND") return off("npm install koffi to have huge pages");
    return off(error instanceof Error ? error.message : String(error));
  }
}
