// Lesson 2: what switches a hidden unit on? Draw on 8x8 pixels; six units that like strokes answer.

import {element, paintGrey} from "../dom.js";
import {Machine} from "../machine.js";
import {sigmoid} from "../maths.js";
import {Sfc32} from "../random.js";
import {decimal, prose, svg, tile, tiny} from "./draw.js";
import {binaryStates, logSumExp} from "./exact.js";
import {fact} from "./fact.js";

const PAD_SIDE = 8, PAD_UNITS = 6;
/** @type {[string, (row: number, column: number) => boolean][]} strokes that the units like: where */
const STROKES = [
  ["a bar at the top", (r) => r === 1],
  ["a bar at the bottom", (r) => r === 6],
  ["a line on the left", (r, c) => c === 2],
  ["a line on the right", (r, c) => c === 5],
  ["a slanting line", (r, c) => r + c === 7],
  ["a bar in the middle", (r) => r === 3 || r === 4],
];

/** A machine with planted strokes, a picture, and draws of the hidden units. */
export class Switches {
  /**
   * @param {number} seed of noise on the weights, of the digit and of the draws
   * @param {string} pixels 64 bits in hexadecimal, row by row; "digit": one of the data set
   * @param {number} chosen unit
   * @param {Float64Array[]} digits
   */
  constructor(seed, pixels, chosen, digits) {
    this.rng = new Sfc32(seed);
    const W = new Float64Array(PAD_SIDE * PAD_SIDE * PAD_UNITS);
    STROKES.forEach(([, on], j) => {
      for (let i = 0; i < PAD_SIDE * PAD_SIDE; i++) {
        W[i * PAD_UNITS + j] = (on(Math.floor(i / PAD_SIDE), i % PAD_SIDE) ? 1 : -0.25) + 0.1 * this.rng.normal();
      }
    });
    this.machine = new Machine({W, vbias: new Float64Array(PAD_SIDE * PAD_SIDE), hbias: new Float64Array(PAD_UNITS).fill(-1)});
    this.chosen = chosen;
    /** Fix the unit after the chosen one to 1, in the list of states. */
    this.forced = false;
    this.steps = 0;
    this.counts = new Float64Array(PAD_UNITS);
    this.v = new Float64Array(PAD_SIDE * PAD_SIDE);
    if (pixels === "digit") digits[seed % digits.length].forEach((x, i) => (this.v[i] = x >= 0.5 ? 1 : 0));
    else for (let i = 0; i < this.v.length; i++) this.v[i] = (parseInt(pixels[i >> 2], 16) >> (3 - (i & 3))) & 1;
  }

  /** The picture as 16 hexadecimal digits. */
  get pixels() {
    return Array.from({length: 16}, (_, k) => parseInt(this.v.slice(4 * k, 4 * k + 4).join(""), 2).toString(16)).join("");
  }

  /** @param {number} i pixel */
  turn(i) {
    this.v[i] = 1 - this.v[i];
    this.counts.fill(0);
    this.steps = 0;
  }

  /** Draw h ~ p(h | v). */
  step() {
    const h = this.machine.sampleHGivenV(this.v, this.rng);
    for (let j = 0; j < PAD_UNITS; j++) this.counts[j] += h[j];
    this.steps += 1;
  }

  /**
   * p(h_j = 1 | v) of every unit from the list of all 64 states of h; with a unit fixed to 1, from the 32 that are left.
   * @param {number | null} forced
   * @returns {Float64Array}
   */
  listed(forced = null) {
    const states = binaryStates(PAD_UNITS).filter((h) => forced === null || h[forced] === 1);
    const minusE = Float64Array.from(states, (h) => -this.machine.energy(this.v, h)), total = logSumExp(minusE);
    const p = new Float64Array(PAD_UNITS);
    states.forEach((h, k) => h.forEach((on, j) => (p[j] += on * Math.exp(minusE[k] - total))));
    return p;
  }

  facts() {
    const p = this.machine.meanHGivenV(this.v), other = (this.chosen + 1) % PAD_UNITS, forced = this.listed(other);
    const apart = Math.max(...this.listed().map((x, j) => Math.abs(x - p[j])));
    const moved = Math.max(...forced.map((x, j) => (j === other ? 0 : Math.abs(x - p[j]))));
    return [
      fact("probability_formula_minus_list", apart, {most: 1e-12}, `The formula and the list of all 64 states of h differ by at most ${tiny(apart)}.`),
      fact("change_when_another_unit_is_fixed", moved, {most: 1e-12}, `With h${other + 1} fixed to 1, the other units differ by at most ${tiny(moved)}.`),
    ];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const switches = {
  question: "What switches a hidden unit on?",
  intro: [
    "Here an RBM has 64 visible units, the pixels of the picture, and six hidden units. Each of the six tiles shows the weights of one hidden unit, each weight at the place of its pixel: orange is positive, blue negative, white 0. These weights were made by hand, with a little noise; in lesson 4 they are learned.",
    "Paint in the picture, and choose a unit. Its *input* is its bias plus the weights of all pixels that are on. The *sigmoid* function σ turns the input into a probability, between 0 and 1.",
  ],
  predict: ({chosen}) => ({
    ask: `Another hidden unit, h${((chosen + 1) % PAD_UNITS) + 1}, is fixed to 1, and the picture stays as it is. What happens to the probability that h${chosen + 1} is on?`,
    choices: ["It rises", "It falls", "It stays the same"], right: 2,
    why: "No two hidden units are connected, so given the picture none of them depends on another. The list of all states of h gives the same number; see below the picture.",
  }),
  formula: "p(h_{j} = 1 | v) = σ(c_{j} + Σ_{i} v_{i} W_{ij}),   σ(x) = 1 / (1 + exp(−x))",
  happened: [
    "The input of a hidden unit is its bias plus the weights of the pixels that are on, and σ turns it into a probability: 0 gives 0.5, +2 gives 0.88, −2 gives 0.12.",
    "The list of all 64 states of h, with their energies, gives the same number, and it does not change when another hidden unit is fixed to 1: given v, the hidden units are *independent*.",
    "The reason is the restriction in the name, no connections inside a layer; because of it a whole layer can be computed, and sampled, at once.",
  ],
  settings: {
    pixels: {initial: "digit", valid: /^(digit|[0-9a-f]{16})$/, say: "digit, or 64 pixels as 16 hexadecimal digits"},
    unit: {initial: "1", valid: /^[1-6]$/, say: "a unit from 1 to 6"},
  },
  last: 1000,
  pace: 20,
  unit: "Sample",
  begin: (seed, {pixels, unit}, digits) => new Switches(seed, pixels, Number(unit) - 1, digits),
  show: showSwitches,
};

/**
 * @param {HTMLElement} stage
 * @param {Switches} experiment
 * @param {(settings: Record<string, string>) => void} change
 */
function showSwitches(stage, experiment, change) {
  const {machine, v} = experiment, names = STROKES.map(([name]) => name);
  const pad = element("canvas", {className: "pixelpad", tabIndex: 0, role: "img"});
  let ink = 1, cursor = 27;
  const put = (/** @type {number} */ i, /** @type {number} */ value) => {
    if (v[i] === value) return;
    experiment.turn(i);
    change({pixels: experiment.pixels});
  };
  const at = (/** @type {PointerEvent} */ event) => {
    const box = pad.getBoundingClientRect(), limit = (/** @type {number} */ x) => Math.min(PAD_SIDE - 1, Math.max(0, Math.floor(PAD_SIDE * x)));
    return PAD_SIDE * limit((event.clientY - box.top) / box.height) + limit((event.clientX - box.left) / box.width);
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    ink = 1 - v[at(event)];
    put(at(event), ink);
  });
  pad.addEventListener("pointermove", (event) => event.buttons && put(at(event), ink));
  const marker = element("span", {className: "cursor"});
  pad.addEventListener("keydown", (event) => {
    const moves = /** @type {Record<string, number>} */ ({ArrowLeft: -1, ArrowRight: 1, ArrowUp: -PAD_SIDE, ArrowDown: PAD_SIDE});
    if (event.key in moves) cursor = (cursor + moves[event.key] + PAD_SIDE * PAD_SIDE) % (PAD_SIDE * PAD_SIDE);
    else if (event.key === " ") put(cursor, 1 - v[cursor]);
    else return;
    event.preventDefault();
    marker.style.translate = `${100 * (cursor % PAD_SIDE)}% ${100 * Math.floor(cursor / PAD_SIDE)}%`;
  });
  marker.style.translate = `${100 * (cursor % PAD_SIDE)}% ${100 * Math.floor(cursor / PAD_SIDE)}%`;
  const clear = element("button", {type: "button", onclick: () => {
    v.fill(0);
    experiment.steps = 0;
    experiment.counts.fill(0);
    change({pixels: experiment.pixels});
  }}, "Clear the picture");
  const force = element("input", {type: "checkbox", onchange: () => {
    experiment.forced = force.checked;
    change({});
  }});
  const tiles = names.map((name, j) => {
    const made = tile(`Weights of h${j + 1}: ${name}`), button = element("button", {type: "button", className: "unittile", title: `h${j + 1}: ${name}`,
      onclick: () => {
        experiment.chosen = j;
        change({unit: String(j + 1)});
      }}, made.node);
    made.paint(Array.from({length: PAD_SIDE * PAD_SIDE}, (_, i) => machine.W[i * PAD_UNITS + j]), [PAD_SIDE, PAD_SIDE], 1.3);
    return {button, say: made.say};
  });
  const product = tile("Weights of the pixels that are on");
  const width = 300, curve = svg("svg", {viewBox: `0 0 ${width} 150`, class: "chart sigmoid", role: "img", "aria-label": "The sigmoid function, with the chosen unit's input"});
  const across = (/** @type {number} */ x) => 30 + ((Math.min(8, Math.max(-8, x)) + 8) / 16) * 250, up = (/** @type {number} */ p) => 125 - 105 * p;
  const points = Array.from({length: 81}, (_, k) => `${across(k / 5 - 8)},${up(sigmoid(k / 5 - 8))}`);
  const stem = svg("line", {class: "stem", y1: up(0)}), point = svg("circle", {r: 6, class: "now"});
  curve.append(svg("line", {x1: 30, x2: 280, y1: up(0), y2: up(0), class: "grid"}), svg("line", {x1: 30, x2: 280, y1: up(1), y2: up(1), class: "grid"}),
    svg("polyline", {points: points.join(" "), class: "curve accent"}), stem, point);
  for (const x of [-8, 0, 8]) curve.append(svg("text", {x: across(x), y: 144, "text-anchor": "middle"}, decimal(x, 0)));
  for (const p of [0, 1]) curve.append(svg("text", {x: 22, y: up(p) + 4, "text-anchor": "end"}, String(p)));
  const sum = element("p", {className: "readout"}), table = element("p", {className: "readout answer"}), forced = element("span", {});
  stage.append(
    element("div", {className: "sixtiles"}, ...tiles.map(({button}) => button)),
    element("div", {className: "switchrow"},
      element("div", {}, element("div", {className: "padbox"}, pad, marker), clear, element("p", {className: "small"}, "The picture: press pixels, or move with the arrow keys and press space.")),
      element("div", {}, product.node),
      element("div", {className: "grow"}, curve, sum, element("label", {className: "field"}, force, forced))),
    table);
  return () => {
    const {chosen} = experiment, p = machine.meanHGivenV(v), other = (chosen + 1) % PAD_UNITS;
    paintGrey(pad, v, [PAD_SIDE, PAD_SIDE]);
    pad.setAttribute("aria-label", `The picture, ${v.reduce((a, b) => a + b, 0)} of 64 pixels on`);
    tiles.forEach(({button, say}, j) => {
      button.setAttribute("aria-pressed", String(j === chosen));
      say(`h${j + 1}  p = ${p[j].toFixed(2)}${experiment.steps ? `; sampled ${(experiment.counts[j] / experiment.steps).toFixed(2)}` : ""}`);
    });
    const on = Array.from(v, (x, i) => x * machine.W[i * PAD_UNITS + chosen]), input = machine.inputToH(v)[chosen];
    product.paint(on, [PAD_SIDE, PAD_SIDE], 1.3);
    product.say(`Weights of h${chosen + 1} at the pixels that are on: they add up to ${decimal(input - machine.hbias[chosen])}`);
    for (const [name, value] of [["cx", across(input)], ["cy", up(p[chosen])]]) point.setAttribute(String(name), String(value));
    for (const name of ["x1", "x2"]) stem.setAttribute(name, String(across(input)));
    stem.setAttribute("y2", String(up(p[chosen])));
    sum.replaceChildren(...prose(`bias ${decimal(machine.hbias[chosen], 0)} + weights ${decimal(input - machine.hbias[chosen])} = input ${decimal(input)};  p = σ(${decimal(input)}) = ${p[chosen].toFixed(3)}`));
    forced.textContent = ` Fix h${other + 1} to 1 in the list of states`;
    force.checked = experiment.forced;
    const listed = experiment.listed(experiment.forced ? other : null)[chosen];
    table.replaceChildren(...prose(`p(h${chosen + 1} = 1 | v) by the formula: ${p[chosen].toFixed(9)}. From the list of ${experiment.forced ? `the 32 states with h${other + 1} = 1` : "all 64 states"}: ${listed.toFixed(9)}.`));
  };
}
