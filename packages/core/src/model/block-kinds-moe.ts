// The mixture of experts: fields and parameters. Its meaning is at MoeSpec.

import type { BlockKind } from "./block-kind.js";
import type { MoeSpec } from "./model-spec.js";
import type { ParameterShape } from "./parameters-shape.js";
import type { SpecFields } from "./spec-fields.js";
import { MODEL_LIMITS } from "./spec-limits.js";

const experts = { least: 1, most: MODEL_LIMITS.experts };

/** `moe`. */
export const moeKind: BlockKind<MoeSpec> = {
  slot: "feedForward",
  kind: "moe",
  parse(fields) {
    const spec: MoeSpec = {
      kind: "moe",
      routedExperts: fields.whole("routedExperts", experts, "the experts that the router chooses from"),
      sharedExperts: fields.whole("sharedExperts", { ...experts, least: 0, fallback: 0 }, "the experts of every token"),
      expertWidth: fields.whole(
        "expertWidth",
        { least: 1, most: MODEL_LIMITS.hiddenWidth },
        "the hidden values of one expert",
      ),
      topK: fields.whole("topK", experts, "the routed experts of one token"),
      scoring: fields.choice("scoring", ["sigmoid", "softmax"], "sigmoid"),
      groups: fields.whole("groups", { ...experts, fallback: 1 }, "the groups of experts, 1 for none"),
      topGroups: fields.whole("topGroups", { ...experts, fallback: 1 }, "the groups that a token may choose from"),
      normalizeWeights: fields.flag("normalizeWeights", true, "whether the chosen weights are divided by their sum"),
      routeScale: fields.real("routeScale", { least: 0, most: 1000, fallback: 1 }, "the factor of the chosen weights"),
      balancingBias: fields.flag("balancingBias", true, "whether the router has a bias for loss-free balancing"),
    };
    checkMoe(spec, fields);
    return spec;
  },
  parameters(spec, { width }) {
    const { routedExperts: count, expertWidth, topK } = spec;
    const shared = spec.sharedExperts * expertWidth;
    const weight = (name: string, component: ParameterShape["component"], ...shape: number[]) =>
      ({ name: `${name}.weight`, shape, component, initial: "normal" }) as const;
    const routed = (name: string, ...shape: number[]) => ({
      ...weight(name, "routed experts", count, ...shape),
      activatedShare: topK / count,
    });
    const bias = {
      name: "router.bias",
      shape: [count],
      component: "router",
      initial: "zeros",
      untrained: true,
    } as const;
    return [
      weight("router", "router", count, width),
      ...(spec.balancingBias ? [bias] : []),
      routed("experts.gate", expertWidth, width),
      routed("experts.up", expertWidth, width),
      routed("experts.down", width, expertWidth),
      ...(shared === 0
        ? []
        : [
            weight("shared.gate", "shared experts", shared, width),
            weight("shared.up", "shared experts", shared, width),
            weight("shared.down", "shared experts", width, shared),
          ]),
    ];
  },
};

function checkMoe({ routedExperts, topK, groups, topGroups, sharedExperts, expertWidth }: MoeSpec, fields: SpecFields) {
  if (routedExperts % groups !== 0) {
    fields.refuse("groups", `groups have equally many experts; use a divisor of routedExperts, ${routedExperts}`);
  }
  const size = routedExperts / groups;
  if (groups > 1 && size < 2) fields.refuse("groups", "a group is judged by its two best experts; use fewer groups");
  if (topGroups > groups) fields.refuse("topGroups", `there are ${groups} groups; use at most as many`);
  if (topK > topGroups * size) {
    fields.refuse(
      "topK",
      `a token chooses from ${topGroups} groups of ${size} experts; use at most ${topGroups * size}`,
    );
  }
  if (sharedExperts * expertWidth > MODEL_LIMITS.hiddenWidth) {
    fields.refuse(
      "sharedExperts",
      `together they have ${sharedExperts * expertWidth} hidden values; use at most ${MODEL_LIMITS.hiddenWidth}`,
    );
  }
}
