// One parameter of a model: its name, its shape, and how a token uses it. What counts, plans, random models and
// checkpoints are made from. No values.

/** What a parameter belongs to, for counts. */
export const COMPONENTS = [
  "embedding",
  "attention",
  "dense feed-forward",
  "router",
  "shared experts",
  "routed experts",
  "custom",
  "engram modules",
  "engram tables",
  "streams",
  "norms",
  "head",
] as const;

/** One of {@link COMPONENTS}. */
export type Component = (typeof COMPONENTS)[number];

/** One parameter. Matrices are `[outputs, inputs]`, row-major, as PyTorch stores them. */
export interface ParameterShape {
  /** In its block or module where that made it; in the model where `modelParameters` did: `blocks.3.attention.output.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly component: Component;
  /**
   * The part of its values that one token uses: 1, or topK / routedExperts, or one row of an embedding. Left out: 1.
   */
  readonly activatedShare?: number;
  /** A table whose rows are looked up: nothing is multiplied. Left out: multiplied with a token's vector. */
  readonly lookedUp?: true;
  /** Values before training: `normal` around 0, `ones`, or `zeros`. */
  readonly initial: "normal" | "ones" | "zeros";
  /** Set by another rule than gradients: the router's bias by loss-free balancing. */
  readonly untrained?: true;
}

/** Number of values. */
export function parameterValues({ shape }: Pick<ParameterShape, "shape">): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Number of values that one token uses. */
export function activatedValues(parameter: ParameterShape): number {
  return Math.round(parameterValues(parameter) * (parameter.activatedShare ?? 1));
}
