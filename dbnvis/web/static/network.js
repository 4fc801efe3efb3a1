// Layers: functions with a pullback, run one after another and addressed by name, on memory that is reused.
// Mirrors dbnvis/models/layers.py, convolution.py, subsampling.py, pooling.py and, for the rules, views/gradients.py.

import {avgPool2d, avgPool2dBack, blockMean, blockSum, conv2d, conv2dBack, convolvedShape, dense, denseTranspose, maxPool2d, maxPool2dBack, pooledShape, relu, sigmoid, softmax, spread} from "./maths.js";

/** @typedef {import("./maths.js").Floats} Floats */
/** @typedef {import("./maths.js").MapShape} MapShape */
/** @typedef {"gradient" | "deconvnet" | "guided"} Rule */
/**
 * A layer as the header describes it.
 * @typedef {object} LayerHeader
 * @property {string} address "h2.pre" is the pre-activation of layer h2, "h2" its activation
 * @property {string} type
 * @property {string} [W] blob: (inputs, outputs), or kernels (outputs, channels, rows, columns)
 * @property {string} [bias] blob
 * @property {number[]} [shape]
 * @property {number} [stride]
 * @property {number} [padding]
 * @property {number} [size]
 */
/**
 * A layer that runs: `forward` keeps what the pullback needs, and both return the layer's own memory.
 * @typedef {object} Layer
 * @property {string} address
 * @property {string} type
 * @property {number[]} shape of its output
 * @property {Floats} y its last output
 * @property {(x: Floats) => Floats} forward
 * @property {(gy: Floats, rule: Rule) => Floats} back gradient by the output -> gradient by the input
 * @property {Floats} [W]
 * @property {Floats} [bias]
 */

/**
 * @param {readonly number[]} shape
 * @returns {number}
 */
export function sizeOf(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * Make the layer of a header that takes inputs of `shape`.
 * @param {LayerHeader} header
 * @param {number[]} shape
 * @param {(name: string | undefined) => Floats} floats of a blob
 * @param {(name: string | undefined) => number[]} shapeOf a blob
 * @returns {Layer}
 */
export function makeLayer(header, shape, floats, shapeOf) {
  const {address, type} = header, n = sizeOf(shape);
  const gx = new Float64Array(n);
  /** @param {Pick<Layer, "forward" | "back" | "y"> & Partial<Layer>} parts @returns {Layer} */
  const layer = (parts) => ({address, type, shape, ...parts});
  /** @returns {MapShape} */
  const maps = () => {
    if (shape.length !== 3) throw new Error(`${address}: ${type} takes maps, not numbers of shape ${shape}`);
    return /** @type {MapShape} */ (shape);
  };

  switch (type) {
    case "Flatten":
    case "Channels":
    case "Identity": { // the same numbers, only their shape has another name
      const {shape: own = shape} = header;
      const channels = own.length === 2 ? [1, ...own] : own;
      const after = type === "Flatten" ? [n] : type === "Channels" ? channels : shape;
      const parts = layer({
        shape: after,
        y: new Float64Array(n),
        forward: (x) => (parts.y = x),
        back: (gy) => gy,
      });
      return parts;
    }
    case "Dense": {
      const W = floats(header.W), bias = floats(header.bias), nOut = bias.length, y = new Float64Array(nOut);
      if (W.length !== n * nOut) throw new Error(`${address}: ${W.length} weights for ${n} inputs and ${nOut} outputs`);
      const forward = (/** @type {Floats} */ x) => dense(x, W, bias, nOut, y);
      return layer({shape: [nOut], W, bias, y, forward, back: (gy) => denseTranspose(gy, W, n, gx)});
    }
    case "Conv2D": {
      const W = floats(header.W), bias = floats(header.bias), [nOut, nIn, rows, columns] = shapeOf(header.W);
      const window = {rows, columns, stride: header.stride ?? 1, padding: header.padding ?? 0};
      const from = maps(), after = convolvedShape(from, nOut, window);
      if (nIn !== from[0]) throw new Error(`${address}: kernels of ${nIn} channels on maps of ${from[0]}`);
      const y = new Float64Array(sizeOf(after)), beside = new Float64Array(nIn * rows * columns * after[1] * after[2]);
      const forward = (/** @type {Floats} */ x) => conv2d(x, from, W, bias, window, y, beside);
      return layer({shape: after, W, bias, y, forward, back: (gy) => conv2dBack(gy, from, W, nOut, window, gx)});
    }
    case "MaxPool2D": {
      const from = maps(), size = header.size ?? 2, stride = header.stride ?? size;
      const after = pooledShape(from, size, stride), m = sizeOf(after);
      const out = {y: new Float64Array(m), argmax: new Int32Array(m)};
      const forward = (/** @type {Floats} */ x) => maxPool2d(x, from, size, stride, out).y;
      return layer({shape: after, y: out.y, forward, back: (gy) => maxPool2dBack(gy, out.argmax, gx)});
    }
    case "AvgPool2D": {
      const from = maps(), size = header.size ?? 2, stride = header.stride ?? size;
      const after = pooledShape(from, size, stride), y = new Float64Array(sizeOf(after));
      const forward = (/** @type {Floats} */ x) => avgPool2d(x, from, size, stride, y);
      return layer({shape: after, y, forward, back: (gy) => avgPool2dBack(gy, from, size, stride, gx)});
    }
    case "Pooling": {
      const from = maps(), size = header.size ?? 2;
      const after = [from[0], Math.ceil(from[1] / size), Math.ceil(from[2] / size)];
      const y = new Float64Array(sizeOf(after));
      const forward = (/** @type {Floats} */ x) => blockSum(x, from, size, y);
      return layer({shape: after, y, forward, back: (gy) => spread(gy, from, size, gx)});
    }
    case "Detection": {
      const from = maps(), size = header.size ?? 2, y = new Float64Array(n);
      const sums = new Float64Array(from[0] * Math.ceil(from[1] / size) * Math.ceil(from[2] / size));
      const weighted = new Float64Array(n), means = new Float64Array(n);
      const forward = (/** @type {Floats} */ x) => blockMean(x, from, size, y);
      const back = (/** @type {Floats} */ gy) => { // y_i (g_i - sum_j g_j y_j) over the units j of i's block
        for (let i = 0; i < n; i++) weighted[i] = gy[i] * y[i];
        spread(blockSum(weighted, from, size, sums), from, size, means);
        for (let i = 0; i < n; i++) gx[i] = y[i] * (gy[i] - means[i]);
        return gx;
      };
      return layer({y, forward, back});
    }
    case "Sigmoid": {
      const y = new Float64Array(n);
      const forward = (/** @type {Floats} */ x) => {
        for (let i = 0; i < n; i++) y[i] = sigmoid(x[i]);
        return y;
      };
      const back = (/** @type {Floats} */ gy) => {
        for (let i = 0; i < n; i++) gx[i] = gy[i] * (y[i] * (1 - y[i]));
        return gx;
      };
      return layer({y, forward, back});
    }
    case "Tanh": {
      const y = new Float64Array(n);
      const forward = (/** @type {Floats} */ x) => {
        for (let i = 0; i < n; i++) y[i] = Math.tanh(x[i]);
        return y;
      };
      const back = (/** @type {Floats} */ gy) => {
        for (let i = 0; i < n; i++) gx[i] = gy[i] * (1 - y[i] * y[i]);
        return gx;
      };
      return layer({y, forward, back});
    }
    case "Softmax": {
      const y = new Float64Array(n);
      const forward = (/** @type {Floats} */ x) => softmax(x, y);
      const back = (/** @type {Floats} */ gy) => {
        let total = 0;
        for (let i = 0; i < n; i++) total += gy[i] * y[i];
        for (let i = 0; i < n; i++) gx[i] = y[i] * (gy[i] - total);
        return gx;
      };
      return layer({y, forward, back});
    }
    case "ReLU": {
      const y = new Float64Array(n);
      const back = (/** @type {Floats} */ gy, /** @type {Rule} */ rule) => reluBack(gy, y, rule, gx);
      return layer({y, forward: (x) => relu(x, y), back});
    }
    default:
      throw new Error(`${address}: unknown layer type ${type}`);
  }
}

/**
 * What a ReLU with input z makes of a signal R that comes down. Its output y is above 0 where z is.
 *
 *     gradient   R [z > 0]           the derivative
 *     deconvnet  max(R, 0)           whatever z was (Zeiler & Fergus 2014)
 *     guided     max(R, 0) [z > 0]   both (Springenberg et al. 2015)
 * @param {Floats} R
 * @param {Floats} y
 * @param {Rule} rule
 * @param {Floats} out
 * @returns {Floats}
 */
export function reluBack(R, y, rule, out) {
  const positive = rule !== "gradient", gated = rule !== "deconvnet";
  for (let i = 0; i < R.length; i++) out[i] = (positive && R[i] < 0) || (gated && !(y[i] > 0)) ? 0 : R[i];
  return out;
}

/** Layers through which every rule goes; a last softmax may follow them. */
const PASSED = ["Channels", "Conv2D", "MaxPool2D", "AvgPool2D", "Dense", "Flatten", "Identity", "ReLU"];

/**
 * Why `rule` is undefined for these layers, or null: deconvnet and guided change how a ReLU runs backwards, and a
 * network of other units has none.
 * @param {readonly {address: string, type: string}[]} layers
 * @param {Rule} rule
 * @returns {string | null}
 */
export function whyNotRule(layers, rule) {
  if (rule === "gradient") return null;
  const last = layers.length - 1;
  const others = layers.filter(({type}, i) => !PASSED.includes(type) && !(type === "Softmax" && i === last));
  if (others.length === 0) return null;
  const kinds = [...new Set(others.map(({type}) => type.toLowerCase()))].join(" and ");
  return (
    `${rule} changes how a ReLU runs backwards, and the units of ${others.map(({address}) => address).join(", ")} ` +
    `are ${kinds}: it is undefined for this network; take the rule gradient`
  );
}
