// Lesson 3: why data minus model? An update of CD-1 stopped in its four phases, beside the exact gradient.

import {cosine} from "../maths.js";
import {Sfc32} from "../random.js";
import {element} from "../dom.js";
import {decimal, lineChart, tile, tiny} from "./draw.js";
import {barsAndStripes, copyOf, learn, meanLogProbability, minus, modelStatistics, randomMachine, statistics, sweeps} from "./exact.js";
import {fact} from "./fact.js";

const PHASE_SIDE = 3, PHASE_UNITS = 4, PHASE_RATE = 0.3, COPIES = 8;
const PHASES = [
  "Before the first phase: the weights are small noise.",
  "Phase 1. The data are put on v, and h is drawn for each picture. Which pixel and which hidden unit were on together? The first row counts it.",
  "Phase 2. From the drawn h, v is drawn anew: the reconstruction, the machine's own version of the data.",
  "Phase 3. h is computed for the reconstruction, and the second row counts again.",
  "Phase 4. Data minus model, times the learning rate (0.3), is added to the weights. The last row shows what it estimates: the exact gradient of log p.",
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
    return [fact("gradient_minus_finite_difference", apart, {most: 1e-6}, `Exact gradient and finite differences of log p differ by at most ${tiny(apart)}.`)];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const phases = {
  question: "Why data minus model?",
  intro: [
    "To learn is to make the data more probable: to change the weights so that the mean of log p(v) over the data rises; natural logarithms are counted in *nats*. The data here are *bars and stripes*: pictures of 3x3 pixels whose rows, or whose columns, are all on or all off.",
    "The *gradient* of log p says how fast it rises with each weight. For the weight between v_{i} and h_{j} it is a difference of two averages: how often both are on in the data, minus how often both are on in what the machine believes. *Contrastive divergence* (CD-1, Hinton 2002) estimates the second one from a single step away from the data.",
  ],
  predict: () => ({
    ask: "Suppose the machine's own pictures have the same averages as the data. What does the update do then?",
    choices: ["It makes the weights grow", "It makes the weights shrink", "Nothing"], right: 2,
    why: "Both averages are the same, so their difference is 0: learning stops when the machine believes what the data say.",
  }),
  formula: "∂ log p / ∂W_{ij} = ⟨v_{i} h_{j}⟩_{data} − ⟨v_{i} h_{j}⟩_{model}",
  happened: [
    "The data pull weights up where a pixel and a hidden unit are on together; the machine's own pictures push them down where it believes so already.",
    "The second average needs all states of the machine, which only a small one can list; CD-1 takes the pictures after one step of Gibbs sampling from the data instead, so its tiles look like the exact ones, but are not the same.",
    "The *cosine* above the tiles says how well the two directions agree (1: the same, 0: nothing in common); single updates go astray, and still log p of the data rises over many of them.",
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
  const note = element("p", {className: "small"}, "One tile for each hidden unit, 3x3 pixels: orange above 0, blue below, white 0. Full colour: 1 in the first two rows, 0.3 in the last two. On v: orange is on.");
  stage.append(said, element("div", {className: "answer"}, strip, ...rows.map(({node}) => node), note, chart.node));
  return () => {
    const {phase, positive, negative, change, exact, updates, angles, logs} = experiment;
    const angle = angles.length ? ` Update ${updates}: cosine to the exact direction ${decimal(angles[angles.length - 1])}.` : "";
    said.textContent = PHASES[phase] + (phase === 4 ? angle : "");
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
