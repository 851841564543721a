// The engine suite on tfjs's backend tensorflow. @tensorflow/tfjs-node is no dependency of any package here: where
// ENGRAM_TFJS_NODE names a folder with an installation (docs/guide/tfjs-tensorflow.md), the suite runs on it.

import { createRequire } from "node:module";
import { join } from "node:path";
import { it } from "vitest";
import { openTfjs } from "../../src/tfjs/index.js";
import { describeEngine } from "../engine-suite/describe-engine.js";

const folder = process.env.ENGRAM_TFJS_NODE;
if (folder === undefined || folder === "") {
  it("is left out: ENGRAM_TFJS_NODE names no folder with @tensorflow/tfjs-node", () => {
    process.stdout.write(
      "engine tfjs tensorflow: left out, ENGRAM_TFJS_NODE names no folder with @tensorflow/tfjs-node\n",
    );
  });
} else {
  const module: object = createRequire(join(folder, "package.json"))("@tensorflow/tfjs-node");
  describeEngine("tfjs tensorflow", async () => openTfjs({ backend: "tensorflow", module }));
}
