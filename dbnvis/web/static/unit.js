// The panel of the chosen unit: its pictures by every method, its response, its connections, its views of this input.

import {ChainView} from "./chainview.js";
import {element, paintSigned, roundedDown, signed} from "./dom.js";
import {strongestLinks} from "./links.js";
import {centreOf, unitName} from "./model.js";
import {whyNotRule} from "./network.js";
import {ResponseChart} from "./response.js";
import {Atlas} from "./tiles.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Unit} Unit */
/** @typedef {import("./network.js").Rule} Rule */

const TOP = "top-images", CONNECTIONS = "connections"; // methods that have places of their own
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
    /** @type {{rule: Rule, canvas: HTMLCanvasElement}[]} */
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
    const turn = ++this.shown;
    this.model = model;
    this.atlas = atlas;
    this.unit = {layer, index, position: null};
    this.views = []; // those of the unit before, perhaps of another model
    const name = unitName(this.unit);
    this.chain.of(model, layer, index);
    const table = model.header.quantiles?.[layer];
    this.chart.setQuantiles(table ? column(model.floats(table), model.layerShape(layer)[0], index) : null);
    const parts = [
      element("h2", {id: "unitname"}, name),
      ...this.section("What it wants to see", await this.pictures(layer, index)),
      ...this.section("How strongly it responds now", this.chart.root),
      ...(this.chain.possible ? this.section("What the model imagines while the unit is on", this.chain.root) : []),
      ...(await this.topImages(layer, index)),
      ...this.section("What of this input excites it", this.inputViews()),
      ...this.section("Strongest connections", await this.connections(layer, index)),
    ];
    if (turn === this.shown) this.root.replaceChildren(...parts); // not if another unit was chosen in the meantime
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
   * @param {string} layer
   * @param {number} index
   */
  async pictures(layer, index) {
    const {atlas} = this, made = element("div", {className: "strip methods"});
    if (!atlas) return made;
    for (const method of atlas.methods) {
      const header = method.layers[layer];
      if (!header || !header.sheet || [TOP, CONNECTIONS].includes(method.key)) continue;
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
      if (layer !== this.model?.layerNames[0]) return element("p", {className: "small"}, "This page has no pictures of this unit.");
      const canvas = element("canvas", {className: "tile", role: "img", "aria-label": `Filter of ${layer}:${index}`});
      await atlas.paint(canvas, layer, index, "");
      made.append(element("figure", {}, canvas, element("figcaption", {}, element("b", {}, "its weights"), element("br"), "mid-grey is 0")));
    }
    return element("div", {}, made, this.explanation(layer));
  }

  /**
   * What the pictures and their numbers are, folded.
   * @param {string} layer
   */
  explanation(layer) {
    const asked = (this.atlas?.methods ?? []).filter(({layers}) => layers[layer]?.sheet);
    const words = "Number: the unit's pre-activation when it sees the picture, rescaled to the mean norm of the training " +
      "images, so that methods can be compared. Pictures of both signs: mid-grey is zero. Others: black 0, white 1.";
    return element("details", {className: "small"}, element("summary", {}, "What each picture asks"), element("p", {}, words),
      ...asked.map(({title, question, settings}) => element("p", {}, element("b", {}, title), `: ${question} (${settings})`)));
  }

  /**
   * @param {string} layer
   * @param {number} index
   */
  async topImages(layer, index) {
    const {atlas, model} = this, header = atlas?.method(TOP)?.layers[layer];
    if (!atlas || !model || !header || Atlas.first(header, index) < 0) return [];
    const strip = element("div", {className: "strip nine"});
    for (let tile = header.per_unit > 1 ? 1 : 0; tile < header.per_unit; tile++) {
      const canvas = element("canvas", {className: "tile", role: "img", "aria-label": `Top image ${tile}`});
      await atlas.paint(canvas, layer, index, TOP, tile);
      strip.append(element("figure", {}, canvas, element("figcaption", {}, atlas.number(header, "scores", index, tile).toFixed(1))));
    }
    const words = element("p", {className: "small"}, `The ${model.header.dataset} training images that excite it most, the first one most; below each its score, at the common norm.`);
    return this.section("Top images", element("div", {}, strip, words));
  }

  /** Empty canvases for what `paint` shows of every input. */
  inputViews() {
    const {model} = this, made = element("div", {className: "strip"});
    this.views = [];
    if (!model) return made;
    for (const {rule, title} of RULES) {
      if (whyNotRule(model.network, rule) !== null) continue;
      const canvas = element("canvas", {className: "tile", role: "img", "aria-label": `${title} of this input`});
      this.views.push({rule, canvas});
      made.append(element("figure", {}, canvas, element("figcaption", {}, title)));
    }
    const more = this.views.length > 1 ? "" : " Deconvnet and guided backpropagation exist for ReLU networks alone.";
    const where = model.layerShape(this.unit?.layer ?? "").length > 1 ? " Of the place where the channel responds most." : "";
    const words = "Orange (+): more light here would raise the response. Blue (−): it would lower it.";
    return element("div", {}, made, element("p", {className: "small"}, words + where + more));
  }

  /**
   * @param {string} layer
   * @param {number} index
   */
  async connections(layer, index) {
    const {model, atlas} = this, made = element("div");
    if (!model || !atlas) return made;
    for (const step of /** @type {(-1 | 1)[]} */ ([-1, 1])) {
      const found = strongestLinks(model, layer, index, step, LINKS);
      if (!found) continue;
      const strip = element("div", {className: "strip links"});
      for (const {unit, weight} of found.links) {
        const canvas = element("canvas", {className: "tile"});
        const method = atlas.methods.find(({key, layers}) => ![TOP, CONNECTIONS].includes(key) && layers[found.layer]?.sheet);
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
    this.chart.paint(score, percent, model.header.dataset);
    const {layer} = unit, [units] = model.layerShape(layer), name = unitName(unit);
    const above = Number.isNaN(percent) ? "" : ` responds more strongly than to ${roundedDown(percent)} % of ${model.header.dataset} test images and`;
    this.paintViews();
    return `${name}${above} is number ${rank} of ${units} in ${layer} now.`;
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
