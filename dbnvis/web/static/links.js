// The strongest connections of a unit: to the layer below and to the layer above, with their signs.

/** @typedef {import("./model.js").Model} Model */
/** @typedef {{unit: number, weight: number}} Link */

/**
 * The strongest weights between a unit and the next layer below or above; null where there is none. Between maps, a
 * link is the sum of a kernel's weights; from maps to dense units, the sum over the places of a channel.
 * @param {Model} model
 * @param {string} layer
 * @param {number} unit
 * @param {-1 | 1} step below or above
 * @param {number} n
 * @returns {{layer: string, links: Link[]} | null}
 */
export function strongestLinks(model, layer, unit, step, n) {
  const {layerNames} = model, at = layerNames.indexOf(layer) + step;
  if (at < 0 || at >= layerNames.length) return null;
  const [lower, upper] = step < 0 ? [layerNames[at], layer] : [layer, layerNames[at]];
  const weight = linkBetween(model, lower, upper);
  const others = model.layerShape(layerNames[at])[0];
  const links = Array.from({length: others}, (_, other) => ({unit: other, weight: step < 0 ? weight(other, unit) : weight(unit, other)}));
  links.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight) || a.unit - b.unit);
  return {layer: layerNames[at], links: links.slice(0, n)};
}

/**
 * @param {Model} model
 * @param {string} lower
 * @param {string} upper
 * @returns {(from: number, to: number) => number}
 */
function linkBetween(model, lower, upper) {
  const {W, bias} = model.at(`${upper}.pre`), [nLower] = model.layerShape(lower);
  if (!W || !bias) throw new Error(`${upper} has no weights`);
  const nUpper = bias.length, each = W.length / nUpper / nLower; // places or kernel weights of one link
  const kernels = model.layerShape(upper).length > 1;
  return (from, to) => {
    let sum = 0;
    for (let i = 0; i < each; i++) sum += kernels ? W[(to * nLower + from) * each + i] : W[(from * each + i) * nUpper + to];
    return sum;
  };
}
