// How many values a model has, how many of them one token uses, by component; and how its sparse values are split
// between experts and memory, the paper's rho (arXiv 2601.07372, section 3).

import type { BlockKindOptions } from "./block-kinds.js";
import type { ModelSpec } from "./model-spec.js";
import { modelParameters } from "./parameters.js";
import { activatedValues, COMPONENTS, type Component, parameterValues } from "./parameters-shape.js";

/** Values of a component. */
export interface ComponentCount {
  readonly component: Component;
  readonly total: number;
  /** What one token uses: of experts the chosen ones, of tables and embeddings the rows it looks up. */
  readonly activated: number;
}

/** See {@link countParameters}. */
export interface ParameterCount {
  readonly total: number;
  readonly activated: number;
  /** Those that the model has, in the order of {@link COMPONENTS}. */
  readonly components: readonly ComponentCount[];
  /** Values of experts that a token leaves idle. */
  readonly sparseExperts: number;
  /** Values of tables. */
  readonly sparseMemory: number;
  /** Share of the sparse values that experts have; `null` where there are no sparse values. */
  readonly rho: number | null;
}

/**
 * Counts a model's values. The published counts are made alike: a token embedding that is only looked up is not
 * activated, a head is.
 */
export function countParameters(spec: ModelSpec, options: BlockKindOptions = {}): ParameterCount {
  const parameters = modelParameters(spec, options);
  const components = COMPONENTS.map((component) => {
    const own = parameters.filter((one) => one.component === component);
    return {
      component,
      total: own.reduce((sum, one) => sum + parameterValues(one), 0),
      activated: own.reduce((sum, one) => sum + activatedValues(one), 0),
    };
  }).filter(({ total }) => total > 0);
  const of = (name: Component) => components.find((one) => one.component === name) ?? { total: 0, activated: 0 };
  const experts = of("routed experts");
  const sparseExperts = experts.total - experts.activated;
  const sparseMemory = of("engram tables").total;
  const sparse = sparseExperts + sparseMemory;
  return {
    total: components.reduce((sum, one) => sum + one.total, 0),
    activated: components.reduce((sum, one) => sum + one.activated, 0),
    components,
    sparseExperts,
    sparseMemory,
    rho: sparse === 0 ? null : sparseExperts / sparse,
  };
}
