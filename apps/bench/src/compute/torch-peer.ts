// The PyTorch process that compute is measured against. Python is $ENGRAM_TORCH_PYTHON, $ENGRAM_PYTHON or python3; where it
// has no PyTorch there is no peer, and a line says so.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Peer, startPeer } from "./line-process.js";

/** Starts PyTorch on a device. */
export function startTorch(name: string, device: "cpu" | "cuda", threads?: number): Promise<Peer | undefined> {
  const python = process.env.ENGRAM_TORCH_PYTHON ?? process.env.ENGRAM_PYTHON ?? "python3";
  const args = [script(), "--device", device, ...(threads === undefined ? [] : ["--threads", String(threads)])];
  return startPeer(name, { program: python, args });
}

/** Beside this file where all is bundled, in the repository otherwise. */
function script(): string {
  const beside = fileURLToPath(new URL("engram_torch_bench.py", import.meta.url));
  if (existsSync(beside)) return beside;
  return fileURLToPath(new URL("../../../../tools/peers/engram_torch_bench.py", import.meta.url));
}
