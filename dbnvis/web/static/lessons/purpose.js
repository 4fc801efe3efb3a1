// Lesson 8: what is a unit for? Fix it to 1: the mean of clamped chains beside the exact one.

import {element} from "../dom.js";
import {Sfc32} from "../random.js";
import {paragraph, tile} from "./draw.js";
import {barsAndStripes, distribution, randomMachine} from "./exact.js";
import {fact} from "./fact.js";
import {Learner} from "./learner.js";

const GRID = 3, CLAMPED_UNITS = 6, CHAINS = 50, CLAMPED_LAST = 1000, BURN_IN = 20;

/** A machine that learned bars and stripes exactly, and 50 chains in it, with one hidden unit fixed to 1. */
export class Clamped {
  /**
   * @param {number} seed
   * @param {number} unit
   */
  constructor(seed, unit) {
    this.rng = new Sfc32(seed);
    this.machine = randomMachine(GRID * GRID, CLAMPED_UNITS, this.rng, 0.1);
    const learner = new Learner(this.machine, barsAndStripes(GRID), this.rng, {estimate: "exact", rate: 0.5});
    for (let i = 0; i < 400; i++) learner.update();
    this.unit = unit;
    this.exact = this.exactMean();
    this.h = Array.from({length: CHAINS}, () => new Float64Array(CLAMPED_UNITS));
    this.v = this.h.map(() => /** @type {Float64Array} */ (this.machine.randomV(this.rng)));
    this.sums = this.v.map(() => new Float64Array(GRID * GRID));
    this.sweeps = 0;
    for (let i = 0; i < BURN_IN; i++) this.sweep();
  }

  /** E[v | h_unit = 1]: the mean of v given each state h with the unit on, by how probable that state is. */
  exactMean() {
    const {states, p} = distribution(this.machine, "hidden"), mean = new Float64Array(GRID * GRID);
    let total = 0;
    states.forEach((h, k) => {
      if (h[this.unit] !== 1) return;
      total += p[k];
      this.machine.meanVGivenH(h).forEach((x, i) => (mean[i] += p[k] * x));
    });
    return mean.map((x) => x / total);
  }

  /** h ~ p(h | v) with the unit on, then v ~ p(v | h), of every chain. */
  sweep() {
    this.h.forEach((h, c) => {
      this.machine.sampleHGivenV(this.v[c], this.rng, h);
      h[this.unit] = 1;
      this.machine.sampleVGivenH(h, this.rng, this.v[c]);
    });
  }

  /** One sweep that enters the means. */
  step() {
    this.sweep();
    this.v.forEach((v, c) => v.forEach((x, i) => (this.sums[c][i] += x)));
    this.sweeps += 1;
  }

  /** Mean of each pixel over chains and sweeps, and its standard error from the spread of the chains' own means. */
  estimate() {
    const means = this.sums.map((sum) => sum.map((x) => x / this.sweeps));
    const mean = new Float64Array(GRID * GRID), error = new Float64Array(GRID * GRID);
    for (let i = 0; i < mean.length; i++) {
      for (const own of means) mean[i] += own[i] / CHAINS;
      for (const own of means) error[i] += (own[i] - mean[i]) ** 2 / (CHAINS - 1) / CHAINS;
      error[i] = Math.sqrt(error[i]);
    }
    return {mean, error};
  }

  /** Mean over the pixels of the difference to the exact mean, squared, in units of the squared standard error: near 1. */
  get deviation() {
    const {mean, error} = this.estimate();
    let total = 0;
    for (let i = 0; i < mean.length; i++) total += ((mean[i] - this.exact[i]) / error[i]) ** 2 / mean.length;
    return Math.sqrt(total);
  }

  facts() {
    if (this.sweeps < 100) return [];
    const off = this.deviation;
    return [fact("standard_errors_from_exact", off, {most: 3}, `The chains' mean differs from the exact one by ${off.toFixed(2)} standard errors (root mean square over the pixels; less than 3).`)];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const purpose = {
  question: "What is a unit for?",
  intro: [
    "Nobody says before training what a hidden unit should stand for. This RBM, with 9 pixels and 6 hidden units, has learned bars and stripes of 3x3 pixels by the exact gradient (lesson 3).",
    "To find out, *clamp* a unit: fix it to 1, and sample all other units by Gibbs sampling. The mean picture is the mean of v in the model when the unit is on, E[v | h_{j} = 1]. In deep networks, too, dbnvis can draw this picture for every unit.",
  ],
  predict: () => ({
    ask: "Will the mean picture be the same as the unit's weights?",
    choices: ["Yes: only the weights of this unit matter", "No: other units come on with it"], right: 1,
    why: "The other hidden units are sampled as well, and their weights also act on the picture. So look at both, the weights and the mean picture.",
  }),
  formula: "E[v | h_{j} = 1] = Σ_{h} p(h) E[v | h] / Σ_{h} p(h),   both over all h with h_{j} = 1",
  happened: [
    "Fifty chains ran with the unit fixed to 1, and the mean of their pictures approached the exact mean, computed from the list of the 32 states of h in which the unit is on.",
    "The *standard error* says how far a mean of samples is likely to be from the true mean; it falls as one over the square root of the number of sweeps, and the difference, over all pixels together, stays below three standard errors.",
    "In a deep network there are too many states to list, so only sampling is left; `dbnvis live` runs the chain for any unit of a trained network, up to the third layer.",
  ],
  settings: {unit: {initial: "1", valid: /^[1-6]$/, say: "a unit from 1 to 6"}},
  last: CLAMPED_LAST,
  pace: 30,
  unit: "Sweep",
  begin: (seed, {unit}) => new Clamped(seed, Number(unit) - 1),
  show: showClamped,
};

/**
 * @param {HTMLElement} stage
 * @param {Clamped} experiment
 * @param {(settings: Record<string, string>, again?: boolean) => void} change
 */
function showClamped(stage, experiment, change) {
  const {machine, unit, exact} = experiment, size = [GRID, GRID];
  const weights = (/** @type {number} */ j) => Array.from({length: GRID * GRID}, (_, i) => machine.W[i * CLAMPED_UNITS + j]);
  const most = Math.max(...machine.W.map(Math.abs));
  const tiles = Array.from({length: CLAMPED_UNITS}, (_, j) => {
    const made = tile(`Weights of h${j + 1}`, `h${j + 1}`);
    made.paint(weights(j), size, most);
    const button = element("button", {type: "button", className: "unittile", title: `Fix h${j + 1} to 1`, onclick: () => change({unit: String(j + 1)}, true)}, made.node);
    button.setAttribute("aria-pressed", String(j === unit));
    return button;
  });
  const own = tile("Weights of the unit", `Weights of h${unit + 1}`), now = tile("One chain now", "One chain now"), mean = tile("Mean of the chains");
  const wanted = tile("Exact mean", "Exact mean"), off = tile("Difference in standard errors", "Difference; strongest colour at 3 standard errors");
  own.paint(weights(unit), size, most);
  const signed = (/** @type {ArrayLike<number>} */ x) => Array.from(x, (value) => 2 * value - 1);
  wanted.paint(signed(exact), size, 1);
  stage.append(element("div", {className: "sixtiles"}, ...tiles),
    element("div", {className: "answer"}, element("div", {className: "fivetiles"}, own.node, now.node, mean.node, wanted.node, off.node),
      paragraph("Choose above which unit is fixed to 1. Weights: orange positive, blue negative. Means: orange is on, blue is off, white 0.5.", "small")));
  return () => {
    now.paint(signed(experiment.v[0]), size, 1);
    const {mean: found, error} = experiment.estimate(), any = experiment.sweeps > 1;
    mean.paint(any ? signed(found) : new Float64Array(9), size, 1);
    mean.say(any ? `Mean of ${(CHAINS * experiment.sweeps).toLocaleString("en")} pictures` : "Mean: press Play");
    off.paint(any ? found.map((x, i) => (x - exact[i]) / error[i]) : new Float64Array(9), size, 3);
  };
}
