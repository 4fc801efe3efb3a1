// The panel of the chosen unit: its pictures by every method, its response, its connections, its views of this input.

import {ChainView} from "./chainview.js";
import {datasetName, element, paintSigned, roundedDown, shareText, signed} from "./dom.js";
import {strongestLinks} from "./links.js";
import {centreOf, unitName} from "./model.js";
import {whyNotRule} from "./network.js";
import {ResponseChart} from "./response.js";
import {Atlas} from "./tiles.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Unit} Unit */
/** @typedef {import("./network.js").Rule} Rule */

const SAMPLING = "gibbs", TOP = "top-images", CONNECTIONS = "connections"; // methods that have places of their own
const FILM = "invariance"; // and one of many pictures: the optimum, then those on both sides of it, in order
const LINKS = 8;
/** @type {{rule: Rule, title: string}[]} */
const RULES = [
  {rule: "gradient", title: "gradient"},
  {rule: "deconvnet", title: "deconvnet"},
  {rule: "guided", title: "guided backpropagation"},
];

/** Everything about one unit. */
export class UnitPanel {
  /**
   * @param {HTMLElement} root
   * @param {(layer: string, unit: number) => void} choose
   */
  constructor(root, choose) {
    this.root = root;
    this.choose = choose;
    this.chart = new ResponseChart();
    this.chain = new ChainView();
    this.shown = 0;
    /** @type {{rule: Rule, title: string, canvas: HTMLCanvasElement}[]} */
    this.views = [];
    /** @type {Unit | null} */
    this.unit = null;
  }

  /**
   * Show a unit of a model.
   * @param {Model} model
   * @param {Atlas} atlas
   * @param {string} layer
   * @param {number} index
   */
  async show(model, atlas, layer, index) {
    const turn = ++this.shown, stale = () => turn !== this.shown; // another unit was chosen in the meantime
    const pictures = await this.pictures(model, atlas, layer, index);
    const top = stale() ? [] : await this.topImages(model, atlas, layer, index);
    const links = stale() ? "" : await this.connections(model, atlas, layer, index);
    if (stale()) return;
    this.model = model;
    this.unit = {layer, index, position: null};
    this.chain.of(model, layer, index, atlas.method(SAMPLING)?.layers[layer]?.notes?.[index] ?? "");
    const table = model.header.quantiles?.[layer];
    this.chart.setQuantiles(table ? column(model.floats(table), model.layerShape(layer)[0], index) : null);
    this.root.replaceChildren(
      element("h2", {id: "unitname"}, unitName(this.unit)),
      ...this.section("What it wants to see", pictures),
      ...this.section("How strongly it responds now", this.chart.root),
      ...(this.chain.possible ? this.section("What the model imagines while the unit is on", this.chain.root) : []),
      ...top,
      ...this.section("How this input could change it", this.inputViews(model, layer)),
      ...this.section("Strongest connections", element("div", {}, links)),
    );
  }

  /**
   * @param {string} title
   * @param {HTMLElement} body
   * @returns {HTMLElement[]}
   */
  section(title, body) {
    return [element("h3", {}, title), body];
  }

  /**
   * @param {Model} model
   * @param {Atlas} atlas
   * @param {string} layer
   * @param {number} index
   */
  async pictures(model, atlas, layer, index) {
    const made = element("div", {className: "strip methods"});
    for (const method of atlas.methods) {
      const header = method.layers[layer];
      if (!header || !header.sheet) continue;
      const canvas = element("canvas", {className: "tile", role: "img", "aria-label": `${method.title} of ${layer}:${index}`});
      if (Atlas.first(header, index) < 0) continue;
      if (method.key === FILM) await atlas.paintFilm(canvas, layer, index, method.key);
      else await atlas.paint(canvas, layer, index, method.key);
      const score = atlas.number(header, "scores", index), percent = atlas.number(header, "percentiles", index);
      const caption = element("figcaption", {}, element("b", {}, method.title), element("br"), scoreText(score, percent));
      const note = header.notes?.[index];
      if (note) caption.append(element("br"), element("span", {className: "warn"}, `⚠ ${note}`));
      const className = method.key === FILM ? "film" : "";
      made.append(element("figure", {className, title: `${method.question} ${method.settings}`}, canvas, caption));
    }
    if (made.childElementCount === 0) {
      if (layer !== model.layerNames[0]) return element("p", {className: "small"}, "This page has no pictures of this unit.");
      const canvas = element("canvas", {className: "tile", role: "img", "aria-label": `Filter of ${layer}:${index}`});
      await atlas.paint(canvas, layer, index, "");
      made.append(element("figure", {}, canvas, element("figcaption", {}, element("b", {}, "its weights"), element("br"), "mid-grey is 0")));
    }
    return element("div", {}, made, ...this.filters(atlas, layer, index), this.explanation(atlas, layer));
  }

  /**
   * The first-layer filters that the unit is linked to most strongly, through all layers between.
   * @param {Atlas} atlas
   * @param {string} layer
   * @param {number} index
   * @returns {HTMLElement[]}
   */
  filters(atlas, layer, index) {
    const method = atlas.method(CONNECTIONS), header = method?.layers[layer], first = header ? Atlas.first(header, index) : -1;
    if (!method || !header?.links || first < 0 || layer === atlas.model.layerNames[0]) return [];
    const units = atlas.model.blobs.get(header.links.filters), links = atlas.model.floats(header.links.links);
    const strip = element("div", {className: "strip links"});
    for (let i = first; i < first + header.per_unit; i++) {
      if (links[i] === 0) continue;
      const canvas = element("canvas", {className: "tile", role: "img", "aria-label": `Filter ${units[i]}, link ${signed(links[i], 1)}`});
      const filter = atlas.filter(units[i]);
      Object.assign(canvas, {width: filter.width, height: filter.height});
      canvas.getContext("2d")?.drawImage(filter, 0, 0);
      strip.append(element("figure", {}, canvas, element("figcaption", {}, signed(links[i], 1))));
    }
    const words = `${method.title}, and the link to each: the product of the weight matrices between, + or −.`;
    return [element("p", {className: "small"}, words), strip];
  }

  /**
   * What the pictures and their numbers are, folded.
   * @param {Atlas} atlas
   * @param {string} layer
   */
  explanation(atlas, layer) {
    const asked = atlas.methods.filter(({layers}) => layers[layer]?.sheet || layers[layer]?.links);
    const words = "Number: the unit's pre-activation, the sum that enters it before its sigmoid or ReLU, when it sees the picture, rescaled to the mean norm of the training " +
      "images, so that methods can be compared. Pictures of both signs: mid-grey is zero. Others: black 0, white 1.";
    return element("details", {className: "small"}, element("summary", {}, "What each picture asks"), element("p", {}, words),
      ...asked.map(({title, question, settings}) => element("p", {}, element("b", {}, title), `: ${question} (${settings})`)));
  }

  /**
   * @param {Model} model
   * @param {Atlas} atlas
   * @param {string} layer
   * @param {number} index
   */
  async topImages(model, atlas, layer, index) {
    const header = atlas.method(TOP)?.layers[layer];
    if (!header || Atlas.first(header, index) < 0) return [];
    const strip = element("div", {className: "strip nine"});
    for (let tile = header.per_unit > 1 ? 1 : 0; tile < header.per_unit; tile++) {
      const canvas = element("canvas", {className: "tile", role: "img", "aria-label": `Top image ${tile}`});
      await atlas.paint(canvas, layer, index, TOP, tile);
      strip.append(element("figure", {}, canvas, element("figcaption", {}, atlas.number(header, "scores", index, tile).toFixed(1))));
    }
    const words = element("p", {className: "small"}, `The ${datasetName(model.header.dataset)} training images that excite it most as they are, in this order. Below each: its response when all images have the same norm, so the numbers may be in another order.`);
    return this.section("Top images", element("div", {}, strip, words));
  }

  /**
   * Canvases for what `paint` shows of every input.
   * @param {Model} model
   * @param {string} layer
   */
  inputViews(model, layer) {
    this.views = RULES.filter(({rule}) => whyNotRule(model.network, rule) === null).map(({rule, title}) => (
      {rule, title, canvas: element("canvas", {className: "tile", role: "img", "aria-label": `${title} of this input`})}));
    const figures = this.views.map(({canvas, title}) => element("figure", {}, canvas, element("figcaption", {}, title)));
    const coloured = model.inputShape.length === 3 && model.inputShape[0] === 3;
    const words = [coloured
      ? "Gradient, in colour: more of the colour that is seen would raise the response; mid-grey is 0."
      : "Gradient: where it is orange (+), more light would raise the response; where it is blue (−), lower it."];
    if (this.views.length > 1) words.push("The other two pass only what excites on the way down (Zeiler & Fergus 2014; Springenberg et al. 2015); they look clearer, and depend less on what the network has learned.");
    else words.push("Deconvnet and guided backpropagation exist for ReLU networks alone.");
    if (model.layerShape(layer).length > 1) words.push("All are of the place where the channel responds most.");
    return element("div", {}, element("div", {className: "strip"}, ...figures), element("p", {className: "small"}, words.join(" ")));
  }

  /**
   * @param {Model} model
   * @param {Atlas} atlas
   * @param {string} layer
   * @param {number} index
   */
  async connections(model, atlas, layer, index) {
    const made = element("div");
    for (const step of /** @type {(-1 | 1)[]} */ ([-1, 1])) {
      const found = strongestLinks(model, layer, index, step, LINKS);
      if (!found) continue;
      const strip = element("div", {className: "strip links"});
      for (const {unit, weight} of found.links) {
        const canvas = element("canvas", {className: "tile"});
        const method = atlas.methods.find(({key, layers}) => key !== TOP && layers[found.layer]?.sheet);
        const drawn = await atlas.paint(canvas, found.layer, unit, method?.key ?? "");
        const button = element("button", {
          type: "button", className: `link ${weight < 0 ? "minus" : "plus"}`, onclick: () => this.choose(found.layer, unit),
          "aria-label": `${found.layer}:${unit}, weight ${signed(weight, 2)}`,
        });
        if (drawn) button.append(canvas);
        button.append(element("span", {}, `${found.layer}:${unit}`), element("span", {}, signed(weight, 2)));
        strip.append(button);
      }
      const words = step < 0 ? `From ${found.layer}, below: what switches it on (+) and off (−).` : `To ${found.layer}, above: what it supports (+) and opposes (−).`;
      made.append(element("p", {className: "small"}, words), strip);
    }
    if (made.childElementCount === 0) made.append(element("p", {className: "small"}, "It is the only layer."));
    return made;
  }

  /**
   * Paint what the last pass up says of the unit.
   * @param {number} score response to the input rescaled to the test images' norm
   * @param {number} percent
   * @param {number} rank among the units of its layer now, from 1
   * @returns {string} the same in a sentence
   */
  paint(score, percent, rank) {
    const {model, unit} = this;
    if (!model || !unit) return "";
    this.chart.paint(score, percent, datasetName(model.header.dataset));
    this.paintViews();
    const {layer} = unit, [units, ...maps] = model.layerShape(layer), name = `${unitName(unit)}${maps.length > 0 ? ", in the centre of its map," : ""}`;
    const above = Number.isNaN(percent) ? "" : `${name} responds to this input more strongly than to ${shareText(percent)} % of ${datasetName(model.header.dataset)} test images (all at one norm). `;
    const by = maps.length > 0 ? "the largest activation of its map" : "pre-activation";
    return `${above}By ${by} ${above ? "it" : name} is now number ${rank} of ${units} in ${layer}.`;
  }

  paintViews() {
    const {model, unit} = this;
    if (!model || !unit) return;
    const size = model.inputShape.slice(-2), at = {...unit, position: peak(model, unit)};
    for (const {rule, canvas} of this.views) paintSigned(canvas, model.gradient(at, rule), size);
  }
}

/**
 * Where a channel responds most in the last pass up; null of a dense unit.
 * @param {Model} model
 * @param {Unit} unit
 * @returns {import("./model.js").Position}
 */
export function peak(model, {layer, index}) {
  const shape = model.layerShape(layer);
  if (shape.length === 1) return null;
  const [, rows, columns] = shape, pre = model.preActivation(layer), first = index * rows * columns;
  let best = first;
  for (let i = first; i < first + rows * columns; i++) if (pre[i] > pre[best]) best = i;
  if (!(pre[best] > -Infinity)) return centreOf(shape);
  return [Math.floor((best - first) / columns), (best - first) % columns];
}

/**
 * @param {number} score
 * @param {number} percent
 */
function scoreText(score, percent) {
  if (Number.isNaN(score)) return "no score";
  return Number.isNaN(percent) ? score.toFixed(1) : `${score.toFixed(1)}, above ${roundedDown(percent)} % of test images`;
}

/**
 * @param {import("./maths.js").Floats} table rows of `units` numbers
 * @param {number} units
 * @param {number} index
 */
function column(table, units, index) {
  return Float64Array.from({length: table.length / units}, (_, row) => table[row * units + index]);
}
