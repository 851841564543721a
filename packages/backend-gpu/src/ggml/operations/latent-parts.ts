// What mla computes of its tokens: queries, and the latent and shared key that the cache holds; and of a latent the keys and
// values of every head. Not here: attention itself (packed-attention.ts, latent-attention.ts).
// Letters: H heads, n content width, r rotary width, u value width, N tokens.

import { type RopeFacts, rope } from "../nodes/attention.js";
import { concat, multiply, repeat } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { rmsNorm } from "../nodes/products.js";
import { pack, reshape, slice } from "../nodes/shape.js";
import { linearMap } from "./linear-parts.js";
import type { NodeCall, Operands } from "./operation.js";
import { projectHeads } from "./projections.js";

type Options = NodeCall<"mla">["options"];

/** Queries. */
export interface QueryParts {
  /** queryDown x, where there is one, and what queryUp is applied to. */
  readonly down: GgmlNode | undefined;
  readonly latent: GgmlNode;
  /** [n, H, N], a view. */
  readonly content: GgmlNode;
  /** [r, H, N]. */
  readonly rotated: GgmlNode;
}

/** The queries of a call. */
export function queryParts(
  { x, queryUp, queryDown, queryNorm }: Operands<"mla">,
  options: Options,
  facts: RopeFacts,
): QueryParts {
  const { contentWidth: n, rotaryWidth: r, epsilon } = options;
  const down = queryDown === undefined ? undefined : linearMap(x.node, queryDown.node);
  const latent =
    down === undefined || queryNorm === undefined ? x.node : multiply(rmsNorm(down, epsilon), queryNorm.node);
  const query = projectHeads(latent, queryUp.node, n + r);
  return { down, latent, content: slice(query, 0, 0, n), rotated: rope(slice(query, 0, n, r), facts) };
}

/** What a cache's rows are made of. */
export interface LatentParts {
  /** keyValueDown x, [rank + r, N], and of it the latent before its norm. */
  readonly down: GgmlNode;
  readonly raw: GgmlNode;
  /** [rank, N]. */
  readonly latent: GgmlNode;
  /** The rotated key that the heads share, [r, 1, N]. */
  readonly shared: GgmlNode;
}

/** The latents and shared keys of a call. */
export function latentParts(
  { x, keyValueDown, keyValueNorm }: Operands<"mla">,
  options: Options,
  facts: RopeFacts,
): LatentParts {
  const { rotaryWidth: r, epsilon } = options;
  const rank = keyValueNorm.node.sides[0];
  const down = linearMap(x.node, keyValueDown.node);
  const raw = pack(slice(down, 0, 0, rank));
  const latent = multiply(rmsNorm(raw, epsilon), keyValueNorm.node);
  const shared = rope(slice(reshape(down, rank + r, 1, x.node.sides[1]), 0, rank, r), facts);
  return { down, raw, latent, shared };
}

/** Keys [n + r, H, P] and values [u, H, P], a view, of P latents [rank, P] and shared keys [r, 1, P]. */
export function expandLatent(latent: GgmlNode, shared: GgmlNode, keyValueUp: GgmlNode, options: Options) {
  const { heads: H, contentWidth: n, rotaryWidth: r, valueWidth: u } = options;
  const up = projectHeads(latent, keyValueUp, n + u); // [n + u, H, P]
  const every = repeat(shared, [r, H, latent.sides[1], 1]);
  return { k: concat(slice(up, 0, 0, n), every, 0), v: slice(up, 0, n, u) };
}
