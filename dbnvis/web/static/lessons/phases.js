// Lesson 3: why data minus model? An update of CD-1 stopped in its four phases, beside the exact gradient.

import {cosine} from "../maths.js";
import {Sfc32} from "../random.js";
import {element} from "../dom.js";
import {decimal, lineChart, prose, tile, tiny} from "./draw.js";
import {barsAndStripes, copyOf, learn, meanLogProbability, minus, modelStatistics, randomMachine, statistics, sweeps} from "./exact.js";
import {fact} from "./fact.js";

const PHASE_SIDE = 3, PHASE_UNITS = 4, PHASE_RATE = 0.3, COPIES = 8;
const PHASES = [
  "Before the first phase: the weights are small random numbers.",
  "Phase 1. Each picture of the data is put on v, and h is sampled given v. The first row is the average of v_{i} p(h_{j} = 1 | v): how often pixel and hidden unit are on together.",
  "Phase 2. v is sampled given this h: the *reconstruction*, the model's own version of the picture.",
  "Phase 3. The second row is the same average, over the reconstructions instead of the data.",
  "Phase 4. Data minus model, times the *learning rate* (0.3), is added to the weights. The last row is the exact gradient of log p, which data minus model estimates.",
];

/** A machine of 9 and 4 units that learns bars and stripes, phase by phase. */
export class Phases {
  /** @param {number} seed */
  constructor(seed) {
    this.rng = new Sfc32(seed);
    this.machine = randomMachine(PHASE_SIDE * PHASE_SIDE, PHASE_UNITS, this.rng, 0.1);
    this.data = Array.from({length: COPIES}, () => barsAndStripes(PHASE_SIDE)).flat(); // each picture starts several chains
    this.phase = 0;
    this.updates = 0;
    this.chains = /** @type {Float64Array[]} */ ([]);
    this.rows = this.data; // what lies on v
    this.positive = this.negative = this.change = this.exact = statistics(this.machine, this.data);
    this.logs = [meanLogProbability(this.machine, this.data)];
    this.angles = /** @type {number[]} */ ([]);
  }

  /** The next of the four phases. */
  step() {
    const {machine, data, rng} = this;
    this.phase = (this.phase % 4) + 1;
    if (this.phase === 1) {
      this.rows = data;
      this.chains = data.map((v) => /** @type {Float64Array} */ (machine.sampleHGivenV(v, rng)));
      this.positive = statistics(machine, data);
    } else if (this.phase === 2) this.rows = sweeps(machine, this.chains, 1, rng);
    else if (this.phase === 3) {
      this.negative = statistics(machine, this.rows);
    } else {
      this.change = minus(this.positive, this.negative);
      this.exact = this.gradient();
      this.angles.push(cosine(this.change.W, this.exact.W));
      learn(machine, this.change, PHASE_RATE);
      this.updates += 1;
      this.logs.push(meanLogProbability(machine, data));
    }
  }

  /** Gradient of the mean log p of the data: its two statistics, both exact. */
  gradient() {
    return minus(statistics(this.machine, this.data), modelStatistics(this.machine));
  }

  /** The largest difference between the gradient and (log p(W + e) - log p(W - e)) / 2e, of all parameters. */
  differenceError() {
    const exact = this.gradient(), e = 1e-4;
    let largest = 0;
    for (const name of /** @type {const} */ (["W", "vbias", "hbias"])) {
      exact[name].forEach((slope, i) => {
        const [up, down] = [e, -e].map((by) => {
          const moved = copyOf(this.machine);
          moved[name][i] += by;
          return meanLogProbability(moved, this.data);
        });
        largest = Math.max(largest, Math.abs((up - down) / (2 * e) - slope));
      });
    }
    return largest;
  }

  facts() {
    const apart = this.differenceError();
    return [fact("gradient_minus_finite_difference", apart, {most: 1e-6}, `The exact gradient and *finite differences* (change each parameter a little, and compare log p) differ by at most ${tiny(apart)}.`)];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const phases = {
  question: "Why data minus model?",
  intro: [
    "To learn is to make the data more probable: to change the weights so that the mean of log p(v) over the data rises. The logarithm is natural; its unit is the *nat*. The data here are *bars and stripes*: pictures of 3x3 pixels. In a picture each row is all on or all off, or each column is.",
    "The *gradient* of log p says how fast log p rises with each weight. For the weight between v_{i} and h_{j} it is a difference of two averages ⟨v_{i} h_{j}⟩. The first is how often both are on if v is from the data and h is sampled given v. The second is how often both are on in the model: over all states, each with its probability. *Contrastive divergence* (CD-1, Hinton 2002) estimates the second average after a single step of Gibbs sampling that starts at the data.",
  ],
  predict: () => ({
    ask: "Suppose the average over the model is equal to the average over the data, for every weight. What does an update do then?",
    choices: ["It raises the weights", "It lowers the weights", "Nothing"], right: 2,
    why: "The difference of the two averages is the gradient. Here it is 0, so learning stops.",
  }),
  formula: "∂ log p / ∂W_{ij} = ⟨v_{i} h_{j}⟩_{data} − ⟨v_{i} h_{j}⟩_{model}",
  happened: [
    "The first average raises the weights between pixels and hidden units that are on together in the data; the second lowers the weights between those that are on together in the model.",
    "The second average is over all states, which can be listed for a small model only; CD-1 instead takes the pictures after one step of Gibbs sampling from the data, so its tiles differ from the exact ones.",
    "The *cosine* above the tiles says how well the two directions agree (1: the same, 0: at right angles, below 0: opposed); a single update can point in a wrong direction, but over many updates log p of the data rises.",
  ],
  settings: {},
  last: 800,
  pace: 4,
  unit: "Phase",
  begin: (seed) => new Phases(seed),
  show: showPhases,
};

/**
 * @param {HTMLElement} stage
 * @param {Phases} experiment
 */
function showPhases(stage, experiment) {
  const said = element("p", {className: "readout steady"});
  const makeRow = (/** @type {string} */ name) => {
    const tiles = Array.from({length: PHASE_UNITS}, (_, j) => tile(`${name}, hidden unit ${j + 1}`));
    return {tiles, node: element("div", {className: "tilerow"}, element("span", {}, name), ...tiles.map(({node}) => node))};
  };
  const onV = Array.from({length: 8}, (_, k) => tile(`Picture ${k + 1} on v`));
  const strip = element("div", {className: "tilerow pictures"}, element("span", {}, "On v now, 8 of 128 pictures"), ...onV.map(({node}) => node));
  const rows = ["Data ⟨v h⟩", "Model ⟨v h⟩ by CD-1", "Data − model", "Exact data − model"].map(makeRow);
  const chart = lineChart({label: "Mean log p of the data after each update", x: "updates", y: "mean log p of the data, in nats", xMost: 200,
    lines: [{name: "log p", kind: "accent"}], range: null, height: 170});
  const note = element("p", {className: "small"}, "One tile for each hidden unit, 3x3 pixels: orange above 0, blue below 0, white 0. The colour is strongest at 1 in the first two rows, at 0.3 in the last two. On v: orange is on, white is off.");
  stage.append(said, element("div", {className: "answer"}, strip, ...rows.map(({node}) => node), note, chart.node));
  return () => {
    const {phase, positive, negative, change, exact, updates, angles, logs} = experiment;
    const angle = angles.length ? ` Update ${updates}: cosine with the exact gradient ${decimal(angles[angles.length - 1])}.` : "";
    said.replaceChildren(...prose(PHASES[phase] + (phase === 4 ? angle : "")));
    onV.forEach(({paint}, k) => paint(experiment.rows[2 * k], [PHASE_SIDE, PHASE_SIDE], 1));
    const known = [phase >= 1 || updates > 0, phase >= 3 || updates > 0, updates > 0, updates > 0];
    [positive, negative, change, exact].forEach(({W}, row) => {
      rows[row].node.classList.toggle("stale", !known[row] || (phase > 0 && phase < [1, 3, 4, 4][row]));
      rows[row].tiles.forEach(({paint}, j) => {
        const unit = Array.from({length: PHASE_SIDE * PHASE_SIDE}, (_, i) => (known[row] ? W[i * PHASE_UNITS + j] : 0));
        paint(unit, [PHASE_SIDE, PHASE_SIDE], row < 2 ? 1 : 0.3);
      });
    });
    chart.draw(logs.map((_, k) => k), [logs]);
  };
}
