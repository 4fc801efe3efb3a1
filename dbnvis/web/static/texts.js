// What the page says of itself: the legend, the help, where it comes from.

import {element} from "./dom.js";

/** Below the layers. */
export const LEGEND = "Light: how active the unit is now; a unit that is off keeps a tenth of its light. Orange: the units of the layer with the highest pre-activation (the sum that enters the unit), of channels those with the highest activation anywhere in their map. Blue and white: the chosen unit. Bluish: a negative activation. Click a unit to choose it.";

/** @returns {HTMLElement[]} paragraphs of the help */
export function helpWords() {
  return [
    "Each tile is a unit (in a convolutional layer: a channel). Light: its activation. A tile that is dark is off. The units of each layer with the highest pre-activation (up to five) are outlined in orange, the chosen one in blue.",
    "“Picture” shows each unit as what excites it, by the method chosen above, and lights it by its activation: so you see which features are on. “Plain activation” shows the number alone, black 0, white 1 (of ReLU units: the largest over test images).",
    "A pre-activation is the sum that enters a unit, before its sigmoid or ReLU. A score is the unit's pre-activation when it sees the picture, rescaled to the mean norm of the training images. A percentage is the share of test images, at the same norm, that excite the unit less.",
    "Everything is computed in this page. It sends nothing, and needs no network.",
  ].map((text) => element("p", {}, text));
}

/** @param {import("./decode.js").Header} header */
export function provenance({provenance: made, models}) {
  const hashes = models.map(({id, sha256}) => `${id} ${sha256.slice(0, 12)}`).join(", ");
  return element("p", {}, `dbnvis ${made?.dbnvis ?? ""}. ${made?.command ? `Made by: ${made.command}. ` : ""}Models: ${hashes}.`);
}
