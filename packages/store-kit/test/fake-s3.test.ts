// The fake S3 by plain HTTP; the AWS SDK talks to it in the tests of store-s3.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FakeS3, fakeS3 } from "../src/index.js";

let s3: FakeS3;
beforeEach(async () => {
  s3 = await fakeS3({ minPartBytes: 4, pageSize: 2 });
  s3.put("tables", "a/rows", new TextEncoder().encode("0123456789"));
});
afterEach(() => s3.close());

const ask = (path: string, init: RequestInit = {}) => fetch(`${s3.endpoint}/tables/${path}`, init);
const get = (headers: Record<string, string>) => ask("a/rows", { headers });

describe("objects", () => {
  test.each([
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=8-99", 206, "89", "bytes 8-9/10"],
    ["bytes=7-", 206, "789", "bytes 7-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=0-9", 206, "0123456789", "bytes 0-9/10"],
    ["lines=1-2", 200, "0123456789", null],
  ])("range %s", async (range, status, text, contentRange) => {
    const answer = await get({ range });
    expect([answer.status, await answer.text(), answer.headers.get("content-range")]).toEqual([
      status,
      text,
      contentRange,
    ]);
  });

  test("a range beyond the end, a missing object, a missing bucket", async () => {
    const beyond = await get({ range: "bytes=10-10" });
    expect([beyond.status, await beyond.text()]).toEqual([416, expect.stringContaining("<Code>InvalidRange</Code>")]);
    expect((await ask("none")).status).toBe(404);
    expect(await (await fetch(`${s3.endpoint}/nowhere/x`)).text()).toContain("NoSuchBucket");
  });

  test("conditions, where they are honoured", async () => {
    const etag = (await ask("a/rows", { method: "HEAD" })).headers.get("etag") ?? "";
    expect((await get({ "if-match": etag })).status).toBe(200);
    expect((await get({ "if-match": '"other"' })).status).toBe(412);
    expect((await get({ "if-none-match": etag })).status).toBe(304);
    const put = (headers: Record<string, string>) => ask("a/rows", { method: "PUT", headers, body: "new" });
    expect((await put({ "if-none-match": "*" })).status).toBe(412);
    expect((await put({ "if-match": '"other"' })).status).toBe(412);
    expect((await put({ "if-match": etag })).status).toBe(200);
    expect((await get({ "if-match": etag })).status).toBe(412);
  });

  test("lists by page, with folders", async () => {
    for (const key of ["a/x", "b/1", "b/2", "c"]) s3.put("tables", key, new Uint8Array(1));
    const keys: string[] = [];
    for (let token: string | undefined = ""; token !== undefined; ) {
      const text = await (await ask(`?list-type=2&continuation-token=${encodeURIComponent(token)}`)).text();
      keys.push(...[...text.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key = ""]) => key));
      token = /<NextContinuationToken>(.*?)</.exec(text)?.[1];
    }
    expect(keys).toEqual(["a/rows", "a/x", "b/1", "b/2", "c"]);
    const folders = await (await ask("?list-type=2&delimiter=/")).text();
    expect([...folders.matchAll(/<Prefix>([^<]+)<\/Prefix>/g)].map(([, name]) => name)).toEqual(["a/", "b/"]);
  });
});

describe("bodies", () => {
  const chunked = (text: string, sum: string) =>
    ask("b", {
      method: "PUT",
      headers: { "content-encoding": "aws-chunked", "x-amz-decoded-content-length": "5" },
      body: `3;chunk-signature=0\r\n${text.slice(0, 3)}\r\n2\r\n${text.slice(3)}\r\n0\r\nx-amz-checksum-crc32:${sum}\r\n\r\n`,
    });

  test("come in chunks with a checksum behind them", async () => {
    expect((await chunked("hello", "NhCmhg==")).status).toBe(200);
    expect(new TextDecoder().decode(s3.get("tables", "b"))).toBe("hello");
  });

  test("that are not what their checksum says are refused", async () => {
    expect(await (await chunked("hallo", "NhCmhg==")).text()).toContain("BadDigest");
    expect(s3.get("tables", "b")).toBeUndefined();
    const headers = { "content-md5": "XUFAKrxLKna5cZ2REBfFkg==" }; // of "hello"
    expect((await ask("c", { method: "PUT", headers, body: "hello" })).status).toBe(200);
    expect((await ask("d", { method: "PUT", headers, body: "hallo" })).status).toBe(400);
  });
});

test("an upload comes in parts, in order, none too small but the last", async () => {
  const begin = await (await ask("big?uploads", { method: "POST" })).text();
  const id = /<UploadId>(.*?)</.exec(begin)?.[1] ?? "";
  const part = async (number: number, body: string) =>
    (await ask(`big?partNumber=${number}&uploadId=${id}`, { method: "PUT", body })).headers.get("etag") ?? "";
  const etags = [await part(1, "abcd"), await part(2, "efgh"), await part(3, "i")];
  const complete = (numbers: readonly number[]) => {
    const parts = numbers.map((n) => `<Part><PartNumber>${n}</PartNumber><ETag>${etags[n - 1]}</ETag></Part>`);
    const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
    return ask(`big?uploadId=${id}`, { method: "POST", body }).then((answer) => answer.text());
  };
  expect(await (await ask(`big?uploadId=${id}`)).text()).toContain("<IsTruncated>true</IsTruncated>");
  expect(await complete([2, 1])).toContain("InvalidPartOrder");
  expect(await complete([1, 3, 2])).toContain("InvalidPartOrder");
  expect(await complete([4])).toContain("InvalidPart");
  await part(1, "abc");
  etags[0] = await part(1, "abc");
  expect(await complete([1, 2, 3])).toContain("EntityTooSmall");
  etags[0] = await part(1, "ABCD");
  expect(s3.openUploads("tables")).toBe(1);
  expect(await complete([1, 2, 3])).toMatch(/-3(&#34;|")/);
  expect(new TextDecoder().decode(s3.get("tables", "big"))).toBe("ABCDefghi");
  expect(s3.openUploads("tables")).toBe(0);
});

test("the same seed gives the same faults", async () => {
  const statuses = async (seed: number): Promise<number[]> => {
    const server = await fakeS3({ seed, faults: { share: 0.5, kinds: ["slow-down", "internal-error"] } });
    server.put("tables", "x", new Uint8Array(3));
    const list: number[] = [];
    for (let i = 0; i < 20; i++) list.push((await fetch(`${server.endpoint}/tables/x`)).status);
    await server.close();
    return list;
  };
  const first = await statuses(4);
  expect(new Set(first)).toEqual(new Set([200, 500, 503]));
  expect(await statuses(4)).toEqual(first);
  expect(await statuses(5)).not.toEqual(first);
});
