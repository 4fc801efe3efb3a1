// One restricted Boltzmann machine of a stack: conditional means and samples, energies, and the way down to the pixels.
// Mirrors dbnvis/models/rbm.py (RBM, GaussianRBM) and the passes down of models/dbn.py.

import {dense, sigmoid, softplus} from "./maths.js";

/** @typedef {import("./maths.js").Floats} Floats */
/** @typedef {import("./random.js").Sfc32} Sfc32 */
/**
 * @typedef {object} MachineHeader
 * @property {string} layer name of its hidden layer
 * @property {"RBM" | "GaussianRBM"} type
 * @property {string} vbias blob
 * @property {number} [variance] of Gaussian visible units, given the hidden ones
 */

/**
 * Binary hidden units h and binary visible units v, E(v, h) = - vbias.v - hbias.h - v'Wh (Smolensky 1986, Hinton 2010);
 * or Gaussian visible units, E(v, h) = |v - vbias|^2 / (2 variance) - hbias.h - v'Wh. W is (visible, hidden).
 */
export class Machine {
  /**
   * @param {{W: Floats, vbias: Floats, hbias: Floats}} parameters
   * @param {{gaussian?: boolean, variance?: number, below?: Machine | null}} [options] `below`: the machine whose
   *   hidden units are this one's visible units
   */
  constructor({W, vbias, hbias}, {gaussian = false, variance = 1, below = null} = {}) {
    if (W.length !== vbias.length * hbias.length) {
      throw new Error(`expected W (V, H), vbias (V,), hbias (H,); got ${W.length}, ${vbias.length}, ${hbias.length}`);
    }
    this.W = W;
    this.vbias = vbias;
    this.hbias = hbias;
    this.gaussian = gaussian;
    this.variance = variance;
    this.below = below;
    this.nVisible = vbias.length;
    this.nHidden = hbias.length;
    /** @type {Floats | null} W transposed, (hidden, visible), made when first needed: rows are read faster than columns */
    this.weightsBack = null;
    this.onTheWayDown = new Float64Array(this.nVisible); // memory of the passes down
  }

  // --- p(h | v)

  /**
   * Pre-activations of the hidden units, v W + hbias.
   * @param {Floats} v
   * @param {Floats} [out]
   * @returns {Floats}
   */
  inputToH(v, out = new Float64Array(this.nHidden)) {
    return dense(v, this.W, this.hbias, this.nHidden, out);
  }

  /**
   * p(h_j = 1 | v) = sigmoid(hbias_j + sum_i v_i W_ij).
   * @param {Floats} v
   * @param {Floats} [out]
   * @returns {Floats}
   */
  meanHGivenV(v, out = new Float64Array(this.nHidden)) {
    this.inputToH(v, out);
    for (let j = 0; j < out.length; j++) out[j] = sigmoid(out[j]);
    return out;
  }

  /**
   * Draw h ~ p(h | v), of 0 and 1.
   * @param {Floats} v
   * @param {Sfc32} rng
   * @param {Floats} [out]
   * @returns {Floats}
   */
  sampleHGivenV(v, rng, out = new Float64Array(this.nHidden)) {
    return bernoulli(this.meanHGivenV(v, out), rng, out);
  }

  // --- p(v | h)

  /**
   * E[v | h]: sigmoid(vbias_i + sum_j W_ij h_j), of Gaussian units vbias_i + variance sum_j W_ij h_j.
   * @param {Floats} h
   * @param {Floats} [out]
   * @returns {Floats}
   */
  meanVGivenH(h, out = new Float64Array(this.nVisible)) {
    this.weightsBack ??= transposed(this.W, this.nVisible, this.nHidden);
    const {vbias, variance} = this;
    dense(h, this.weightsBack, vbias, this.nVisible, out);
    if (this.gaussian) for (let i = 0; i < out.length; i++) out[i] = variance * (out[i] - vbias[i]) + vbias[i];
    else for (let i = 0; i < out.length; i++) out[i] = sigmoid(out[i]);
    return out;
  }

  /**
   * Draw v ~ p(v | h).
   * @param {Floats} h
   * @param {Sfc32} rng
   * @param {Floats} [out]
   * @returns {Floats}
   */
  sampleVGivenH(h, rng, out = new Float64Array(this.nVisible)) {
    return this.drawV(this.meanVGivenH(h, out), rng, out);
  }

  /**
   * Noise to start chains from: fair coins; of Gaussian units N(vbias, variance).
   * @param {Sfc32} rng
   * @param {Floats} [out]
   * @returns {Floats}
   */
  randomV(rng, out = new Float64Array(this.nVisible)) {
    if (this.gaussian) out.set(this.vbias);
    else out.fill(0.5);
    return this.drawV(out, rng, out);
  }

  /**
   * Draw visible units with these means.
   * @param {Floats} means
   * @param {Sfc32} rng
   * @param {Floats} out may be `means`
   * @returns {Floats}
   */
  drawV(means, rng, out) {
    if (!this.gaussian) return bernoulli(means, rng, out);
    const deviation = Math.sqrt(this.variance);
    for (let i = 0; i < out.length; i++) out[i] = means[i] + deviation * rng.normal();
    return out;
  }

  // --- energies, in nats

  /**
   * E(v, h).
   * @param {Floats} v
   * @param {Floats} h
   * @returns {number}
   */
  energy(v, h) {
    let total = this.visibleEnergy(v);
    const pre = this.inputToH(v);
    for (let j = 0; j < pre.length; j++) total -= pre[j] * h[j];
    return total;
  }

  /**
   * F(v) = -log sum_h exp(-E(v, h)): the sum over each hidden unit's two states is 1 + exp(pre-activation).
   * @param {Floats} v
   * @returns {number}
   */
  freeEnergy(v) {
    let total = 0;
    const pre = this.inputToH(v);
    for (let j = 0; j < pre.length; j++) total += softplus(pre[j]);
    return this.visibleEnergy(v) - total;
  }

  /**
   * The part of the energy that h has no share in.
   * @param {Floats} v
   * @returns {number}
   */
  visibleEnergy(v) {
    let total = 0;
    const {vbias, variance} = this;
    if (this.gaussian) for (let i = 0; i < vbias.length; i++) total += (v[i] - vbias[i]) ** 2 / (2 * variance);
    else for (let i = 0; i < vbias.length; i++) total -= v[i] * vbias[i];
    return total;
  }

  // --- down to the pixels

  /**
   * Mean-field pass down: hidden states -> pixel means.
   * @param {Floats} h
   * @param {Floats} [out]
   * @returns {Floats}
   */
  decode(h, out) {
    if (!this.below) return this.meanVGivenH(h, out);
    return this.below.decode(this.meanVGivenH(h, this.onTheWayDown), out);
  }

  /**
   * Ancestral pass down: binary states are drawn on the way, the pixel means of the last step are returned.
   * @param {Floats} h
   * @param {Sfc32} rng
   * @param {Floats} [out]
   * @returns {Floats}
   */
  sampleDecode(h, rng, out) {
    if (!this.below) return this.meanVGivenH(h, out);
    return this.below.sampleDecode(this.sampleVGivenH(h, rng, this.onTheWayDown), rng, out);
  }
}

/**
 * A matrix (rows, columns) as (columns, rows), in the same precision.
 * @param {Floats} x
 * @param {number} rows
 * @param {number} columns
 * @returns {Floats}
 */
function transposed(x, rows, columns) {
  const out = x instanceof Float32Array ? new Float32Array(x.length) : new Float64Array(x.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = x[i * columns + j];
  }
  return out;
}

/**
 * Draw 0 or 1 with probability p of 1: one random number for each, in order.
 * @param {Floats} p
 * @param {Sfc32} rng
 * @param {Floats} out may be p
 * @returns {Floats}
 */
export function bernoulli(p, rng, out) {
  for (let i = 0; i < p.length; i++) out[i] = rng.random() < p[i] ? 1 : 0;
  return out;
}
