// The engine suite on tfjs's backend webgpu: Dawn on SwiftShader, both out of npm packages. Of tfjs's kernels for products
// the suite runs on the one that an emulated device compiles and runs fastest; browser.test.ts runs on those that tfjs
// chooses by itself.

import { openTfjs } from "../../src/tfjs/index.js";
import { describeEngine } from "../engine-suite/describe-engine.js";
import { useSwiftShader } from "./swiftshader.js";

/** What is used here of tfjs, whose own types do not compile beside those of a current DOM. */
interface Flags {
  env(): { set(name: string, value: number): void };
}

/** MatMulSmallOutputSizeProgram of tfjs's MatMulProgramType. */
const SMALL_OUTPUTS = 2;

useSwiftShader();
describeEngine(
  "tfjs webgpu",
  async () => {
    const engine = await openTfjs({ backend: "webgpu" });
    const tf: Flags & { default?: Flags } = await import("@tensorflow/tfjs-core" as string);
    (tf.default ?? tf).env().set("WEBGPU_MATMUL_PROGRAM_TYPE", SMALL_OUTPUTS);
    return engine;
  },
  { effort: process.env.ENGRAM_WEBGPU_SUITE === "whole" ? "whole" : "least" },
);
