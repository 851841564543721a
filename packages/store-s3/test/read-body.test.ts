// Bodies whose length no header tells, as in chunked transfer.

import { expect, test } from "vitest";
import { readBody } from "../src/read-body.js";

const action = { operation: "store.prefetch", request: "GetObject", bucket: "b", key: "k" };

async function* body(...sizes: number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield new Uint8Array(size).fill(size);
}

const read = (stream: unknown, length: number) => {
  const running = { signal: new AbortController().signal, touch: () => {} };
  return readBody(stream, new Uint8Array(length), action, running);
};

test("a body of the right length is read, in however many pieces", async () => {
  expect([...(await read(body(2, 1), 3))]).toEqual([2, 2, 1]);
  expect(await read(body(), 0)).toEqual(new Uint8Array(0));
});

test("a body that is short, long or none is refused", async () => {
  const truncated = { code: "truncated", retry: "later" };
  await expect(read(body(2), 3)).rejects.toMatchObject({ ...truncated, context: { expected: 3, found: 2 } });
  await expect(read(body(2, 2), 3)).rejects.toMatchObject(truncated);
  await expect(read(body(1), 0)).rejects.toMatchObject(truncated);
  await expect(read(undefined, 1)).rejects.toMatchObject(truncated);
});
