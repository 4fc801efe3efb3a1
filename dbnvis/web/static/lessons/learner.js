// How a small machine learns: the exact gradient, contrastive divergence (Hinton 2002), persistent chains (Tieleman
// 2008). Mirrors dbnvis/train/cd.py, without momentum and decay, all data in every update unless rows are chosen.

import {learn, minus, modelStatistics, statistics, sweeps} from "./exact.js";

/** @typedef {import("../machine.js").Machine} Machine */
/** @typedef {import("../random.js").Sfc32} Sfc32 */
/** @typedef {"exact" | "pcd" | "cd"} Estimate  where the statistics of the model come from */

/** A machine while it learns. */
export class Learner {
  /**
   * @param {Machine} machine changed in place
   * @param {Float64Array[]} data
   * @param {Sfc32} rng
   * @param {{estimate?: Estimate, k?: number, rate?: number}} [options] k: Gibbs sweeps for each update
   */
  constructor(machine, data, rng, {estimate = "cd", k = 1, rate = 0.1} = {}) {
    this.machine = machine;
    this.data = data;
    this.rng = rng;
    this.estimate = estimate;
    this.k = k;
    this.rate = rate;
    this.updates = 0;
    /** Hidden states of the chains, one for each row of the data, where they start. */
    this.chains = estimate === "exact" ? [] : this.hiddenOf(data);
  }

  /** One update by all the data. */
  update() {
    this.updateBy(this.data);
  }

  /**
   * One update by some rows of data; the change of the parameters, before the rate.
   * @param {Float64Array[]} rows
   * @returns {import("./exact.js").Parameters}
   */
  updateBy(rows) {
    const {machine, rng, k} = this, data = statistics(machine, rows);
    let model;
    if (this.estimate === "exact") model = modelStatistics(machine);
    else {
      if (this.estimate === "cd") this.chains = this.hiddenOf(rows);
      model = statistics(machine, sweeps(machine, this.chains, k, rng));
    }
    const change = minus(data, model);
    learn(machine, change, this.rate);
    this.updates += 1;
    return change;
  }

  /**
   * h ~ p(h | v) of rows.
   * @param {Float64Array[]} rows
   * @returns {Float64Array[]}
   */
  hiddenOf(rows) {
    return rows.map((v) => /** @type {Float64Array} */ (this.machine.sampleHGivenV(v, this.rng)));
  }
}

/**
 * Mean squared difference, for each pixel, of rows and of what the machine makes of them: v -> p(h | v) -> mean of v.
 * @param {Machine} machine
 * @param {Float64Array[]} rows
 * @returns {number}
 */
export function meanFieldError(machine, rows) {
  let total = 0;
  for (const v of rows) {
    const mean = machine.meanVGivenH(machine.meanHGivenV(v));
    for (let i = 0; i < v.length; i++) total += (v[i] - mean[i]) ** 2;
  }
  return total / rows.length / rows[0].length;
}
