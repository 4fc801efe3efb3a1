// What does a unit want to see? Gibbs chains with the unit fixed to 1, running live.
// Mirrors dbnvis/visualize/clamped_gibbs.py and binary_scale_reduction of evaluate/chains.py.

import {bernoulli} from "./machine.js";
import {Sfc32} from "./random.js";

/** @typedef {import("./maths.js").Floats} Floats */
/** @typedef {import("./machine.js").Machine} Machine */

/** Above this R, pooled over the hidden units, chains are said not to have mixed (Gelman & Rubin 1992). */
export const MIXED = 1.2;

/**
 * Parallel chains in the machine under a layer, one of whose hidden units is fixed to 1. A sweep draws v ~ p(v | h),
 * then h ~ p(h | v), and switches the unit on again: the other units and v then come from p(v, h | unit on). The picture
 * is what the ancestral pass down makes of the states, averaged over the chains.
 */
export class ClampedChain {
  /**
   * @param {{machine(layer: string): Machine, visibleOf(x: Floats, layer: string): Floats}} model
   * @param {string} layer
   * @param {number} unit index in the layer
   * @param {{chains?: number, seed?: number, start?: "noise" | Floats}} [options] start: fair
   *   coins, or the pixels of an image, whose means under the layer are drawn from once for each chain
   */
  constructor(model, layer, unit, {chains = 4, seed = 0, start = "noise"} = {}) {
    const machine = model.machine(layer);
    if (!Number.isInteger(unit) || unit < 0 || unit >= machine.nHidden) {
      throw new RangeError(`no unit ${layer}:${unit}; the layer has units 0 to ${machine.nHidden - 1}`);
    }
    if (!Number.isInteger(chains) || chains < 1) throw new RangeError(`expected at least one chain, got ${chains}`);
    this.machine = machine;
    this.unit = unit;
    this.rng = new Sfc32(seed);
    /** Sweeps that entered the means. */
    this.sweeps = 0;
    /** States of the hidden and of the visible units, and the sums of the hidden ones over the sweeps, by chain. */
    this.h = Array.from({length: chains}, () => new Float64Array(machine.nHidden));
    this.v = Array.from({length: chains}, () => new Float64Array(machine.nVisible));
    this.visited = Array.from({length: chains}, () => new Float64Array(machine.nHidden));
    let lowest = machine;
    while (lowest.below) lowest = lowest.below;
    /** Pixel means of the chains now. */
    this.picture = new Float64Array(lowest.nVisible);
    /** Their mean over the sweeps. */
    this.mean = new Float64Array(lowest.nVisible);
    this.pixels = new Float64Array(lowest.nVisible); // of one chain
    const means = start === "noise" ? null : model.visibleOf(start, layer);
    for (const v of this.v) {
      if (means === null) machine.randomV(this.rng, v);
      else if (machine.gaussian) v.set(means);
      else bernoulli(means, this.rng, v);
    }
    for (let chain = 0; chain < chains; chain++) this.drawH(chain);
    this.draw();
  }

  /** One Gibbs sweep of every chain; the picture and the means follow. */
  sweep() {
    for (let chain = 0; chain < this.h.length; chain++) {
      this.machine.sampleVGivenH(this.h[chain], this.rng, this.v[chain]);
      this.drawH(chain);
    }
    this.draw();
    this.sweeps += 1;
    for (let chain = 0; chain < this.h.length; chain++) {
      const h = this.h[chain], visited = this.visited[chain];
      for (let j = 0; j < h.length; j++) visited[j] += h[j];
    }
    const {mean, picture, sweeps} = this;
    for (let i = 0; i < mean.length; i++) mean[i] += (picture[i] - mean[i]) / sweeps;
  }

  /** Leave the sweeps so far out of the means, as burn-in: the chains go on from where they are. */
  forget() {
    this.sweeps = 0;
    this.mean.fill(0);
    for (const visited of this.visited) visited.fill(0);
  }

  /**
   * Potential scale reduction R = sqrt(1 + B / W) of the hidden units' running means m (Gelman & Rubin 1992): variances
   * between chains, B, and within them, W = m (1 - m) of binary units, both summed over the units. 1 when every chain
   * sees the same distribution; NaN of a single chain and before the first sweep.
   * @returns {number}
   */
  get scaleReduction() {
    const {visited, sweeps} = this, chains = visited.length;
    if (sweeps === 0 || chains === 1) return NaN;
    let within = 0, between = 0;
    for (let j = 0; j < this.machine.nHidden; j++) {
      let mean = 0;
      for (const counts of visited) mean += counts[j] / sweeps / chains;
      for (const counts of visited) {
        const own = counts[j] / sweeps;
        within += (own * (1 - own)) / chains;
        between += (own - mean) ** 2 / (chains - 1);
      }
    }
    return Math.sqrt(1 + between / Math.max(within, 1e-12));
  }

  /**
   * Draw the hidden units of a chain and switch the unit on.
   * @param {number} chain
   */
  drawH(chain) {
    this.machine.sampleHGivenV(this.v[chain], this.rng, this.h[chain]);
    this.h[chain][this.unit] = 1;
  }

  /** The pass down of every chain. */
  draw() {
    const {picture, pixels} = this, chains = this.h.length;
    picture.fill(0);
    for (const h of this.h) {
      this.machine.sampleDecode(h, this.rng, pixels);
      for (let i = 0; i < picture.length; i++) picture[i] += pixels[i] / chains;
    }
  }
}
