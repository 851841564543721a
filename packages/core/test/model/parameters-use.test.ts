// Which parameters an engine may keep in a narrower type.

import { describe, expect, it } from "vitest";
import { modelParameters } from "../../src/model/parameters.js";
import { uploadUse } from "../../src/model/parameters-use.js";
import { modelPreset } from "../../src/model/presets.js";

describe("uploadUse", () => {
  it("keeps vectors, routers, streams' coefficients and convolutions wide", () => {
    const found = { matrix: new Set<string>(), parameter: new Set<string>() };
    for (const preset of ["tiny", "tiny-gqa-dense", "tiny-qwen-ple"] as const) {
      for (const parameter of modelParameters(modelPreset(preset))) {
        if (parameter.component === "engram tables") continue;
        found[uploadUse(parameter)].add(parameter.name.replace(/^blocks\.\d+\./, ""));
      }
    }
    for (const name of ["embedding.weight", "head.weight", "attention.kvUp.weight", "feedForward.gate.weight"]) {
      expect(found.matrix).toContain(name);
    }
    for (const name of ["feedForward.experts.down.weight", "feedForward.shared.up.weight", "engram.key.weight"]) {
      expect(found.matrix).toContain(name);
    }
    for (const name of [
      "engram.convolution.weight",
      "feedForward.router.weight",
      "attentionStreams.projection.weight",
    ]) {
      expect(found.parameter).toContain(name);
    }
    for (const name of ["norm.weight", "engram.key.bias", "attention.queryNorm.weight", "feedForward.router.bias"]) {
      expect(found.parameter).toContain(name);
    }
    expect([...found.matrix].filter((name) => found.parameter.has(name))).toEqual([]);
  });
});
