// A model of the page: its network, its machines, and the addresses of its units.
// Mirrors dbnvis/models/layers.py (Network), models/units.py and, for percentiles, evaluate/scores.py.

import {Machine} from "./machine.js";
import {percentile} from "./maths.js";
import {makeLayer, sizeOf, whyNotRule} from "./network.js";

/** @typedef {import("./decode.js").Blobs} Blobs */
/** @typedef {import("./maths.js").Floats} Floats */
/** @typedef {import("./network.js").Layer} Layer */
/** @typedef {import("./network.js").Rule} Rule */
/** @typedef {[number, number] | "mean" | null} Position  row and column in a channel's map, its mean, or its centre */
/** @typedef {{layer: string, index: number, position: Position}} Unit */
/**
 * @typedef {object} ModelHeader
 * @property {string} id
 * @property {string} name
 * @property {string} family
 * @property {string} dataset
 * @property {string} sha256
 * @property {number[]} input_shape
 * @property {[number, number] | null} input_range
 * @property {number | null} input_norm
 * @property {import("./network.js").LayerHeader[]} network
 * @property {{name: string, shape: number[]}[]} layers
 * @property {import("./machine.js").MachineHeader[] | null} machines
 * @property {string[] | null} classes
 * @property {Record<string, string> | null} quantiles
 * @property {any} [atlas]
 * @property {any} [findings]
 */

/**
 * Read `h3:17`, `conv2:5` (the centre of the channel's map), `conv2:5@3,4` (row 3, column 4) or `conv2:5@mean`.
 * @param {string} text
 * @returns {Unit}
 */
export function parseUnit(text) {
  const match = /^\s*(\w+):(\d+)(?:@(mean|(\d+),(\d+)))?\s*$/.exec(text);
  if (!match) throw new Error(`a unit is written LAYER:INDEX, such as h3:17; got ${text.slice(0, 60)}`);
  const [, layer, index, position, row, column] = match;
  const place = row === undefined ? null : /** @type {Position} */ ([Number(row), Number(column)]);
  return {layer, index: Number(index), position: position === "mean" ? "mean" : place};
}

/**
 * The address of a unit, `parseUnit` run backwards.
 * @param {Unit} unit
 * @returns {string}
 */
export function unitName({layer, index, position}) {
  const place = Array.isArray(position) ? position.join(",") : position;
  return `${layer}:${index}${place === null ? "" : `@${place}`}`;
}

/**
 * The middle position of maps (channels, rows, columns); of an even number the later of the two.
 * @param {readonly number[]} shape
 * @returns {[number, number]}
 */
export function centreOf(shape) {
  return [Math.floor(shape[1] / 2), Math.floor(shape[2] / 2)];
}

/** The network of a model, whose buffers are reused: read what `forward` returns before the next call. */
export class Model {
  /**
   * @param {ModelHeader} header
   * @param {Blobs} blobs
   * @returns {Model}
   */
  static from(header, blobs) {
    return new Model(header, blobs);
  }

  /**
   * @param {ModelHeader} header
   * @param {Blobs} blobs
   */
  constructor(header, blobs) {
    this.header = header;
    this.id = header.id;
    this.inputShape = header.input_shape;
    this.input = new Float64Array(sizeOf(header.input_shape));
    /** @type {{name: string, shape: number[]}[]} */
    this.layers = header.layers;
    this.layerNames = header.layers.map(({name}) => name);
    /** @type {Layer[]} */
    this.network = [];
    /** @type {Map<string, Floats>} outputs of the last pass up, by address */
    this.activations = new Map();
    this.blobs = blobs;
    const floats = (/** @type {string | undefined} */ name) => this.floats(name);
    const shapeOf = (/** @type {string | undefined} */ name) => blobs.shapes.get(name ?? "") ?? [];
    let shape = header.input_shape;
    for (const own of header.network) {
      const layer = makeLayer(own, shape, floats, shapeOf);
      this.network.push(layer);
      shape = layer.shape;
    }
    /** Addresses of layers with a parameter that is not a finite number: what they compute cannot be believed. */
    this.broken = this.network.filter(({W, bias}) => !(allFinite(W) && allFinite(bias))).map(({address}) => address);
    /** @type {Map<string, Machine>} */
    this.machines = new Map();
    /** @type {Machine | null} */
    let below = null;
    for (const {layer, type, vbias, variance = 1} of header.machines ?? []) {
      const {W, bias} = this.at(`${layer}.pre`);
      if (!W || !bias) throw new Error(`no weights at ${layer}.pre`);
      const parameters = {W, vbias: this.floats(vbias), hbias: bias};
      below = new Machine(parameters, {gaussian: type === "GaussianRBM", variance, below});
      this.machines.set(layer, below);
    }
  }

  /**
   * The floats of a blob.
   * @param {string | undefined} name
   * @returns {Floats}
   */
  floats(name) {
    const found = this.blobs.get(name ?? "");
    if (found instanceof Float32Array || found instanceof Float64Array) return found;
    throw new Error(`model ${this.id}: no floats in a blob ${name}`);
  }

  /**
   * The layer at an address such as "h2.pre"; an error that lists what exists if there is none.
   * @param {string} address
   * @returns {Layer}
   */
  at(address) {
    const found = this.network.find((layer) => layer.address === address);
    if (found) return found;
    throw new Error(`no layer ${address}; the network has ${this.network.map((layer) => layer.address).join(", ")}`);
  }

  /**
   * Shape of a layer that has units: [units], or [channels, rows, columns].
   * @param {string} name
   * @returns {number[]}
   */
  layerShape(name) {
    const found = this.layers.find((layer) => layer.name === name);
    if (found) return found.shape;
    throw new Error(`no layer ${name}; the model has ${this.layerNames.join(", ")}`);
  }

  // --- up

  /**
   * Run all layers on one image: the output at every address.
   * @param {Floats} x pixels
   * @returns {Map<string, Floats>} the same one, and the same arrays, every time
   */
  forward(x) {
    if (x.length !== this.input.length) {
      throw new Error(`expected an image of shape ${this.inputShape}, got ${x.length} pixels`);
    }
    this.input.set(x);
    /** @type {Floats} */
    let y = this.input;
    for (const layer of this.network) {
      y = layer.forward(y);
      this.activations.set(layer.address, y);
    }
    return this.activations;
  }

  /**
   * Pre-activations of a layer in the last pass up.
   * @param {string} layer
   * @returns {Floats}
   */
  preActivation(layer) {
    return this.at(`${layer}.pre`).y;
  }

  /**
   * Pre-activation of one unit in the last pass up; of a channel's mean the mean over its map.
   * @param {Unit} unit
   * @returns {number}
   */
  preActivationOf(unit) {
    const pre = this.preActivation(unit.layer), {first, count} = this.placeOf(unit);
    let total = 0;
    for (let i = first; i < first + count; i++) total += pre[i];
    return total / count;
  }

  // --- down

  /**
   * Gradient by the input of the last pass up, from a gradient `gy` by the output at `address`.
   * @param {string} address
   * @param {Floats} gy
   * @param {Rule} [rule] how ReLUs run backwards
   * @returns {Floats} memory of the network's own, as the input
   */
  pullback(address, gy, rule = "gradient") {
    const reason = whyNotRule(this.network, rule);
    if (reason) throw new Error(reason);
    for (let i = this.network.indexOf(this.at(address)); i >= 0; i--) gy = this.network[i].back(gy, rule);
    return gy;
  }

  /**
   * Gradient of a unit's pre-activation by the pixels of the last pass up.
   * @param {Unit} unit
   * @param {Rule} [rule]
   * @returns {Floats}
   */
  gradient(unit, rule = "gradient") {
    return this.pullback(`${unit.layer}.pre`, this.oneHot(unit), rule);
  }

  // --- units

  /**
   * The unit of an address, checked against this model.
   * @param {string} text
   * @returns {Unit}
   */
  unit(text) {
    const unit = parseUnit(text), {layer, index, position} = unit, [size, ...maps] = this.layerShape(layer);
    if (index >= size) throw new Error(`no unit ${text}; layer ${layer} has units ${layer}:0 to ${layer}:${size - 1}`);
    if (position !== null && maps.length === 0) {
      throw new Error(`no unit ${text}; the units of layer ${layer} are dense and have no positions`);
    }
    if (Array.isArray(position) && !position.every((place, axis) => place < maps[axis])) {
      throw new Error(`no unit ${text}; layer ${layer} has positions 0,0 to ${maps[0] - 1},${maps[1] - 1}`);
    }
    return unit;
  }

  /**
   * Where in its layer's flat array a unit is: one place, or all of its map.
   * @param {Unit} unit
   * @returns {{first: number, count: number}}
   */
  placeOf({layer, index, position}) {
    const shape = this.layerShape(layer);
    if (shape.length === 1) return {first: index, count: 1};
    const [, rows, columns] = shape, start = index * rows * columns;
    if (position === "mean") return {first: start, count: rows * columns};
    const [row, column] = position ?? centreOf(shape);
    return {first: start + row * columns + column, count: 1};
  }

  /**
   * 1 at the unit, 0 elsewhere; a channel's mean is spread evenly over its map.
   * @param {Unit} unit
   * @returns {Float64Array}
   */
  oneHot(unit) {
    const {first, count} = this.placeOf(unit);
    return new Float64Array(sizeOf(this.layerShape(unit.layer))).fill(1 / count, first, first + count);
  }

  /**
   * Share of the test images, in percent, that excite the unit less than `score`, its pre-activation at an image
   * rescaled to the model's norm. NaN where the page has no table: of the maps it has the centres only.
   * @param {Unit} unit
   * @param {number} score
   * @returns {number}
   */
  percentile({layer, index, position}, score) {
    const name = this.header.quantiles?.[layer], shape = this.layerShape(layer);
    const central = position === null || (Array.isArray(position) && String(position) === String(centreOf(shape)));
    if (!name || !central) return NaN;
    const table = this.floats(name), units = shape[0], column = new Float64Array(table.length / units);
    for (let q = 0; q < column.length; q++) column[q] = table[q * units + index];
    return percentile(column, score);
  }

  // --- machines

  /**
   * The RBM under a layer.
   * @param {string} layer
   * @returns {Machine}
   */
  machine(layer) {
    const found = this.machines.get(layer);
    if (found) return found;
    throw new Error(`there is no p(v | h) under ${layer} of model ${this.id}: nothing can be sampled from it`);
  }

  /**
   * What the machine under `layer` sees of an image: its pixels, or the means of the layer below. Runs a pass up.
   * @param {Floats} x pixels
   * @param {string} layer
   * @returns {Floats}
   */
  visibleOf(x, layer) {
    this.layerShape(layer); // an error if there is none
    this.forward(x);
    const depth = this.layerNames.indexOf(layer);
    return depth === 0 ? this.input : this.at(this.layerNames[depth - 1]).y;
  }
}

/**
 * @param {Floats} [x]
 * @returns {boolean}
 */
function allFinite(x) {
  return x === undefined || x.every(Number.isFinite);
}
