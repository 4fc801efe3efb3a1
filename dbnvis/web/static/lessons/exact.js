// Small machines without sampling: every state is listed. What the lessons hold against what chains and CD estimate.
// States are those of dbnvis: state k is the number k in binary, the first unit being the most significant digit.

import {bernoulli, Machine} from "../machine.js";
import {sigmoid, softplus} from "../maths.js";

/** @typedef {import("../maths.js").Floats} Floats */
/** @typedef {import("../random.js").Sfc32} Sfc32 */
/** @typedef {{W: Float64Array, vbias: Float64Array, hbias: Float64Array}} Parameters  of a machine, or one number for each */

/** Units whose states are listed: 2^16 states, a blink of an eye. */
export const MOST_UNITS = 16;

/**
 * Every state of n binary units.
 * @param {number} n
 * @returns {Float64Array[]}
 */
export function binaryStates(n) {
  if (!Number.isInteger(n) || n < 1 || n > MOST_UNITS) {
    throw new RangeError(`${n} units: all states can be listed of 1 to ${MOST_UNITS} units; take a smaller machine`);
  }
  return Array.from({length: 2 ** n}, (_, k) => Float64Array.from({length: n}, (_, i) => (k >> (n - 1 - i)) & 1));
}

/**
 * The number of a state.
 * @param {Floats} state
 * @returns {number}
 */
export function numberOf(state) {
  let number = 0;
  for (let i = 0; i < state.length; i++) number = 2 * number + state[i];
  return number;
}

/**
 * log sum exp(x), the largest taken out first.
 * @param {Floats} x
 * @returns {number}
 */
export function logSumExp(x) {
  let top = -Infinity, total = 0;
  for (let i = 0; i < x.length; i++) top = Math.max(top, x[i]);
  for (let i = 0; i < x.length; i++) total += Math.exp(x[i] - top);
  return top + Math.log(total);
}

/**
 * Weights N(0, scale^2) and biases 0, as RBM.random.
 * @param {number} nVisible
 * @param {number} nHidden
 * @param {Sfc32} rng
 * @param {number} scale
 * @returns {Machine}
 */
export function randomMachine(nVisible, nHidden, rng, scale) {
  const W = Float64Array.from({length: nVisible * nHidden}, () => scale * rng.normal());
  return new Machine({W, vbias: new Float64Array(nVisible), hbias: new Float64Array(nHidden)});
}

/**
 * A machine of its own with the same numbers.
 * @param {Machine} machine
 * @returns {Machine}
 */
export function copyOf({W, vbias, hbias}) {
  return new Machine({W: Float64Array.from(W), vbias: Float64Array.from(vbias), hbias: Float64Array.from(hbias)});
}

/**
 * -log sum_v exp(-E(v, h)): the visible units summed out.
 * @param {Machine} machine
 * @param {Floats} h
 * @returns {number}
 */
export function hiddenFreeEnergy({W, vbias, hbias, nVisible, nHidden}, h) {
  let total = 0;
  for (let j = 0; j < nHidden; j++) total -= hbias[j] * h[j];
  for (let i = 0; i < nVisible; i++) {
    let pre = vbias[i];
    for (let j = 0; j < nHidden; j++) pre += W[i * nHidden + j] * h[j];
    total -= softplus(pre);
  }
  return total;
}

/**
 * Probabilities of every state of one side of a machine.
 * @param {Machine} machine
 * @param {"visible" | "hidden"} side
 * @returns {{states: Float64Array[], freeEnergy: Float64Array, logZ: number, p: Float64Array}}
 */
export function distribution(machine, side) {
  const states = binaryStates(side === "visible" ? machine.nVisible : machine.nHidden);
  const freeEnergy = Float64Array.from(states, (x) =>
    side === "visible" ? machine.freeEnergy(x) : hiddenFreeEnergy(machine, x));
  const logZ = logSumExp(freeEnergy.map((F) => -F));
  return {states, freeEnergy, logZ, p: freeEnergy.map((F) => Math.exp(-F - logZ))};
}

/**
 * log Z, by listing the smaller side.
 * @param {Machine} machine
 * @returns {number}
 */
export function logPartition(machine) {
  return distribution(machine, machine.nVisible < machine.nHidden ? "visible" : "hidden").logZ;
}

/**
 * Mean of log p(v) over the data, in nats.
 * @param {Machine} machine
 * @param {Floats[]} data
 * @param {number} [logZ]
 * @returns {number}
 */
export function meanLogProbability(machine, data, logZ = logPartition(machine)) {
  let total = 0;
  for (const v of data) total -= machine.freeEnergy(v) + logZ;
  return total / data.length;
}

/**
 * Kullback-Leibler divergence of the data's distribution to the machine's, sum_v p_data (log p_data - log p), in nats;
 * p_data(v) is the share of the rows that equal v.
 * @param {Machine} machine
 * @param {Floats[]} data
 * @returns {number}
 */
export function divergence(machine, data) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const v of data) counts.set(v.join(""), (counts.get(v.join("")) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) entropy -= (count / data.length) * Math.log(count / data.length);
  return -entropy - meanLogProbability(machine, data);
}

// --- the two phases of learning

/**
 * E[v h'], E[v], E[h] over rows v with h ~ p(h | v).
 * @param {Machine} machine
 * @param {Floats[]} rows
 * @returns {Parameters}
 */
export function statistics(machine, rows) {
  const found = zeros(machine), h = new Float64Array(machine.nHidden);
  for (const v of rows) addProducts(found, v, machine.meanHGivenV(v, h), 1 / rows.length);
  return found;
}

/**
 * The same over all v and h as likely as the machine finds them: the gradient of log Z.
 * @param {Machine} machine
 * @returns {Parameters}
 */
export function modelStatistics(machine) {
  const found = zeros(machine), {states, p} = distribution(machine, "hidden"), v = new Float64Array(machine.nVisible);
  states.forEach((h, k) => addProducts(found, machine.meanVGivenH(h, v), h, p[k]));
  return found;
}

/**
 * a - b, of statistics.
 * @param {Parameters} a
 * @param {Parameters} b
 * @returns {Parameters}
 */
export function minus(a, b) {
  return {
    W: a.W.map((x, i) => x - b.W[i]),
    vbias: a.vbias.map((x, i) => x - b.vbias[i]),
    hbias: a.hbias.map((x, i) => x - b.hbias[i]),
  };
}

/**
 * Add rate times the changes to a machine. W is written in place, so its transpose is made anew.
 * @param {Machine} machine
 * @param {Parameters} changes
 * @param {number} rate
 */
export function learn(machine, changes, rate) {
  for (const name of /** @type {const} */ (["W", "vbias", "hbias"])) {
    const values = machine[name], by = changes[name];
    for (let i = 0; i < values.length; i++) values[i] += rate * by[i];
  }
  machine.weightsBack = null;
}

/**
 * @param {Machine} machine
 * @returns {Parameters}
 */
function zeros({nVisible, nHidden}) {
  return {
    W: new Float64Array(nVisible * nHidden),
    vbias: new Float64Array(nVisible),
    hbias: new Float64Array(nHidden),
  };
}

/**
 * @param {Parameters} sums
 * @param {Floats} v
 * @param {Floats} h
 * @param {number} weight
 */
function addProducts(sums, v, h, weight) {
  const n = h.length;
  for (let i = 0; i < v.length; i++) {
    sums.vbias[i] += weight * v[i];
    for (let j = 0; j < n; j++) sums.W[i * n + j] += weight * v[i] * h[j];
  }
  for (let j = 0; j < n; j++) sums.hbias[j] += weight * h[j];
}

// --- chains

/**
 * Rows that k Gibbs sweeps make of hidden states: v ~ p(v | h), h ~ p(h | v), as often. `hidden` is moved on in place;
 * the rows of the last sweep are returned.
 * @param {Machine} machine
 * @param {Float64Array[]} hidden
 * @param {number} k
 * @param {Sfc32} rng
 * @returns {Float64Array[]}
 */
export function sweeps(machine, hidden, k, rng) {
  /** @type {Float64Array[]} */
  let rows = [];
  for (let sweep = 0; sweep < k; sweep++) {
    rows = hidden.map((h) => /** @type {Float64Array} */ (machine.sampleVGivenH(h, rng)));
    rows.forEach((v, row) => machine.sampleHGivenV(v, rng, hidden[row]));
  }
  return rows;
}

/**
 * Half the sum of |p - q|: 0 where two distributions are the same, 1 where they share no state.
 * @param {Floats} p
 * @param {Floats} q
 * @returns {number}
 */
export function totalVariation(p, q) {
  let total = 0;
  for (let k = 0; k < p.length; k++) total += Math.abs(p[k] - q[k]);
  return total / 2;
}

/**
 * p(v | h) of a machine at inverse temperature beta, drawn: all its numbers are multiplied by beta.
 * @param {Machine} machine
 * @param {Float64Array} h
 * @param {number} beta
 * @param {Sfc32} rng
 * @param {Float64Array} out
 */
export function sweepAt(machine, h, beta, rng, out) {
  const {W, vbias, hbias, nVisible, nHidden} = machine;
  for (let i = 0; i < nVisible; i++) {
    let pre = vbias[i];
    for (let j = 0; j < nHidden; j++) pre += W[i * nHidden + j] * h[j];
    out[i] = sigmoid(beta * pre);
  }
  bernoulli(out, rng, out);
  for (let j = 0; j < nHidden; j++) {
    let pre = hbias[j];
    for (let i = 0; i < nVisible; i++) pre += W[i * nHidden + j] * out[i];
    h[j] = sigmoid(beta * pre);
  }
  bernoulli(h, rng, h);
}

/**
 * Bars and stripes (MacKay 2003, section 43): pictures whose rows, or whose columns, are all on or all off. Every
 * picture as often as it is likely if a coin says rows or columns, and a coin for each: 2^(size + 1) of them.
 * @param {number} size
 * @returns {Float64Array[]}
 */
export function barsAndStripes(size) {
  const lines = binaryStates(size);
  const rows = lines.map((line) => Float64Array.from({length: size * size}, (_, i) => line[Math.floor(i / size)]));
  const columns = lines.map((line) => Float64Array.from({length: size * size}, (_, i) => line[i % size]));
  return [...rows, ...columns];
}
