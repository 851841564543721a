#!/usr/bin/env node
// The command `engram-bench`: starts dist/main.js. Committed, so that npm can link it in a checkout that is not built yet.
// Nothing else belongs here; the program is src/main.ts.
import { existsSync } from "node:fs";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error("engram-bench is not built in this checkout yet; run `npm run build` in its root, then try again.");
  process.exitCode = 1;
}
