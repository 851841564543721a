// The engine suite on tfjs's backend cpu, plain JavaScript: without what is large, which wasm runs.

import { openTfjs } from "../../src/tfjs/index.js";
import { describeEngine } from "../engine-suite/describe-engine.js";

describeEngine("tfjs cpu", async () => openTfjs({ backend: "cpu" }), { effort: "least" });
