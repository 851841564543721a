// The engine suite on ggml's CPU device, in float32, on one thread.

import { openGgml } from "../src/ggml/index.js";
import { describeEngine } from "./engine-suite/describe-engine.js";

describeEngine("ggml CPU", () => openGgml({ device: "CPU", threads: 1 }));
