// The gate of tarballs sees what a package's built files name and its tarball has not.

import { expect, it } from "vitest";
import { wrongReferences } from "../tarball-references.mjs";

const files = new Set(["dist/index.js", "dist/suites/here.js", "native/rows.c", "package.json"]);
const manifest = { name: "@a/b", dependencies: { "@c/d": "1.0.0", e: "1.0.0" }, peerDependencies: { f: "1.0.0" } };
const wrong = (text: string) => wrongReferences({ path: "dist/suites/one.js", text, files, manifest });

it.each([
  'import { x } from "./here.js";',
  'export * from "../index.js";\nimport "node:fs";\nimport y from "@c/d/deep.js";',
  'const z = await import("f");\nconst path = new URL("../../native/rows.c", import.meta.url);',
  'const folder = new URL("../../native", import.meta.url), manifest = new URL("../../package.json", import.meta.url);',
  'export const engine = "ggml";\nconst text = "from \'nowhere\'";\n// import "gone";',
])("nothing is wrong with %s", (text) => expect(wrong(text)).toEqual([]));

it.each([
  ['import { startServer } from "../../../../tools/s3-server.mjs";', /imports ..\/..\/..\/..\/tools\/s3-server.mjs/],
  ['const { s3 } = await import("./s3.js");', /imports .\/s3.js, which is not in the tarball/],
  ['import g from "g/sub.js";', /does not depend on g$/],
  ['import h from "@c/h/sub.js";', /does not depend on @c\/h$/],
  ['const program = new URL("../../../cli/bin/engram.js", import.meta.url);', /looks for ..\/..\/..\/cli/],
])("%s is told", (text, told) => expect(wrong(text)).toEqual([expect.stringMatching(told)]));
