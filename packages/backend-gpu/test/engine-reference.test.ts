// The engine suite on the reference itself: nothing may differ at all, so what the suite compares, it compares rightly.

import { referenceBackend } from "@engram-ts/core";
import { describeEngine } from "./engine-suite/describe-engine.js";

describeEngine("reference", async () => referenceBackend(), { tolerance: "exact" });
