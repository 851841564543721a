// The digests of one table while its rows pass by in order: of each object, of each block, and of the whole.

import { createHash, type Hash } from "node:crypto";

/** What rows came to. */
export interface TableDigests {
  /** SHA-256 of each object, hex. */
  readonly objects: readonly string[];
  /** SHA-256 of each block, 32 bytes each. */
  readonly blocks: Uint8Array;
  /** SHA-256 of all rows, hex. */
  readonly table: string;
}

/** Takes rows, then gives their digests. */
export interface DigestStream {
  update(rows: Uint8Array): void;
  digests(): TableDigests;
}

/** Digests for objects and blocks of so many bytes; the last of each may have fewer. */
export function digestStream(objectBytes: number, blockBytes: number, totalBytes: number): DigestStream {
  const objects: string[] = [];
  const blocks = new Uint8Array(Math.ceil(totalBytes / blockBytes) * 32);
  const alone = objectBytes >= totalBytes; // the one object's digest is the table's
  const table = createHash("sha256");
  let object = createHash("sha256");
  let block = createHash("sha256");
  let seen = 0;
  const cut = (rows: Uint8Array, size: number, into: () => Hash, end: (at: number) => void): void => {
    for (let at = 0; at < rows.length; ) {
      const offset = (seen + at) % size;
      const part = rows.subarray(at, at + Math.min(size - offset, rows.length - at));
      into().update(part);
      at += part.length;
      if (offset + part.length === size || seen + at === totalBytes) end(seen + at);
    }
  };
  return {
    update(rows) {
      cut(
        rows,
        objectBytes,
        () => object,
        () => {
          objects.push(object.digest("hex"));
          object = createHash("sha256");
        },
      );
      cut(
        rows,
        blockBytes,
        () => block,
        (at) => {
          blocks.set(block.digest(), (Math.ceil(at / blockBytes) - 1) * 32);
          block = createHash("sha256");
        },
      );
      if (!alone) table.update(rows);
      seen += rows.length;
    },
    digests: () => ({ objects, blocks, table: alone ? (objects[0] ?? "") : table.digest("hex") }),
  };
}
