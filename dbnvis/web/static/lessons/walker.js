// Lesson 7: does the chain mix? A walker among the 256 pictures of a machine with two planted modes, and its helpers
// at higher temperatures (parallel tempering; Desjardins et al. 2010).

import {element} from "../dom.js";
import {Machine} from "../machine.js";
import {Sfc32} from "../random.js";
import {decimal, lineChart, paragraph, svg} from "./draw.js";
import {distribution, numberOf, sweepAt, totalVariation} from "./exact.js";
import {fact, onTheWay} from "./fact.js";

const WALK_SWEEPS = 5000, STRIDE = 10, STRENGTH = 2.2, MODE = [1, 1, 1, 1, 0, 0, 0, 0];
/** Order of four bits in which neighbours differ by one bit (Gray code): the place of each number. */
const GRAY = Array.from({length: 16}, (_, k) => k ^ (k >> 1));
const PLACE = GRAY.map((_, number) => GRAY.indexOf(number));

/** Gibbs chains at falling inverse temperatures, of which the first is the machine's own. */
export class Walk {
  /**
   * @param {number} seed
   * @param {number} temperatures 1: a plain chain
   */
  constructor(seed, temperatures) {
    this.rng = new Sfc32(seed);
    const nHidden = 4, W = new Float64Array(8 * nHidden), vbias = new Float64Array(8);
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < nHidden; j++) {
        W[i * nHidden + j] = STRENGTH * (i < 4 ? 1 : -1) * (j % 2 ? -1 : 1); // two units for each mode
      }
    }
    this.machine = new Machine({W, vbias, hbias: new Float64Array(nHidden)});
    this.exact = distribution(this.machine, "visible").p;
    this.betas = Array.from({length: temperatures}, (_, t) => (temperatures === 1 ? 1 : 1 - t / (temperatures - 1)));
    this.v = this.betas.map(() => Float64Array.from(MODE));
    this.h = this.betas.map(() => Float64Array.of(1, 0, 1, 0));
    this.counts = new Float64Array(256);
    this.sweeps = 0;
    this.trail = [numberOf(this.v[0])];
    this.curve = /** @type {number[]} */ ([]);
  }

  /** Ten sweeps of every chain; after each, neighbours in temperature may change places. */
  step() {
    const {machine, betas, v, h, rng} = this;
    for (let sweep = 0; sweep < STRIDE; sweep++) {
      betas.forEach((beta, t) => sweepAt(machine, h[t], beta, rng, v[t]));
      for (let t = 0; t + 1 < betas.length; t++) {
        const gain = (betas[t] - betas[t + 1]) * (machine.energy(v[t], h[t]) - machine.energy(v[t + 1], h[t + 1]));
        if (rng.random() < Math.exp(gain)) {
          [v[t], v[t + 1]] = [v[t + 1], v[t]];
          [h[t], h[t + 1]] = [h[t + 1], h[t]];
        }
      }
      const now = numberOf(v[0]);
      this.counts[now] += 1;
      this.sweeps += 1;
      this.trail = [...this.trail.slice(1 - STRIDE), now];
    }
    this.curve.push(this.distance);
  }

  /** Total variation between the shares of visits and the exact distribution. */
  get distance() {
    return totalVariation(this.counts.map((n) => n / this.sweeps), this.exact);
  }

  facts() {
    if (this.sweeps === 0) return [];
    const said = `Total variation after ${this.sweeps.toLocaleString("en")} sweeps: ${this.distance.toFixed(3)}`;
    if (this.sweeps < WALK_SWEEPS) return [onTheWay(`${said}.`)];
    return [this.betas.length === 1
      ? fact("total_variation_plain", this.distance, {least: 0.3}, `${said} (above 0.3: it has not mixed).`)
      : fact("total_variation_tempered", this.distance, {most: 0.1}, `${said} (below 0.1: it has mixed).`)];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const walks = {
  question: "Does the chain mix?",
  intro: [
    "A chain of Gibbs sampling goes from picture to picture. In one *sweep* it samples all units once. The share of its visits to a picture should approach the probability of that picture. When it has, the chain has *mixed*.",
    "This model has 8 pixels. Its weights were set by hand so that two pictures are by far the most probable, 11110000 and 00001111: its two *modes*. The map shows all 256 pictures: rows are the first four pixels, columns the last four, ordered so that neighbours differ in one pixel.",
  ],
  predict: ({exact}) => ({
    ask: `Both modes have the same probability, ${exact[numberOf(Float64Array.from(MODE))].toFixed(2)}. A plain chain (one chain alone) starts in one mode. In which share of 5,000 sweeps will it be near the other?`,
    choices: ["About a half", "Almost none"], right: 1,
    why: "On the way to the other mode, all units have to change, through states of high energy, which are improbable: pixels that changed are set back by the hidden units, and hidden units by the pixels.",
  }),
  formula: "p_{β}(v, h) = exp(−β E(v, h)) / Z_{β},   swap if u < exp((β_{1} − β_{2}) (E_{1} − E_{2})), u uniform from 0 to 1",
  happened: [
    "The plain chain stays near the mode where it started, and its own samples do not show that there is another mode.",
    "*Parallel tempering* (Desjardins et al. 2010) runs more chains, at smaller *inverse temperatures* β, where differences of energy count less; neighbours in temperature swap their states by a rule that keeps the distribution of each chain, so the first chain (β = 1, the model itself) can go from one mode to the other.",
    "The *total variation* is half the sum of |share of visits − p| over all 256 pictures: 0 if the chain agrees with the exact distribution, and about 0.5 if it has missed one of two equal modes.",
  ],
  settings: {chains: {initial: "1", valid: /^[18]$/, say: "1 chain, or 8"}},
  last: WALK_SWEEPS / STRIDE,
  pace: 25,
  unit: "Steps of 10 sweeps:",
  begin: (seed, {chains}) => new Walk(seed, Number(chains)),
  show: showWalk,
};

/**
 * @param {HTMLElement} stage
 * @param {Walk} experiment
 * @param {(settings: Record<string, string>, again?: boolean) => void} change
 */
function showWalk(stage, experiment, change) {
  const {exact} = experiment, cell = 18, side = 16 * cell, most = Math.max(...exact);
  const place = (/** @type {number} */ k) => [PLACE[k & 15] * cell, PLACE[k >> 4] * cell];
  const map = (/** @type {string} */ label) => {
    const cells = Array.from({length: 256}, (_, k) => {
      const [x, y] = place(k);
      return svg("rect", {x: x + 0.5, y: y + 0.5, width: cell - 1, height: cell - 1, class: "cell"});
    });
    const over = svg("g"), node = svg("svg", {viewBox: `0 0 ${side} ${side}`, class: "map", role: "img", "aria-label": label}, ...cells, over);
    const paint = (/** @type {ArrayLike<number>} */ shares) => cells.forEach((one, k) => one.setAttribute("fill-opacity", String(Math.sqrt(Math.min(1, shares[k] / most)))));
    return {node, over, paint};
  };
  const wanted = map("Exact probability of all 256 pictures, and where the chain is"), found = map("Share of visits to all 256 pictures");
  wanted.paint(exact);
  const path = svg("polyline", {class: "trail"}), walker = svg("circle", {r: 6, class: "walker"});
  wanted.over.append(path, walker);
  const buttons = ["1", "8"].map((chains) => {
    const text = chains === "1" ? "Plain chain" : "Parallel tempering: 8 chains";
    return element("button", {type: "button", onclick: () => change({chains}, true), ariaPressed: String(Number(chains) === experiment.betas.length)}, text);
  });
  const chart = lineChart({label: "Total variation between visits and exact probabilities", x: "sweeps", y: "total variation: 0 is agreement", xMost: WALK_SWEEPS, range: [0, 1], height: 170,
    lines: [{name: "distance", kind: "accent"}], format: (y) => decimal(y, 1)});
  const figure = (/** @type {SVGElement} */ node, /** @type {string} */ text) => element("figure", {}, node, element("figcaption", {}, text));
  stage.append(element("div", {className: "buttons"}, ...buttons), element("div", {className: "maps"},
    figure(wanted.node, "Exact p(v): the stronger the colour, the more probable. Orange: the chain now, and its last ten sweeps."),
    element("div", {className: "answer"}, figure(found.node, "Share of the chain's visits, in the same colours."))),
  element("div", {className: "answer"}, chart.node), paragraph("The strength of the colour is the square root of p, so that improbable pictures can be seen, too. One step is ten sweeps.", "small"));
  return () => {
    const centre = (/** @type {number} */ k) => place(k).map((x) => x + cell / 2), [x, y] = centre(experiment.trail[experiment.trail.length - 1]);
    path.setAttribute("points", experiment.trail.map((k) => centre(k).join(",")).join(" "));
    walker.setAttribute("cx", String(x));
    walker.setAttribute("cy", String(y));
    found.paint(experiment.counts.map((n) => (experiment.sweeps ? n / experiment.sweeps : 0)));
    chart.draw(experiment.curve.map((_, k) => STRIDE * (k + 1)), [experiment.curve]);
  };
}
