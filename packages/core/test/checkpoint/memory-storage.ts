// A checkpoint's place in memory, which counts what is read and can break off a save. The smallest storage there is.

import type { CheckpointStorage } from "../../src/checkpoint/checkpoint-storage.js";
import { EngramError } from "../../src/errors.js";

export interface MemoryStorage extends CheckpointStorage {
  readonly files: Map<string, Uint8Array>;
  /** Bytes read of each file since it was last cleared. */
  readonly bytesRead: Map<string, number>;
  /** Writes that succeed before all others fail. */
  writesLeft: number;
}

export function memoryStorage(files: Iterable<readonly [string, Uint8Array]> = []): MemoryStorage {
  const storage: MemoryStorage = {
    name: "memory",
    files: new Map(files),
    bytesRead: new Map(),
    writesLeft: Number.POSITIVE_INFINITY,
    size: async (file) => storage.files.get(file)?.length,
    async read(file, offset, length) {
      const bytes = storage.files.get(file);
      if (bytes === undefined) throw new EngramError({ code: "not-found", operation: "read", message: file });
      storage.bytesRead.set(file, (storage.bytesRead.get(file) ?? 0) + length);
      return bytes.slice(offset, offset + length);
    },
    async write(file, bytes) {
      if (storage.writesLeft-- <= 0) throw new EngramError({ code: "io", operation: "write", message: "killed" });
      storage.files.set(file, bytes.slice());
    },
  };
  return storage;
}
