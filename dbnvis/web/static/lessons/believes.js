// Lesson 1: what does an RBM believe? All 32 states of three visible and two hidden units, with their probabilities.

import {element} from "../dom.js";
import {Machine} from "../machine.js";
import {Sfc32} from "../random.js";
import {decimal, prose, svg, tiny} from "./draw.js";
import {binaryStates, distribution, logSumExp, numberOf} from "./exact.js";
import {fact} from "./fact.js";

const VISIBLE = 3, HIDDEN = 2;

/** A machine of round numbers, its states, and a walk among them. */
export class Beliefs {
  /**
   * @param {number} seed
   * @param {string} bits three visible and two hidden units, "01101"
   */
  constructor(seed, bits) {
    this.rng = new Sfc32(seed);
    const round = (/** @type {number} */ scale) => Math.round(2 * scale * this.rng.normal()) / 2;
    this.machine = new Machine({
      W: Float64Array.from({length: VISIBLE * HIDDEN}, () => round(2)),
      vbias: Float64Array.from({length: VISIBLE}, () => round(0.7)),
      hbias: Float64Array.from({length: HIDDEN}, () => round(0.7)),
    });
    this.states = binaryStates(VISIBLE + HIDDEN);
    this.energies = Float64Array.from(this.states, (s) => this.machine.energy(s.subarray(0, VISIBLE), s.subarray(VISIBLE)));
    this.logZ = logSumExp(this.energies.map((E) => -E));
    /** p(v, h) of every state, and how often the walk was there. */
    this.p = this.energies.map((E) => Math.exp(-E - this.logZ));
    this.visits = new Float64Array(this.states.length);
    this.steps = 0;
    this.state = Float64Array.from(bits, Number);
  }

  /** v ~ p(v | h), then h ~ p(h | v). */
  step() {
    const v = this.state.subarray(0, VISIBLE), h = this.state.subarray(VISIBLE);
    this.machine.sampleVGivenH(h, this.rng, v);
    this.machine.sampleHGivenV(v, this.rng, h);
    this.visits[numberOf(this.state)] += 1;
    this.steps += 1;
  }

  /** F(v) of the eight pictures, as the formula has it, and as the sum over the four states of h. */
  freeEnergies() {
    const {freeEnergy} = distribution(this.machine, "visible"), n = 2 ** HIDDEN;
    const listed = freeEnergy.map((_, k) => -logSumExp(this.energies.slice(k * n, (k + 1) * n).map((E) => -E)));
    return {formula: freeEnergy, listed};
  }

  facts() {
    const total = this.p.reduce((a, b) => a + b, 0), {formula, listed} = this.freeEnergies();
    const apart = Math.max(...formula.map((F, k) => Math.abs(F - listed[k])));
    return [
      fact("sum_of_p_minus_1", Math.abs(total - 1), {most: 1e-12}, `The 32 probabilities add up to ${total.toFixed(12)}.`),
      fact("free_energy_formula_minus_list", apart, {most: 1e-12}, `F(v) by its second formula and by the sum over h differ by at most ${tiny(apart)}.`),
    ];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const believes = {
  question: "What does an RBM believe?",
  intro: [
    "A *restricted Boltzmann machine* (RBM) is a model with two layers of units. Each unit is on (1) or off (0). The *visible units* v are the picture, here three pixels; the *hidden units* h describe it. Every visible unit is connected to every hidden unit; units of the same layer are not connected. A *state* is one value for every unit, v and h together.",
    "The number on a line is a *weight* W. A positive weight (orange) makes states with both its units on more probable, a negative one (blue, dashed) less probable. The small number in a circle is a *bias* (b of visible units, c of hidden ones): it does the same for a single unit. The *energy* E of a state is minus a sum: the biases of all units that are on, plus the weights between units that are on. A state of low energy has a high probability: the model *believes* in it.",
  ],
  predict: ({p, energies, states}) => {
    const order = Array.from(p.keys()).sort((a, b) => p[b] - p[a]), best = order[0];
    // One answer is right: no other state has an energy that is as low when it is rounded as below.
    const others = [31, 0, order[1], order[31], order[15]].filter((k) => energies[k] > energies[best] + 0.1);
    const shown = [...new Set([best, ...others])].slice(0, 3).sort((a, b) => a - b);
    const name = (/** @type {number} */ k) => `v = ${states[k].slice(0, 3).join("")}, h = ${states[k].slice(3).join("")}`;
    return {
      ask: "Which of these states is the most probable? Add up weights and biases in the drawing of the network.",
      choices: shown.map(name), right: shown.indexOf(best),
      why: `The energies are ${shown.map((k) => `${decimal(energies[k], 1)} for ${name(k)}`).join("; ")}. The state of lowest energy is the most probable.`,
    };
  },
  formula: "E(v, h) = −Σ_{i} b_{i} v_{i} − Σ_{j} c_{j} h_{j} − Σ_{ij} v_{i} W_{ij} h_{j},   p(v, h) = exp(−E(v, h)) / Z\nF(v) = −log Σ_{h} exp(−E(v, h)) = −Σ_{i} b_{i} v_{i} − Σ_{j} log(1 + exp(c_{j} + Σ_{i} v_{i} W_{ij}))",
  happened: [
    "The energy alone decides how probable a state is: if it is lower by 1, the state is e = 2.72 times as probable; Z, the sum of exp(−E) over all 32 states, makes the probabilities add up to 1.",
    "The sum of p(v, h) over the four states of h is p(v), the probability of the picture v (pale bar); the *free energy* F(v) is defined by p(v) = exp(−F(v)) / Z, and its second formula needs no sum over h.",
    "Play starts *Gibbs sampling*: sample v given h, then h given v, again and again; the share of the steps that end in a state (dots) approaches the probability of that state.",
  ],
  settings: {bits: {initial: "10010", valid: /^[01]{5}$/, say: "five bits, three visible and two hidden, such as 01101"}},
  last: 2000,
  pace: 12,
  unit: "Step",
  begin: (seed, {bits}) => new Beliefs(seed, bits),
  show: showBeliefs,
};

/**
 * @param {HTMLElement} stage
 * @param {Beliefs} experiment
 * @param {(settings: Record<string, string>) => void} change
 */
function showBeliefs(stage, experiment, change) {
  const {machine, states, p, energies} = experiment, bits = () => experiment.state.join("");
  const turn = (/** @type {number} */ i) => {
    experiment.state[i] = 1 - experiment.state[i];
    change({bits: bits()});
  };
  const place = (/** @type {number} */ i) => i < VISIBLE ? [90 + 150 * i, 190] : [165 + 150 * (i - VISIBLE), 50];
  const net = svg("svg", {viewBox: "0 0 480 240", class: "chart net", role: "group", "aria-label": "The model: press a unit to turn it on or off"});
  for (let i = 0; i < VISIBLE; i++) {
    for (let j = 0; j < HIDDEN; j++) {
      const w = machine.W[i * HIDDEN + j], [x1, y1] = place(i), [x2, y2] = place(VISIBLE + j), at = j === 0 ? 0.36 : 0.62;
      net.append(svg("line", {x1, y1, x2, y2, class: `wire ${w < 0 ? "minus" : "plus"}`, "stroke-width": 0.6 + 1.6 * Math.abs(w)}));
      net.append(svg("text", {x: x1 + at * (x2 - x1), y: y1 + at * (y2 - y1) + 5, class: "weight"}, signedHalf(w)));
    }
  }
  const units = Array.from({length: VISIBLE + HIDDEN}, (_, i) => {
    const [x, y] = place(i), name = i < VISIBLE ? `v${i + 1}` : `h${i - VISIBLE + 1}`;
    const bias = i < VISIBLE ? machine.vbias[i] : machine.hbias[i - VISIBLE], value = svg("text", {x, y: y + 2, class: "value", "aria-hidden": true});
    const node = svg("g", {class: "unit", tabindex: 0, role: "button"}, svg("circle", {cx: x, cy: y, r: 30}));
    net.append(svg("g", {}, node, value, svg("text", {x, y: y + 19, class: "bias", "aria-hidden": true}, signedHalf(bias)),
      svg("text", {x: x + 36, y: y + (i < VISIBLE ? 24 : -14), class: "unitname", "aria-hidden": true}, name)));
    node.addEventListener("click", () => turn(i));
    node.addEventListener("keydown", (event) => {
      if (event instanceof KeyboardEvent && [" ", "Enter"].includes(event.key)) {
        event.preventDefault();
        turn(i);
      }
    });
    return {node, value, name};
  });

  const width = 560, height = 210, group = width / 8, tall = 150, most = Math.max(...pictureBeliefs(p));
  const chart = svg("svg", {viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": "Probability of all 32 states, four for each of eight pictures"});
  pictureBeliefs(p).forEach((share, k) => {
    const high = (tall * share) / most;
    chart.append(svg("rect", {x: k * group + 4, width: group - 8, y: 22 + tall - high, height: high, class: "pale"}));
    chart.append(svg("text", {x: (k + 0.5) * group, y: 20 + tall - high, class: "barname"}, share.toFixed(2)));
    chart.append(svg("text", {x: (k + 0.5) * group, y: 190, class: "barname strong"}, states[4 * k].slice(0, 3).join("")));
  });
  const step = (group - 16) / 4;
  const bars = states.map((_, k) => {
    const x = Math.floor(k / 4) * group + 8 + (k % 4) * step, high = (tall * p[k]) / most;
    const bar = svg("rect", {x: x + 1, width: step - 2, y: 22 + tall - high, height: Math.max(high, 0.5), class: "bar"});
    const dot = svg("circle", {cx: x + step / 2, cy: 22 + tall, r: 3, class: "dot"});
    const hit = svg("rect", {x, width: step, y: 22, height: tall, class: "hit"});
    hit.addEventListener("click", () => {
      experiment.state.set(states[k]);
      change({bits: bits()});
    });
    chart.append(bar, dot, hit);
    return {bar, dot};
  });
  const said = element("p", {className: "readout"});
  stage.append(net, said, element("div", {className: "answer"}, chart,
    element("p", {className: "small"}, ...prose("Pale bars: p(v) of the eight pictures v, which are written below. Thin bars: p(v, h) for h = 00, 01, 10, 11; they add up to the pale bar. Orange: the state above. Dots: share of the sampling steps in each state. Press a bar to choose its state."))));
  return () => {
    const now = numberOf(experiment.state);
    units.forEach(({node, value, name}, i) => {
      const on = experiment.state[i] === 1;
      node.setAttribute("aria-pressed", String(on));
      node.setAttribute("aria-label", `${name} is ${on ? "on" : "off"}`);
      value.textContent = on ? "1" : "0";
    });
    bars.forEach(({bar, dot}, k) => {
      bar.classList.toggle("now", k === now);
      const share = experiment.steps ? experiment.visits[k] / experiment.steps : 0;
      dot.setAttribute("cy", String(22 + tall - Math.min(tall, (tall * share) / most)));
      dot.toggleAttribute("hidden", experiment.steps === 0);
    });
    said.replaceChildren(...prose(`v = ${states[now].slice(0, 3).join("")}, h = ${states[now].slice(3).join("")}:  energy E = ${decimal(energies[now], 1)}`),
      element("span", {className: "answer inline"}, `,  exp(−E) / Z = ${decimal(p[now], 4)}`));
  };
}

/**
 * p(v): four states of h added up.
 * @param {Float64Array} p
 * @returns {number[]}
 */
function pictureBeliefs(p) {
  return Array.from({length: 8}, (_, k) => p[4 * k] + p[4 * k + 1] + p[4 * k + 2] + p[4 * k + 3]);
}

/**
 * @param {number} x
 * @returns {string}
 */
function signedHalf(x) {
  return x === 0 ? "0" : `${x < 0 ? "−" : "+"}${Math.abs(x)}`;
}
