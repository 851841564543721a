// What s3Store does beyond the contract of stores: requests shared, merged, limited, hedged and ended; answers that lie;
// errors typed, with nothing secret in them.

import { inspect } from "node:util";
import { isEngramError, type ManifestModule, type Ticket, tableInfo } from "@engram-ts/core";
import { deterministicRows, type FakeS3, fakeS3, findWrongRow, type S3FaultKind } from "@engram-ts/store-kit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type S3ReadOptions, type S3Store, s3Driver, s3Store, s3Writer } from "../src/index.js";
import { smallPlan } from "./small-plan.js";
import { putTable } from "./table-fixture.js";

const TABLE = tableInfo({ rows: 4_000, encoding: { kind: "fp8-e4m3-e8m0", width: 64 } });
const SEED = 11;

let s3: FakeS3;
let module: ManifestModule;
beforeEach(async () => {
  s3 = await fakeS3({ seed: 3 });
  module = await putTable(TABLE, deterministicRows(TABLE, SEED), (uri, bytes) => s3.put("tables", uri, bytes), {
    partRows: 1_500,
  });
});
afterEach(() => s3.close());

const open = (options: S3ReadOptions & { module?: ManifestModule } = {}): Promise<S3Store> =>
  s3Store({ module, bucket: "tables", clientConfig: s3.clientConfig, ...options });

async function expectRight(ticket: Ticket, rowIds: Uint32Array): Promise<void> {
  await ticket.ready;
  const rows = new Uint8Array(rowIds.length * TABLE.rowBytes);
  ticket.gather(rows);
  expect(findWrongRow(TABLE, SEED, rowIds, rows)).toBe(-1);
  ticket.release();
}

const consecutive = (first: number, count: number) => Uint32Array.from({ length: count }, (_, i) => first + i);

describe("requests", () => {
  test("rows of one block are one request, near blocks too, far ones are apart", async () => {
    const store = await open({ blockBytes: 660, maxGapBytes: 660 }); // blocks of 10 rows
    for (const [ids, requests] of [
      [[5, 7, 5, 0], 1],
      [[5, 25], 1], // one block between
      [[5, 35], 2],
      [[1_495, 1_505], 2], // in two objects
      [[1_499], 1],
      [[3_999, 0], 2],
    ] as const) {
      const before = store.requestStats().requests;
      await expectRight(store.prefetch(Uint32Array.from(ids)), Uint32Array.from(ids));
      expect(store.requestStats().requests - before, ids.join(" ")).toBe(requests);
    }
    await store.close();
  });

  test("a long run is cut, and all of a table comes in the fewest requests", async () => {
    const store = await open({ blockBytes: 660, maxRequestBytes: 66_000 }); // 1,000 rows
    await expectRight(store.prefetch(consecutive(0, 4_000)), consecutive(0, 4_000));
    expect(store.requestStats().requests).toBe(5); // 1,000 + 500 of each full object, 1,000 of the last
    expect(store.requestStats().bytesRead).toBe(TABLE.rows * TABLE.rowBytes);
    await store.close();
  });

  test("two tickets that want a block share its request", async () => {
    s3.setFaults({ latencyMs: 20 });
    const store = await open();
    const [a, b] = [Uint32Array.of(1, 1_600), Uint32Array.of(1_601, 2, 3_700)];
    await Promise.all([expectRight(store.prefetch(a), a), expectRight(store.prefetch(b), b)]);
    expect(store.requestStats().requests).toBe(3);
    await store.close();
  });

  test("a ticket that reads into memory of its own gives its rows to those that joined, also when it is gone", async () => {
    s3.setFaults({ latencyMs: 20 });
    const store = await open();
    const ids = consecutive(0, 62);
    const owner = store.prefetch(ids);
    const joined = store.prefetch(Uint32Array.of(7, 3));
    owner.release();
    await expectRight(joined, Uint32Array.of(7, 3));
    const late = store.prefetch(ids, { deadlineMs: 1, onMiss: "zero" });
    const other = store.prefetch(ids);
    await late.ready;
    await expectRight(other, ids);
    const zeros = new Uint8Array(62 * TABLE.rowBytes).fill(1);
    late.gather(zeros);
    expect(zeros.every((byte) => byte === 0)).toBe(true);
    expect(store.stats()).toMatchObject({ zeroedRows: 62, deadlineMisses: 1 });
    await store.close();
  });

  test("at most `concurrency` are under way", async () => {
    s3.setFaults({ latencyMs: 3 });
    const store = await open({ concurrency: 3, blockBytes: 66, maxGapBytes: 0 });
    const ids = Uint32Array.from({ length: 40 }, (_, i) => i * 100);
    await expectRight(store.prefetch(ids), ids);
    expect(s3.stats().mostAtOnce).toBe(3);
    await store.close();
  });

  test("higher priorities go first", async () => {
    s3.setFaults({ latencyMs: 5 });
    const store = await open({ concurrency: 1, blockBytes: 66, maxGapBytes: 0 });
    const order: string[] = [];
    const ask = (name: string, row: number, priority: number) =>
      store.prefetch(Uint32Array.of(row), { priority }).ready.then(() => order.push(name));
    await Promise.all([
      ask("first", 0, 0),
      ask("low", 100, -1),
      ask("high", 200, 5),
      ask("raised", 300, -2),
      ask("raised", 300, 9),
    ]);
    expect(order).toEqual(["first", "raised", "raised", "high", "low"]);
    await store.close();
  });

  test("a reading that nobody waits for any more is ended", async () => {
    s3.setFaults({ script: ({ operation }) => (operation === "GetObject" ? "stall-before-headers" : undefined) });
    const store = await open({ timeoutMs: 60_000 });
    const controller = new AbortController();
    store.prefetch(Uint32Array.of(1)).release();
    const aborted = store.prefetch(Uint32Array.of(2), { signal: controller.signal });
    controller.abort();
    await expect(aborted.ready).rejects.toMatchObject({ code: "aborted" });
    const zeroed = store.prefetch(Uint32Array.of(3), { deadlineMs: 5, onMiss: "zero" });
    await zeroed.ready;
    const pending = store.prefetch(Uint32Array.of(4));
    await store.close();
    await expect(pending.ready).rejects.toMatchObject({ code: "store-closed" });
  });

  test("a slow request is hedged, and the faster answer wins", async () => {
    const store = await open({ hedgeAfterMs: 10, timeoutMs: 60_000 });
    let gets = 0;
    s3.setFaults({ script: () => (gets++ === 0 ? "stall-in-body" : undefined) });
    await expectRight(store.prefetch(Uint32Array.of(9)), Uint32Array.of(9));
    expect(store.requestStats()).toMatchObject({ requests: 2, hedges: 1, hedgesWon: 1 });
    await store.close();
  });
});

describe("failures", () => {
  const EXPECTED: Readonly<Record<S3FaultKind, readonly [code: string, retry: string]>> = {
    "internal-error": ["io", "later"],
    "slow-down": ["io", "later"],
    "too-many-requests": ["io", "later"],
    "expired-credentials": ["permission-denied", "never"],
    "reset-before-headers": ["io", "later"],
    "reset-in-body": ["io", "later"],
    "stall-before-headers": ["io", "later"],
    "stall-in-body": ["io", "later"],
    "truncated-body": ["io", "later"],
    "short-body": ["truncated", "later"],
    "long-body": ["truncated", "later"],
    "corrupt-body": ["digest-mismatch", "later"],
    "wrong-range": ["truncated", "later"],
    "replaced-object": ["manifest-mismatch", "never"],
  };

  test.each(Object.entries(EXPECTED))("%s", async (fault, [code, retry]) => {
    const put = (uri: string, bytes: Uint8Array): void => s3.put("tables", uri, bytes);
    const blocked = await putTable(TABLE, deterministicRows(TABLE, SEED), put, { blockRows: 16 });
    const store = await open({ module: blocked, timeoutMs: 1_000 });
    s3.setFaults({ script: () => fault as S3FaultKind });
    const ticket = store.prefetch(Uint32Array.of(100));
    await expect(ticket.ready).rejects.toMatchObject({ code, retry });
    expect(() => ticket.gather(new Uint8Array(TABLE.rowBytes))).toThrow(expect.objectContaining({ code }));
    s3.setFaults();
    await expectRight(store.prefetch(Uint32Array.of(100)), Uint32Array.of(100));
    await store.close();
  });

  test("at opening: missing, of another size, unreadable, wrong digests, no bucket", async () => {
    s3.delete("tables", "rows-1500.bin");
    await expect(open()).rejects.toMatchObject({ code: "not-found" });
    s3.put("tables", "rows-1500.bin", new Uint8Array(5));
    await expect(open()).rejects.toMatchObject({ code: "manifest-mismatch", context: { found: 5 } });
    const put = (uri: string, bytes: Uint8Array): void => s3.put("tables", uri, bytes);
    const blocked = await putTable(TABLE, deterministicRows(TABLE, SEED), put, { blockRows: 16 });
    s3.put("tables", "digests.bin", new Uint8Array(blocked.blocks?.digests?.bytes ?? 0));
    await expect(open({ module: blocked })).rejects.toMatchObject({ code: "digest-mismatch" });
    await (await open({ module: blocked, verify: "off" })).close();
    const { clientConfig } = s3;
    await expect(s3Store({ module, bucket: "nowhere", clientConfig })).rejects.toMatchObject({ code: "not-found" });
    await expect(s3Driver({ clientConfig }).open("s3://tables/none")).rejects.toMatchObject({ code: "not-found" });
  });

  test("options and URIs are checked", async () => {
    for (const wrong of [{ concurrency: 0 }, { blockBytes: -1 }, { hedgeAfterMs: Number.NaN }, { maxBatch: 1 }]) {
      await expect(open(wrong)).rejects.toMatchObject({ code: "invalid-argument" });
    }
    const driver = s3Driver({ clientConfig: s3.clientConfig });
    for (const uri of ["s3:/a/b", "s3://", "s3://a b/c", "s3://tables/../x", "s3://tables/a//b", "s3://tables/a?x=1"]) {
      await expect(driver.open(uri), uri).rejects.toMatchObject({ code: "invalid-argument" });
    }
  });
});

describe("secrets", () => {
  const SECRETS = ["AKIASEEDEDKEYID", "seeded-secret-key", "seeded-session-token"] as const;
  const [accessKeyId, secretAccessKey, sessionToken] = SECRETS;

  /** All that can be seen of a value, hidden fields and causes too. */
  const visible = (value: unknown): string =>
    [inspect(value, { depth: 12, showHidden: true, maxStringLength: null }), JSON.stringify(value), String(value)].join(
      "\n",
    );

  test("are in no error, statistics or manifest, whatever fails", async () => {
    const clientConfig = { ...s3.clientConfig, credentials: { accessKeyId, secretAccessKey, sessionToken } };
    const seen: string[] = [];
    const note = async (what: Promise<unknown>): Promise<void> => {
      seen.push(visible(await what.catch((error: unknown) => error)));
    };
    const kinds: (S3FaultKind | undefined)[] = [
      "expired-credentials",
      "internal-error",
      "reset-in-body",
      "stall-in-body",
    ];
    for (const fault of kinds) {
      s3.setFaults({ script: () => fault });
      await note(s3Store({ module, bucket: "tables", clientConfig, timeoutMs: 1_000 }));
      await note(s3Driver({ clientConfig, timeoutMs: 1_000 }).open("s3://tables/x"));
      s3.setFaults();
      const store = await s3Store({ module, bucket: "tables", clientConfig, timeoutMs: 1_000 });
      s3.setFaults({ script: () => fault });
      const ticket = store.prefetch(Uint32Array.of(1));
      await note(ticket.ready);
      seen.push(visible(ticket), visible(store), visible(store.stats()), visible(store.requestStats()));
      await store.close();
    }
    s3.setFaults();
    await note(s3Driver({ clientConfig }).open(`s3://${accessKeyId}:${secretAccessKey}@tables/x`));
    const tables = new Map([[1, TABLE]]);
    const writer = await s3Writer(smallPlan(tables), { bucket: "tables", prefix: "written", clientConfig });
    await writer.write(1, 0, deterministicRows(TABLE, 1));
    seen.push(visible(await writer.finish()), visible(writer));
    for (const key of s3.keys("tables")) {
      if (/json$/.test(key)) seen.push(new TextDecoder().decode(s3.get("tables", key)));
    }
    // an endpoint where nobody listens, and an error of the SDK's own
    const nowhere = { ...clientConfig, endpoint: "http://127.0.0.1:1" };
    await note(s3Store({ module, bucket: "tables", clientConfig: nowhere }));
    const broken = { ...clientConfig, credentials: () => Promise.reject(new Error(`no ${secretAccessKey}`)) };
    await note(s3Store({ module, bucket: "tables", clientConfig: broken }));
    expect(seen.length).toBeGreaterThan(20);
    for (const text of seen) for (const secret of SECRETS) expect(text).not.toContain(secret);
  });

  test("echoed by a server stay behind", async () => {
    const echo = { name: `Leak`, message: secretAccessKey, $metadata: { httpStatusCode: 403, requestId: "r1" } };
    const client = { send: () => Promise.reject(Object.assign(new Error(echo.message), echo)), destroy() {} };
    const error = await s3Store({ module, bucket: "tables", client: client as never }).catch((cause: unknown) => cause);
    expect(isEngramError(error, "permission-denied")).toBe(true);
    expect(visible(error)).not.toContain(secretAccessKey);
    expect(visible(error)).toContain("r1");
  });
});
