// Files that must be refused, each with its code and a message that names the place; and files that look bad and are not.
import { isEngramError, parseSafetensorsHeader, readSafetensors, safetensorsHeaderBytes } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { bytesEntry, fileOf } from "./safetensors-fixtures.js";

const length = (low: number, high: number) => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, low, true);
  new DataView(bytes.buffer).setUint32(4, high, true);
  return bytes;
};
const one = (entry: object) => fileOf({ a: { ...bytesEntry(0, 1), ...entry } }, 1);
const raw = (entry: string, data = 1) => fileOf(`{"a":{${entry}}}`, data);

const BAD: readonly (readonly [string, Uint8Array, "invalid-safetensors" | "truncated", RegExp])[] = [
  // the length
  ["no bytes", new Uint8Array(0), "truncated", /has 0 bytes.*at least 8/],
  ["seven bytes", new Uint8Array(7), "truncated", /has 7 bytes.*at least 8/],
  ["a header past the end", length(3, 0), "truncated", /takes 11 bytes, the file has 8/],
  ["a header past the limit", length(100_000_001, 0), "invalid-safetensors", /100000001 bytes, at most 100000000/],
  ["a header of 2^63", length(0, 2 ** 31), "invalid-safetensors", /at most 100000000/],
  ["a header of 2^64 - 1", length(2 ** 32 - 1, 2 ** 32 - 1), "invalid-safetensors", /at most 100000000/],
  ["a header of nothing", length(0, 0), "invalid-safetensors", /begin with '\{', found nothing/],
  // the JSON
  ["white space first", fileOf(" {}"), "invalid-safetensors", /begin with '\{', found byte 32/],
  ["a byte order mark", fileOf("\ufeff{}"), "invalid-safetensors", /begin with '\{'/],
  ["an array", fileOf("[]"), "invalid-safetensors", /begin with '\{'/],
  ["invalid UTF-8", fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), "invalid-safetensors", /UTF-8/],
  [
    "UTF-8 of a surrogate",
    fileOf(Uint8Array.of(0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d)),
    "invalid-safetensors",
    /UTF-8/,
  ],
  ["an open object", fileOf("{"), "invalid-safetensors", /expected a string, at character 1/],
  ["an open string", fileOf('{"a'), "invalid-safetensors", /a string without an end/],
  ["an escape at the end", fileOf('{"a\\'), "invalid-safetensors", /a string without an end/],
  ["an unknown escape", fileOf('{"\\x":1}'), "invalid-safetensors", /escape/],
  ["half a surrogate pair", fileOf('{"\\ud800":1}'), "invalid-safetensors", /surrogate/],
  ["a control character", fileOf('{"\u0001":1}'), "invalid-safetensors", /control character/],
  ["a comma too many", fileOf('{"a":1,}'), "invalid-safetensors", /expected a string/],
  ["no colon", fileOf('{"a" 1}'), "invalid-safetensors", /expected ':'/],
  ["a word that JSON lacks", fileOf('{"a":NaN}'), "invalid-safetensors", /expected a value/],
  [
    "a leading zero",
    raw('"dtype":"U8","shape":[01],"data_offsets":[0,1]'),
    "invalid-safetensors",
    /expected ',' or '\]'/,
  ],
  ["text after the object", fileOf("{}x"), "invalid-safetensors", /follows the end/],
  ["a zero byte after the object", fileOf("{}\0"), "invalid-safetensors", /follows the end/],
  ["a thousand brackets", fileOf(`{"a":${"[".repeat(1000)}`), "invalid-safetensors", /deeper than 64/],
  ["a million brackets", fileOf(`{"a":${"[".repeat(1e6)}`), "invalid-safetensors", /deeper than 64/],
  // names
  [
    "one name twice",
    fileOf(`{"a":${JSON.stringify(bytesEntry(0, 1))},"a":${JSON.stringify(bytesEntry(1, 2))}}`, 2),
    "invalid-safetensors",
    /"a" stands twice/,
  ],
  [
    "one name twice, once escaped",
    fileOf(`{"a":${JSON.stringify(bytesEntry(0, 1))},"\\u0061":${JSON.stringify(bytesEntry(1, 2))}}`, 2),
    "invalid-safetensors",
    /"a" stands twice/,
  ],
  ["__proto__ twice", fileOf('{"__proto__":1,"__proto__":1}'), "invalid-safetensors", /"__proto__" stands twice/],
  [
    "one field twice",
    raw('"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]'),
    "invalid-safetensors",
    /"dtype" stands twice/,
  ],
  // metadata
  ["metadata of numbers", fileOf('{"__metadata__":{"a":1}}'), "invalid-safetensors", /"a" is none/],
  ["metadata of objects", fileOf('{"__metadata__":{"a":{}}}'), "invalid-safetensors", /"a" is none/],
  ["metadata that is a list", fileOf('{"__metadata__":[]}'), "invalid-safetensors", /object of strings/],
  ["a metadata key twice", fileOf('{"__metadata__":{"a":"","a":""}}'), "invalid-safetensors", /"a" stands twice/],
  // fields
  ["a tensor that is a number", fileOf('{"a":1}'), "invalid-safetensors", /"a": must be an object/],
  ["a tensor that is null", fileOf('{"a":null}'), "invalid-safetensors", /"a": must be an object/],
  ["no fields", fileOf('{"a":{}}'), "invalid-safetensors", /dtype is missing/],
  ["no shape", raw('"dtype":"U8","data_offsets":[0,1]'), "invalid-safetensors", /shape must be.*missing/],
  ["no offsets", raw('"dtype":"U8","shape":[1]'), "invalid-safetensors", /data_offsets must be.*missing/],
  ["an unknown type", one({ dtype: "F99" }), "invalid-safetensors", /dtype is "F99"; known are BOOL, F4/],
  ["a type in lower case", one({ dtype: "u8" }), "invalid-safetensors", /dtype is "u8"/],
  ["a type of every object", one({ dtype: "constructor" }), "invalid-safetensors", /dtype is "constructor"/],
  ["a type __proto__", one({ dtype: "__proto__" }), "invalid-safetensors", /dtype is "__proto__"/],
  ["a type that is a number", one({ dtype: 1 }), "invalid-safetensors", /dtype is 1/],
  ["a shape that is a number", one({ shape: 1 }), "invalid-safetensors", /shape must be/],
  ["a shape of strings", one({ shape: ["1"] }), "invalid-safetensors", /shape must be/],
  ["a negative side", one({ shape: [-1] }), "invalid-safetensors", /shape must be/],
  [
    "a side of minus zero",
    raw('"dtype":"U8","shape":[-0],"data_offsets":[0,0]', 0),
    "invalid-safetensors",
    /shape must be/,
  ],
  ["a side of 1.0", raw('"dtype":"U8","shape":[1.0],"data_offsets":[0,1]'), "invalid-safetensors", /shape must be/],
  ["a side of 1e0", raw('"dtype":"U8","shape":[1e0],"data_offsets":[0,1]'), "invalid-safetensors", /shape must be/],
  [
    "a side past 2^53",
    raw('"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,1]'),
    "invalid-safetensors",
    /shape must be/,
  ],
  [
    "a side past 2^64",
    raw(`"dtype":"U8","shape":[${2n ** 64n + 1n}],"data_offsets":[0,1]`),
    "invalid-safetensors",
    /shape must be/,
  ],
  ["three offsets", one({ data_offsets: [0, 1, 1] }), "invalid-safetensors", /two whole numbers/],
  ["one offset", one({ data_offsets: [0] }), "invalid-safetensors", /two whole numbers/],
  ["a negative offset", one({ data_offsets: [-1, 0] }), "invalid-safetensors", /two whole numbers/],
  // shapes against bytes
  ["offsets backwards", one({ data_offsets: [1, 0] }), "invalid-safetensors", /hold -1 bytes/],
  ["too few bytes", one({ dtype: "U16" }), "invalid-safetensors", /hold 1 bytes, U16 of shape \[1\] takes 2/],
  ["too many bytes", one({ shape: [], data_offsets: [0, 2] }), "invalid-safetensors", /hold 2 bytes.*takes 1/],
  ["a product past 2^53", one({ shape: [2 ** 30, 2 ** 30] }), "invalid-safetensors", /more bits than 2\^53/],
  [
    "a product that wraps to 1 in 64 bits",
    one({ shape: [2 ** 32 + 1, 2 ** 32 + 1] }),
    "invalid-safetensors",
    /more bits/,
  ],
  [
    "a product that wraps to 0 in 64 bits",
    one({ shape: [2 ** 32, 2 ** 32], data_offsets: [0, 0] }),
    "invalid-safetensors",
    /more bits/,
  ],
  [
    "past 2^53, then 0",
    one({ shape: [2 ** 40, 2 ** 40, 0], data_offsets: [0, 0] }),
    "invalid-safetensors",
    /more bits/,
  ],
  ["half a byte", one({ dtype: "F4", shape: [1] }), "invalid-safetensors", /whole byte/],
  ["six bits", one({ dtype: "F6_E2M3", shape: [1] }), "invalid-safetensors", /whole byte/],
  // the cover
  [
    "a hole at the start",
    fileOf({ a: bytesEntry(1, 2) }, 2),
    "invalid-safetensors",
    /"a" begins at byte 1.*hole.*at 0/,
  ],
  [
    "a hole between",
    fileOf({ a: bytesEntry(0, 1), b: bytesEntry(2, 3) }, 3),
    "invalid-safetensors",
    /"b" begins at byte 2.*hole.*at 1/,
  ],
  [
    "an overlap",
    fileOf({ a: bytesEntry(0, 2), b: bytesEntry(1, 3) }, 3),
    "invalid-safetensors",
    /"b" begins at byte 1.*overlaps.*at 2/,
  ],
  [
    "two tensors in one place",
    fileOf({ a: bytesEntry(0, 2), b: bytesEntry(0, 2) }, 2),
    "invalid-safetensors",
    /"b" begins at byte 0.*overlaps/,
  ],
  [
    "an empty tensor inside another",
    fileOf({ a: bytesEntry(0, 2), b: bytesEntry(1, 1) }, 2),
    "invalid-safetensors",
    /"b".*overlaps/,
  ],
  [
    "an empty tensor past the end",
    fileOf({ a: bytesEntry(0, 1), b: bytesEntry(2, 2) }, 1),
    "invalid-safetensors",
    /"b".*hole/,
  ],
  [
    "bytes that no tensor covers",
    fileOf({ a: bytesEntry(0, 1) }, 2),
    "invalid-safetensors",
    /no tensor covers the rest/,
  ],
  ["bytes and no tensors", fileOf("{}", 1), "invalid-safetensors", /no tensor covers the rest/],
  ["a byte short", fileOf({ a: bytesEntry(0, 2) }, 1), "truncated", /end at byte \d+, the file at/],
  ["no data", fileOf({ a: bytesEntry(0, 2) }), "truncated", /end at byte/],
  ["offsets far past the end", fileOf({ a: bytesEntry(0, 2 ** 49) }, 1), "truncated", /end at byte/],
];

it.each(BAD)("refuses %s", (_, bytes, code, message) => {
  let found: unknown;
  try {
    readSafetensors(bytes);
  } catch (error) {
    found = error;
  }
  expect(isEngramError(found, code), String(found)).toBe(true);
  expect(String(found)).toMatch(message);
});

describe("files that look bad and are not", () => {
  it.each([
    ["no tensors", fileOf("{}"), 0],
    ["white space after the object", fileOf("{} \n\t\r"), 0],
    ["white space inside", fileOf(' {\n"a" : {"dtype":"U8", "shape" : [ ] ,"data_offsets":[0,1]}}'.trim(), 1), 1],
    ["null for metadata", fileOf('{"__metadata__":null}'), 0],
    ["a field that we do not know", one({ future: [{ deep: [1.5, -2e3, true, null, "x"] }] }), 1],
    ["an unknown field with half of our names", one({ future: { dtype: 1, shape: {} } }), 1],
    ["tensors in another order than their bytes", fileOf({ b: bytesEntry(1, 3), a: bytesEntry(0, 1) }, 3), 2],
    [
      "empty tensors at the start, between and at the end",
      fileOf(
        { d: bytesEntry(2, 2), a: bytesEntry(0, 1), b: bytesEntry(0, 0), c: bytesEntry(1, 2), e: bytesEntry(1, 1) },
        2,
      ),
      5,
    ],
    ["0, then far past 2^53", one({ shape: [0, 2 ** 40, 2 ** 40], data_offsets: [0, 0] }).subarray(0, -1), 1],
    ["an empty name", fileOf({ "": bytesEntry(0, 1) }, 1), 1],
    ["a name of 100,000 characters", fileOf({ [`a${"\\n".repeat(50_000)}`]: bytesEntry(0, 1) }, 1), 1],
    ["four 4-bit values", fileOf({ a: { dtype: "F4", shape: [4], data_offsets: [0, 2] } }, 2), 1],
    ["four 6-bit values", fileOf({ a: { dtype: "F6_E3M2", shape: [4], data_offsets: [0, 3] } }, 3), 1],
  ])("%s", (_, bytes, tensors) => {
    expect(readSafetensors(bytes).header.tensors.size).toBe(tensors);
  });
});

describe("the arguments", () => {
  const file = fileOf({ a: bytesEntry(0, 1) }, 1);

  it.each([
    ["a fileBytes that is no number", file, Number.NaN],
    ["a fileBytes below the prefix", file, file.length - 1],
    ["a fileBytes that is no whole number", file, file.length + 0.5],
    ["a prefix shorter than the length", file.subarray(0, 7), file.length],
  ])("refuses %s", (_, prefix, fileBytes) => {
    for (const call of [parseSafetensorsHeader, safetensorsHeaderBytes]) {
      try {
        call(prefix, fileBytes);
        expect.fail("it was taken");
      } catch (error) {
        expect(isEngramError(error, "invalid-argument"), String(error)).toBe(true);
      }
    }
  });
});
