// The record of ggml's Vulkan kernels, as its library writes it, summed by kernel.

import { expect, it } from "vitest";
import { kernelsOf } from "../../src/compute/engine-profile.js";

const RECORD = `ggml_vulkan: 0 = llvmpipe (LLVM 15.0.6, 256 bits)
----------------
Vulkan Timings:
ADD: 2 x 1032.5 us = 2065 us
FLASH_ATTN_EXT dst(8,4,1024,1),  q(8,1024,4,1): 1 x 8.5e+06 us = 8.5e+06 us (0.0156383 GFLOPS/s)
MUL_MAT f32 m=16 n=1024 k=32: 2 x 1086 us = 2172 us (0.950452 GFLOPS/s)
Total time: 1.42291e+07 us.
----------------
Vulkan Timings:
ADD: 1 x 35 us = 35 us
`;

it("sums counts and times over graphs, the costliest kernel first", () => {
  expect(kernelsOf(RECORD)).toEqual({
    microseconds: 2_100 + 8_500_000 + 2_172,
    kernels: [
      { name: "FLASH_ATTN_EXT dst(8,4,1024,1),  q(8,1024,4,1)", count: 1, microseconds: 8_500_000 },
      { name: "MUL_MAT f32 m=16 n=1024 k=32", count: 2, microseconds: 2_172 },
      { name: "ADD", count: 3, microseconds: 2_100 },
    ],
  });
});

it("has nothing where nothing was recorded", () => {
  expect(kernelsOf("")).toEqual({ microseconds: 0, kernels: [] });
});
