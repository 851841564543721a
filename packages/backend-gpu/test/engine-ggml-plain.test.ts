// The engine suite on ggml's CPU device without this package's own kernels, as on systems that have none: experts are sorted
// when their routes are known, in graphs of several stages.

import { expect, it, vi } from "vitest";
import { openGgml } from "../src/ggml/index.js";
import { loadLibrary } from "../src/ggml/library/load-library.js";
import { describeEngine } from "./engine-suite/describe-engine.js";

vi.stubEnv("ENGRAM_GGML_KERNELS", "0"); // read when the library is loaded, once a process: a file of tests has its own

describeEngine("ggml CPU, ggml's kernels", () => openGgml({ device: "CPU", threads: 1 }), { effort: "quick" });

it("has no kernels of its own", () => {
  expect(loadLibrary().kernels).toBeUndefined();
});
