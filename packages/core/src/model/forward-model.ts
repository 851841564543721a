// A model that can run: a specification, its parameters as tensors of one backend, and how its tokens become row ids.
// Plain data, made once and shared by all runs. Not here: where rows come from (the drivers), where parameters come from.

import { type Addressing, createAddressing } from "../addressing/addressing.js";
import type { TokenMap } from "../addressing/token-map.js";
import { EngramError } from "../errors.js";
import type { Backend } from "./backend.js";
import type { BlockKindOptions } from "./block-kinds.js";
import { type PartOperations, partOperation } from "./forward-part.js";
import type { ModelSpec } from "./model-spec.js";
import { modelParameters } from "./parameters.js";

/** What a model is made from. */
export interface ModelOptions<T> extends BlockKindOptions {
  readonly spec: ModelSpec;
  readonly backend: Backend<T>;
  /** By the names of `modelParameters`, tables left out; they stay the caller's. */
  readonly parameters: ReadonlyMap<string, T>;
  /** From raw to compressed ids, where the addressing's vocabulary is a compressed one. */
  readonly tokenMap?: TokenMap;
  /** What runs the user's own kinds. */
  readonly operations?: PartOperations<T>;
}

/** See {@link createModel}. */
export interface Model<T> {
  readonly spec: ModelSpec;
  readonly backend: Backend<T>;
  readonly parameters: ReadonlyMap<string, T>;
  /** There where a block has an engram. */
  readonly addressing?: Addressing;
  readonly tokenMap?: TokenMap;
  readonly operations: PartOperations<T>;
}

/**
 * Puts a model together.
 * @throws EngramError `invalid-argument` naming the parameter that is missing, left over or misshapen, or the kind that
 * nothing runs; `invalid-token-map` where tokens need a map and there is none, or it is another one.
 */
export function createModel<T>(options: ModelOptions<T>): Model<T> {
  const { spec, backend, parameters, tokenMap, operations = {} } = options;
  const expected = modelParameters(spec, options).filter(({ component }) => component !== "engram tables");
  for (const { name, shape } of expected) {
    const tensor = parameters.get(name);
    if (tensor === undefined) throw refused(`parameter ${name} of shape [${shape.join(", ")}] is missing`);
    const found = backend.shape(tensor);
    if (found.length !== shape.length || shape.some((side, i) => side !== found[i])) {
      throw refused(`parameter ${name} has shape [${found.join(", ")}], expected [${shape.join(", ")}]`);
    }
  }
  const names = new Set(expected.map(({ name }) => name));
  const extra = [...parameters.keys()].filter((name) => !names.has(name));
  if (extra.length > 0) throw refused(`${extra.slice(0, 8).join(", ")}: no parameters of this model; leave them out`);
  for (const { attention, feedForward } of spec.blocks) {
    partOperation(attention.kind, operations);
    partOperation(feedForward.kind, operations);
  }
  const { memory } = spec;
  if (memory === undefined) return { spec, backend, parameters, operations };
  const addressing = createAddressing(memory.addressing);
  checkTokenMap(spec, addressing, tokenMap);
  return { spec, backend, parameters, operations, addressing, ...(tokenMap && { tokenMap }) };
}

function checkTokenMap(spec: ModelSpec, { config }: Addressing, tokenMap: TokenMap | undefined): void {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-token-map", operation: "createModel", message });
  };
  if (tokenMap === undefined) {
    if (config.vocabSize === spec.vocabSize) return;
    refuse(
      `the model has ${spec.vocabSize} tokens and its addressing ${config.vocabSize} compressed ones; give the token map of its tokenizer`,
    );
  } else if (tokenMap.compressed !== config.vocabSize) {
    refuse(
      `the token map has ${tokenMap.compressed} compressed ids, the addressing ${config.vocabSize}; take the map of the model's tokenizer`,
    );
  }
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "createModel", message });
}
