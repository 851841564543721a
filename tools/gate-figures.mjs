// The heat map of gates that the README shows, from what `engram explain --run` traced on a trained model: an image a block,
// and what it is of. For render-figures.mjs.
import { gateImages } from "../apps/bench/dist/index.js";

const RESULTS = "docs/results";

/** The figure by its name, and the images that it shows. */
export function gateFigures({ report, grouped }) {
  const gates = report("gates");
  const images = gateImages(gates).map(({ layer, svg }) => ({
    layer,
    svg,
    file: `${RESULTS}/gates-block-${layer}.svg`,
  }));
  return {
    images: images.map(({ file, svg }) => [file, svg]),
    figures: {
      gates: () =>
        [
          ...images.map(({ layer, file }) => `![Gates of block ${layer} over a passage](${file})`),
          "",
          `How wide the gates of a trained model let its table's rows in: the preset \`${gates.model}\` after ${grouped(gates.step)} steps on the World Factbook, traced by \`engram explain --run\` (how: [docs/results](${RESULTS}/README.md)).`,
        ].join("\n"),
    },
  };
}
