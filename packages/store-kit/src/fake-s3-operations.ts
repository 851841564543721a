// What the fake S3 answers to each operation, as values: no sockets, no faults. Path style (`/bucket/key`) alone.
// Covered: objects (put, get with ranges and conditions, head, delete, list), multipart uploads (create, upload, list,
// complete, abort) and buckets (create, head). Signatures are not checked.

import type { IncomingHttpHeaders } from "node:http";
import { joinedObject, type S3Bucket, type S3Object, s3Object, s3Upload } from "./fake-s3-objects.js";
import { completedParts, type XmlFields, xmlDocument } from "./fake-s3-xml.js";

/** A request, taken apart. */
export interface S3Call {
  readonly operation: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer. */
export interface S3Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** How strict the server is. */
export interface S3Rules {
  /** Objects have conditions (`If-Match`, `If-None-Match`) looked at. */
  readonly conditions: boolean;
  /** Fewest bytes of each part of an upload but the last. */
  readonly minPartBytes: number;
  /** Most entries of one page of a list. */
  readonly pageSize: number;
}

const NOTHING = Buffer.alloc(0);
const XML = { "content-type": "application/xml" };

/** The operation that a method and a URL mean. */
export function s3Operation(method: string, key: string, query: URLSearchParams): string {
  const upload = query.has("uploadId");
  if (key === "") {
    if (method === "GET") return query.has("uploads") ? "ListMultipartUploads" : "ListObjectsV2";
    return { PUT: "CreateBucket", HEAD: "HeadBucket" }[method] ?? "Unknown";
  }
  if (method === "PUT") return upload ? "UploadPart" : "PutObject";
  if (method === "GET") return upload ? "ListParts" : "GetObject";
  if (method === "DELETE") return upload ? "AbortMultipartUpload" : "DeleteObject";
  if (method === "HEAD") return "HeadObject";
  if (method === "POST" && query.has("uploads")) return "CreateMultipartUpload";
  return method === "POST" && upload ? "CompleteMultipartUpload" : "Unknown";
}

/** S3's error document. */
export function s3Error(status: number, code: string, message = code): S3Reply {
  return { status, headers: XML, body: xmlDocument("Error", { Code: code, Message: message, RequestId: "fake" }) };
}

/** Carries an operation out. */
export function s3Answer(call: S3Call, buckets: Map<string, S3Bucket>, rules: S3Rules): S3Reply {
  if (call.operation === "CreateBucket") {
    if (!buckets.has(call.bucket)) buckets.set(call.bucket, { objects: new Map(), uploads: new Map() });
    return { status: 200, headers: {}, body: NOTHING };
  }
  const bucket = buckets.get(call.bucket);
  if (bucket === undefined) return s3Error(404, "NoSuchBucket");
  switch (call.operation) {
    case "HeadBucket":
      return { status: 200, headers: {}, body: NOTHING };
    case "GetObject":
    case "HeadObject":
      return read(call, bucket.objects.get(call.key), rules);
    case "PutObject":
      return put(call, bucket, s3Object(call.body), rules) ?? s3Error(500, "InternalError");
    case "DeleteObject":
      bucket.objects.delete(call.key);
      return { status: 204, headers: {}, body: NOTHING };
    case "ListObjectsV2":
      return list(call, bucket, rules.pageSize);
    default:
      return multipart(call, bucket, rules);
  }
}

/** GET or HEAD of an object. */
export function read(call: S3Call, object: S3Object | undefined, rules: S3Rules): S3Reply {
  if (object === undefined) return s3Error(404, "NoSuchKey");
  const { bytes, etag, modified } = object;
  const { headers } = call;
  if (rules.conditions && headers["if-match"] !== undefined && !matches(headers["if-match"], etag)) {
    return s3Error(412, "PreconditionFailed");
  }
  const about = { etag, "last-modified": modified.toUTCString(), "accept-ranges": "bytes" };
  if (rules.conditions && headers["if-none-match"] !== undefined && matches(headers["if-none-match"], etag)) {
    return { status: 304, headers: about, body: NOTHING };
  }
  const range = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? "");
  const whole = { ...about, "content-type": "application/octet-stream", "content-length": `${bytes.length}` };
  if (range === null || (range[1] === "" && range[2] === "")) return { status: 200, headers: whole, body: bytes };
  const [, from, to] = range;
  const first = from === "" ? Math.max(0, bytes.length - Number(to)) : Number(from);
  const last = from === "" || to === "" ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1);
  if (first > last) return s3Error(416, "InvalidRange");
  return {
    status: 206,
    headers: {
      ...whole,
      "content-length": `${last - first + 1}`,
      "content-range": `bytes ${first}-${last}/${bytes.length}`,
    },
    body: bytes.subarray(first, last + 1),
  };
}

function put(call: S3Call, bucket: S3Bucket, object: S3Object, rules: S3Rules): S3Reply {
  const refused = refusedWrite(call, bucket, rules);
  if (refused !== undefined) return refused;
  bucket.objects.set(call.key, object);
  return { status: 200, headers: { etag: object.etag }, body: NOTHING };
}

function refusedWrite({ headers, key }: S3Call, { objects }: S3Bucket, rules: S3Rules): S3Reply | undefined {
  if (!rules.conditions) return undefined;
  const before = objects.get(key);
  const [match, noneMatch] = [headers["if-match"], headers["if-none-match"]];
  if (match !== undefined && before === undefined) return s3Error(404, "NoSuchKey");
  const changed = match !== undefined && before !== undefined && !matches(match, before.etag);
  const there = noneMatch !== undefined && before !== undefined && matches(noneMatch, before.etag);
  return changed || there ? s3Error(412, "PreconditionFailed") : undefined;
}

function matches(condition: string, etag: string): boolean {
  return condition.split(",").some((one) => one.trim() === "*" || one.trim().replaceAll('"', "") === etag.slice(1, -1));
}

function list({ bucket: name, query }: S3Call, { objects }: S3Bucket, pageSize: number): S3Reply {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  const most = Math.min(pageSize, Number(query.get("max-keys") ?? pageSize));
  const contents: XmlFields[] = [];
  const folders = new Set<string>();
  let next = "";
  for (const key of [...objects.keys()].sort()) {
    if (!key.startsWith(prefix) || key <= after) continue;
    const cut = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    const folder = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
    if (folder !== undefined && (folders.has(folder) || folder <= after)) continue;
    if (contents.length + folders.size === most) {
      next = contents.length + folders.size > 0 ? (last(contents, folders) ?? "") : "";
      break;
    }
    const object = objects.get(key);
    if (folder !== undefined) folders.add(folder);
    else if (object !== undefined) {
      const { etag, modified, bytes } = object;
      contents.push({ Key: key, LastModified: modified.toISOString(), ETag: etag, Size: bytes.length });
    }
  }
  const body = xmlDocument("ListBucketResult", {
    Name: name,
    Prefix: prefix,
    MaxKeys: most,
    KeyCount: contents.length + folders.size,
    IsTruncated: next !== "",
    ...(next === "" ? {} : { NextContinuationToken: next }),
    Contents: contents,
    CommonPrefixes: [...folders].map((Prefix) => ({ Prefix })),
  });
  return { status: 200, headers: XML, body };
}

function last(contents: readonly XmlFields[], folders: ReadonlySet<string>): string | undefined {
  // a folder stands for all keys in it, which sort after its name and before what follows
  return [...contents.map(({ Key }) => String(Key)), ...[...folders].map((folder) => `${folder}\uffff`)].sort().at(-1);
}

function multipart(call: S3Call, bucket: S3Bucket, rules: S3Rules): S3Reply {
  const { operation, key, query, body } = call;
  if (operation === "CreateMultipartUpload") {
    const upload = s3Upload(key);
    bucket.uploads.set(upload.id, upload);
    return xml("InitiateMultipartUploadResult", { Bucket: call.bucket, Key: key, UploadId: upload.id });
  }
  if (operation === "ListMultipartUploads") {
    const found = [...bucket.uploads.values()].filter((one) => one.key.startsWith(query.get("prefix") ?? ""));
    const uploads = found.map(({ id, key: Key, initiated }) => ({
      Key,
      UploadId: id,
      Initiated: initiated.toISOString(),
    }));
    return xml("ListMultipartUploadsResult", { Bucket: call.bucket, IsTruncated: false, Upload: uploads });
  }
  const upload = bucket.uploads.get(query.get("uploadId") ?? "");
  if (upload === undefined || upload.key !== key) return s3Error(404, "NoSuchUpload");
  const parts = [...upload.parts].sort(([a], [b]) => a - b);
  switch (operation) {
    case "UploadPart": {
      const part = s3Object(body);
      upload.parts.set(Number(query.get("partNumber")), part);
      return { status: 200, headers: { etag: part.etag }, body: NOTHING };
    }
    case "ListParts": {
      const after = Number(query.get("part-number-marker") ?? 0);
      const page = parts.filter(([number]) => number > after).slice(0, rules.pageSize);
      const more = page.length > 0 && page.at(-1)?.[0] !== parts.at(-1)?.[0];
      return xml("ListPartsResult", {
        Key: key,
        UploadId: upload.id,
        IsTruncated: more,
        ...(more ? { NextPartNumberMarker: page.at(-1)?.[0] ?? 0 } : {}),
        Part: page.map(([PartNumber, { etag, bytes, modified }]) => ({
          PartNumber,
          ETag: etag,
          Size: bytes.length,
          LastModified: modified.toISOString(),
        })),
      });
    }
    case "AbortMultipartUpload":
      bucket.uploads.delete(upload.id);
      return { status: 204, headers: {}, body: NOTHING };
    case "CompleteMultipartUpload": {
      const named = completedParts(body.toString());
      const chosen = named.map(({ number, etag }) => {
        const part = upload.parts.get(number);
        return part !== undefined && matches(etag, part.etag) ? part : undefined;
      });
      const found = chosen.flatMap((part) => part ?? []);
      if (found.length < named.length || found.length === 0) return s3Error(400, "InvalidPart");
      if (named.some(({ number }, i) => i > 0 && number <= (named[i - 1]?.number ?? 0))) {
        return s3Error(400, "InvalidPartOrder");
      }
      if (found.slice(0, -1).some(({ bytes }) => bytes.length < rules.minPartBytes)) {
        return s3Error(400, "EntityTooSmall");
      }
      const reply = put(call, bucket, joinedObject(found), rules);
      if (reply.status !== 200) return reply;
      bucket.uploads.delete(upload.id);
      return xml("CompleteMultipartUploadResult", { Key: key, ETag: reply.headers.etag ?? "" });
    }
    default:
      return s3Error(501, "NotImplemented");
  }
}

function xml(root: string, fields: XmlFields): S3Reply {
  return { status: 200, headers: XML, body: xmlDocument(root, fields) };
}
