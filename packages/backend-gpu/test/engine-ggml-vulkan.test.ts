// The engine suite on ggml's Vulkan, in software: ENGRAM_VULKAN_ICD names the file of a driver, such as Mesa's llvmpipe
// (lvp_icd.x86_64.json), ENGRAM_VULKAN_LIB a folder with a Vulkan build of ggml's libraries. Both are read when the library
// is loaded, so that they are set first; a file of tests has a process of its own. On a real GPU the whole suite runs by
// apps/bench's script for GPU hosts.

import { expect, it } from "vitest";
import { openGgml } from "../src/ggml/index.js";
import { describeEngine } from "./engine-suite/describe-engine.js";

const { ENGRAM_VULKAN_ICD: driver = "", ENGRAM_VULKAN_LIB: library = "" } = process.env;

if (driver === "" || library === "") {
  it("ggml on Vulkan is left out: ENGRAM_VULKAN_ICD and ENGRAM_VULKAN_LIB name no driver and no libraries", () => {
    process.stdout.write("engine ggml Vulkan: left out, ENGRAM_VULKAN_ICD and ENGRAM_VULKAN_LIB are not set\n");
    expect([driver, library]).toContain("");
  });
} else {
  const { env } = process;
  Object.assign(env, { VK_DRIVER_FILES: driver, GGML_VK_VISIBLE_DEVICES: "0" }); // ggml passes over devices in software otherwise
  describeEngine("ggml Vulkan", () => openGgml({ library, device: "Vulkan0" }), { effort: "least" });
}
