// The engine suite on tfjs's backend wasm.

import { openTfjs } from "../../src/tfjs/index.js";
import { describeEngine } from "../engine-suite/describe-engine.js";

describeEngine("tfjs wasm", async () => openTfjs({ backend: "wasm" }));
