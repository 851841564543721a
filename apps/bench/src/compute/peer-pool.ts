// The contestants' processes, started once and used by all parts of a comparison: PyTorch takes ten seconds to start. One
// that has ended is started again where it is needed next.

import { startEngine } from "./engine-server.js";
import type { Peer } from "./line-process.js";
import type { TorchType } from "./peer-run.js";
import { startTorch } from "./torch-peer.js";

/** A contestant. */
export interface StartedPeer {
  readonly peer: Peer;
  /** Where it is PyTorch: what it computes in. */
  readonly torch?: TorchType;
}

/** The processes. */
export interface PeerPool {
  /** Engines by their names and PyTorch in its types, PyTorch first; those that this machine lacks are left out. */
  peers(engines: readonly string[], torch: readonly TorchType[]): Promise<StartedPeer[]>;
  /** Versions and devices of all that were started, by name. */
  readonly versions: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** A pool without processes. */
export function peerPool(device: "cpu" | "cuda", threads?: number): PeerPool {
  const started = new Map<string, Promise<Peer | undefined>>();
  const versions: Record<string, string> = {};
  const have = async (name: string, start: () => Promise<Peer | undefined>): Promise<Peer | undefined> => {
    const known = started.get(name);
    const before = await known;
    if (known !== undefined && (before === undefined || before.alive)) return before;
    const starting = start();
    started.set(name, starting);
    const peer = await starting;
    if (peer !== undefined) versions[name] = `${peer.version} on ${peer.device}`.trim();
    return peer;
  };
  return {
    versions,
    async peers(engines, torch) {
      const torches = torch.map(async (type, place): Promise<StartedPeer[]> => {
        const key = `PyTorch ${place}`; // one process for each that is asked for at once, whatever its type
        const peer = await have(key, () => startTorch(key, device, threads));
        if (peer === undefined) return [];
        const name = `PyTorch ${type}`;
        return [{ peer: { ...peer, name, alive: true }, torch: type }];
      });
      const own = engines.map(async (name): Promise<StartedPeer[]> => {
        const peer = await have(name, () => startEngine(name, threads));
        return peer === undefined ? [] : [{ peer }];
      });
      return (await Promise.all([...torches, ...own])).flat();
    },
    async close() {
      for (const starting of started.values()) (await starting)?.close();
      started.clear();
    },
  };
}
