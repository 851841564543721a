import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTokenMap, encodeTokenMap, isEngramError, type TokenMap, tokenMapDigest } from "../../src/index.js";

/** Any map: each id at most one above all before it. */
const maps = fc.array(fc.nat(1000), { minLength: 1, maxLength: 300 }).map((draws): TokenMap => {
  let compressed = 0;
  const ids = Uint32Array.from(draws, (draw) => {
    const id = draw % (compressed + 1);
    if (id === compressed) compressed++;
    return id;
  });
  return { tokens: ids.length, compressed, ids };
});

const small: TokenMap = { tokens: 4, compressed: 3, ids: Uint32Array.of(0, 1, 0, 2) };

describe("encodeTokenMap", () => {
  it("writes little-endian u32 and nothing else", () => {
    expect([...encodeTokenMap(small)]).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
    const far = { tokens: 1, compressed: 1, ids: Uint32Array.of(9, 0x01020304).subarray(1) };
    expect([...encodeTokenMap(far)]).toEqual([4, 3, 2, 1]);
  });

  it("is undone by decodeTokenMap, from any offset of a buffer", async () => {
    await fc.assert(
      fc.asyncProperty(maps, fc.nat(7), async (map, offset) => {
        const bytes = encodeTokenMap(map);
        const shifted = new Uint8Array(bytes.length + 8).subarray(offset, offset + bytes.length);
        shifted.set(bytes);
        const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
        expect(await tokenMapDigest(map)).toBe(digest);
        const { tokens, compressed } = map;
        expect(await decodeTokenMap(shifted, { digest, tokens, compressed })).toEqual(map);
      }),
    );
  });
});

describe("decodeTokenMap", () => {
  it("takes its own copy", async () => {
    const bytes = encodeTokenMap(small);
    const pending = decodeTokenMap(bytes, { digest: await tokenMapDigest(small) });
    bytes.fill(255);
    expect((await pending).ids).toEqual(small.ids);
  });

  it.each([1, 2, 3, 5, 15])("calls %i bytes truncated", async (length) => {
    expect(await codeOf(decodeTokenMap(new Uint8Array(length)))).toBe("truncated");
  });

  it.each([
    ["nothing", []],
    ["a first id that is not 0", [1]],
    ["an id two above all before it", [0, 1, 3]],
    ["the largest u32", [0, 0xffff_ffff]],
  ])("refuses %s", async (_, ids) => {
    expect(await codeOf(decodeTokenMap(raw(ids)))).toBe("invalid-token-map");
  });

  it("refuses more ids than any tokenizer has, before it reads them", async () => {
    expect(await codeOf(decodeTokenMap(new Uint8Array((2 ** 24 + 1) * 4)))).toBe("invalid-token-map");
  });

  it.each([
    [{ tokens: 3 }, "invalid-token-map"],
    [{ tokens: 5 }, "invalid-token-map"],
    [{ compressed: 2 }, "invalid-token-map"],
    [{ compressed: 4 }, "invalid-token-map"],
    [{ digest: `sha256:${"0".repeat(64)}` }, "digest-mismatch"],
    [{ digest: "0".repeat(64) }, "invalid-argument"],
    [{ digest: "" }, "invalid-argument"],
  ])("checks it against %j", async (expected, code) => {
    expect(await codeOf(decodeTokenMap(encodeTokenMap(small), expected))).toBe(code);
  });

  it("finds any change of one byte by the digest", async () => {
    const digest = await tokenMapDigest(small);
    const bytes = encodeTokenMap(small);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await codeOf(decodeTokenMap(changed, { digest }))).toBe("digest-mismatch");
    }
  });
});

function raw(ids: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(ids).buffer);
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
  } catch (error) {
    if (isEngramError(error)) return error.code;
    throw error;
  }
  return undefined;
}
