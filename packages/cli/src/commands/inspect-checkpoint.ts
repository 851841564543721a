// What a checkpoint is, for `engram inspect --checkpoint`: its model, its parameters by component, and the tables beside it.
// Every parameter's name, type and shape is checked against the model; no value is read.

import { countParameters, EngramError, openCheckpoint, shortModelSpec } from "@engram-ts/core";
import { checkpointPlace } from "../checkpoint-place.js";
import { groupDigits, writeResult } from "../command-output.js";
import { textTable } from "../text-table.js";

/** Writes what the checkpoint at a place is. */
export async function inspectCheckpoint(place: string, json = false): Promise<void> {
  const { storage, tablesUri, close } = await checkpointPlace(place);
  try {
    const checkpoint = await openCheckpoint(storage);
    const { spec, parameters } = checkpoint;
    const manifest = await checkpoint.manifest();
    const count = countParameters(spec);
    const result = {
      checkpoint: place,
      spec: shortModelSpec(spec),
      tensors: parameters.map(({ name, shape, component }) => ({ name, shape, component })),
      count,
      tables: manifest === undefined ? null : { uri: tablesUri, modules: manifest.modules.length },
    };
    await writeResult(json, result, () => {
      const rows = count.components.map(({ component, total, activated }) => [
        component,
        groupDigits(total),
        groupDigits(activated),
      ]);
      return [
        place,
        `model   ${spec.name ?? "without a name"}: ${spec.blocks.length} blocks, width ${spec.width}, ${groupDigits(spec.vocabSize)} tokens`,
        `tensors ${parameters.length}, all there, in the model's shapes`,
        `tables  ${manifest === undefined ? (spec.memory === undefined ? "the model has none" : "none beside it") : `${manifest.modules.length} beside it: ${tablesUri}`}`,
        "",
        textTable(["component", "parameters", "of a token"], rows, ["left", "right", "right"]),
      ].join("\n");
    });
  } finally {
    close();
  }
}

/** The error about arguments that do not go together. */
export function invalidUse(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "engram inspect", message });
}
