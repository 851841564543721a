// From a node to ggml: which builder makes it, and with what. The result is a tensor struct in a context, without memory.

import { EngramError } from "@engram-ts/core";
import type { Bindings, Pointer } from "../library/bindings.js";
import type { NativeKernels } from "../library/native-kernels.js";
import { UNARY_NUMBERS } from "../library/operation-names.js";
import { TYPES } from "../library/types.js";
import type { GgmlNode } from "../nodes/node.js";

/** Where nodes are made, and how exact products are. */
export interface EmitContext {
  readonly bindings: Bindings;
  readonly context: Pointer;
  /** Ask for float32 accumulation in products. */
  readonly exact: boolean;
  /** There where nodes of `product`, `experts` and `expertGradients` are. */
  readonly kernels: NativeKernels | undefined;
}

type Builder = (to: EmitContext, node: GgmlNode, sources: readonly Pointer[]) => Pointer;

/** Precision of ggml's products: float32 throughout. */
const PRECISION_F32 = 10;

/** A leaf: a tensor of the node's type and sides. */
export function emitLeaf({ bindings, context }: EmitContext, { type, sides }: GgmlNode): Pointer {
  return bindings.ggml_new_tensor_4d(context, TYPES[type].id, ...sides);
}

/** The tensor of a node whose sources are there. */
export function emitNode(to: EmitContext, node: GgmlNode, sources: readonly Pointer[]): Pointer {
  const builder = BUILDERS[node.operation];
  if (builder !== undefined) return builder(to, node, sources);
  throw new EngramError({
    code: "unsupported",
    operation: "ggml",
    message: `no builder for nodes of ${node.operation}`,
  });
}

const BUILDERS: Readonly<Record<string, Builder>> = {
  add: two("ggml_add"),
  sub: two("ggml_sub"),
  mul: two("ggml_mul"),
  div: two("ggml_div"),
  sqr: one("ggml_sqr"),
  sqrt: one("ggml_sqrt"),
  log: one("ggml_log"),
  exp: unary("EXP"),
  abs: unary("ABS"),
  sgn: unary("SGN"),
  step: unary("STEP"),
  sigmoid: unary("SIGMOID"),
  silu: unary("SILU"),
  siluBack: two("ggml_silu_back"),
  swiglu: two("ggml_swiglu_split"),
  scale: one("ggml_scale_bias"),
  fill: one("ggml_fill"),
  clamp: one("ggml_clamp"),
  sum: one("ggml_sum"),
  sumRows: one("ggml_sum_rows"),
  argmax: one("ggml_argmax"),
  repeat: one("ggml_repeat_4d"),
  repeatBack: ({ bindings, context }, { sides }, [a]) =>
    bindings.ggml_repeat_back(context, a, bindings.ggml_new_tensor_4d(context, TYPES.f32.id, ...sides)),
  concat: two("ggml_concat"),
  rmsNorm: one("ggml_rms_norm"),
  rmsNormBack: two("ggml_rms_norm_back"),
  mulMat: (to, _, [a, b]) => exactly(to, to.bindings.ggml_mul_mat(to.context, a, b)),
  mulMatId: ({ bindings, context }, _, [experts, b, ids]) => bindings.ggml_mul_mat_id(context, experts, b, ids),
  product: native("product"),
  experts: native("experts"),
  expertGradients: native("expertGradients"),
  attention: native("attention"),
  scaleRows: native("scaleRows"),
  cont: one("ggml_cont"),
  cast: one("ggml_cast"),
  copyInto: ({ bindings, context }, _, [to, from]) => bindings.ggml_cpy(context, from, to),
  reshape: one("ggml_reshape_4d"),
  view: one("ggml_view_4d"),
  permute: one("ggml_permute"),
  getRows: two("ggml_get_rows"),
  setRows: ({ bindings, context }, _, [into, rows, ids]) => bindings.ggml_set_rows(context, into, rows, ids),
  softMax: ({ bindings, context }, { parameters }, [a, mask]) =>
    bindings.ggml_soft_max_ext(context, a, mask ?? 0n, parameters[0], 0),
  softMaxBack: ({ bindings, context }, { parameters }, [gradient, y]) =>
    bindings.ggml_soft_max_ext_back(context, gradient, y, parameters[0], 0),
  rope: turned("ggml_rope_ext"),
  ropeBack: turned("ggml_rope_ext_back"),
  argsort: ({ bindings, context }, _, [a]) => bindings.ggml_argsort(context, a, DESCENDING),
  flashAttention: ({ bindings, context }, { parameters }, [q, k, v, mask]) => {
    const result = bindings.ggml_flash_attn_ext(context, q, k, v, mask ?? 0n, parameters[0], 0, 0);
    bindings.ggml_flash_attn_ext_set_prec(result, PRECISION_F32);
    return result;
  },
  adamW: ({ bindings, context }, _, [parameter, gradient, first, second, numbers]) => {
    bindings.ggml_set_param(parameter);
    return bindings.ggml_opt_step_adamw(context, parameter, gradient, first, second, numbers);
  },
};

const DESCENDING = 1;

type Call = (...inputs: readonly unknown[]) => Pointer;

function one(name: keyof Bindings): Builder {
  return ({ bindings, context }, { parameters }, [a]) => (bindings[name] as Call)(context, a, ...parameters); // a builder of one source
}

function two(name: keyof Bindings): Builder {
  return ({ bindings, context }, { parameters }, [a, b]) => (bindings[name] as Call)(context, a, b, ...parameters); // a builder of two
}

function unary(name: string): Builder {
  const number = UNARY_NUMBERS[name];
  return ({ bindings, context }, _, [a]) => bindings.ggml_unary(context, a, number);
}

/** Positions are turned by position / period: base 1 leaves the frequencies to the factors. */
function turned(name: "ggml_rope_ext" | "ggml_rope_ext_back"): Builder {
  return ({ bindings, context }, { parameters }, [a, positions, periods]) => {
    const [dims, mode, amplitude] = parameters;
    return bindings[name](context, a, positions, periods, dims, mode, 0, 1, 1, 0, amplitude, 0, 0);
  };
}

/** All of ggml's threads. */
const ALL_TASKS = -1;

/** A kernel of this package; its first parameter reaches it as the bits of a float. */
function native(name: "product" | "experts" | "expertGradients" | "attention" | "scaleRows"): Builder {
  return ({ bindings, context, kernels }, { sides, parameters }, sources) => {
    const data = BigInt(new Uint32Array(Float32Array.of(parameters[0] ?? 0).buffer)[0] ?? 0);
    const given = [...sources];
    return bindings.ggml_custom_4d(
      context,
      TYPES.f32.id,
      ...sides,
      given,
      given.length,
      kernels?.[name],
      ALL_TASKS,
      data,
    );
  };
}

function exactly({ bindings, exact }: EmitContext, product: Pointer): Pointer {
  if (exact) bindings.ggml_mul_mat_set_prec(product, PRECISION_F32);
  return product;
}
