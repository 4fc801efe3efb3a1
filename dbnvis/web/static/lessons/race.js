// Lesson 6: CD, PCD or exact? Three machines learn from the same start; their distance to the data is exact.

import {element} from "../dom.js";
import {Sfc32} from "../random.js";
import {lineChart, paragraph} from "./draw.js";
import {barsAndStripes, divergence, randomMachine} from "./exact.js";
import {fact, onTheWay} from "./fact.js";
import {Learner} from "./learner.js";

const RACE_UPDATES = 1600, PER_STEP = 10, FIRST_RATE = 0.5;
const RUNNERS = /** @type {const} */ (["exact", "pcd", "cd"]);

/** Three learners of bars and stripes of 3x3 pixels, with 6 hidden units and a rate that falls to 0. */
export class Race {
  /** @param {number} seed */
  constructor(seed) {
    const data = [0, 1, 2, 3].flatMap(() => barsAndStripes(3)); // 64 rows, so 64 chains
    this.learners = RUNNERS.map((estimate) => {
      const rng = new Sfc32(seed); // the same for all: they start at the same weights
      return new Learner(randomMachine(9, 6, rng, 0.1), data, rng, {estimate, rate: FIRST_RATE});
    });
    this.curves = this.learners.map(({machine}) => [divergence(machine, data)]);
  }

  /** Ten updates of each. */
  step() {
    this.learners.forEach((learner, i) => {
      for (let k = 0; k < PER_STEP; k++) {
        learner.rate = FIRST_RATE * (1 - learner.updates / RACE_UPDATES);
        learner.update();
      }
      this.curves[i].push(divergence(learner.machine, learner.data));
    });
  }

  /** The three distances now, in the order exact, PCD, CD-1. */
  get distances() {
    return this.curves.map((curve) => curve[curve.length - 1]);
  }

  facts() {
    const [exact, pcd, cd] = this.distances, said = `KL now: exact ${exact.toFixed(3)}, PCD ${pcd.toFixed(3)}, CD-1 ${cd.toFixed(3)} nats.`;
    if (this.curves[0].length <= RACE_UPDATES / PER_STEP) return [onTheWay(said)];
    return [
      fact("kl_of_cd_minus_pcd", cd - pcd, {least: 0}, `${said} CD-1 is farther from the data than PCD.`),
      fact("kl_of_cd_minus_exact", cd - exact, {least: 0}, "CD-1 is farther from the data than the exact gradient."),
    ];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const race = {
  question: "CD, PCD or exact?",
  intro: [
    "Lesson 3 showed that learning needs averages over the model. Here are three ways to get them. *Exact*: list all states. *CD-1*: in every update, start *chains* (runs of Gibbs sampling) at the data and make one step. *PCD* (persistent CD, Tieleman 2008): also one step for each update, but the chains continue where the last update left them.",
    "The *Kullback-Leibler divergence* (KL) says how far the model's distribution p(v) is from the distribution of the data; 0 means that they are the same. The data are bars and stripes of 3x3 pixels. All three start at the same weights, and the learning rate falls from 0.5 to 0.",
  ],
  predict: () => ({
    ask: "CD-1 and PCD cost the same: one Gibbs step for each update. Which one will end with the lower KL, closer to the data?",
    choices: ["CD-1", "PCD", "Both end with the same KL"], right: 1,
    why: "Its chains leave the data and find other pictures that the model makes probable. Look at the middle of the curves, too: while the learning rate is large, PCD's chains cannot follow the model.",
  }),
  formula: "KL = Σ_{v} p_{data}(v) log (p_{data}(v) / p(v))",
  happened: [
    "The exact gradient has no sampling noise, but its list doubles with every hidden unit: 64 states for these 6 units, and 2^{250} for 250.",
    "CD-1's chains restart at the data in every update, so learning stops where one step from the data does not change the averages, and the KL is not lowest there.",
    "PCD's chains sample from the model; with a large learning rate the model changes faster than they can follow, but they catch up when the rate falls to 0, which is why it falls in dbnvis, too.",
  ],
  settings: {},
  last: RACE_UPDATES / PER_STEP,
  pace: 20,
  unit: "Steps of 10 updates:",
  begin: (seed) => new Race(seed),
  show: showRace,
};

/**
 * @param {HTMLElement} stage
 * @param {Race} experiment
 */
function showRace(stage, experiment) {
  const chart = lineChart({label: "KL between data and model for three ways to learn", x: "updates", y: "KL between data and model, in nats: lower is better", xMost: RACE_UPDATES,
    range: [0, 4], height: 330, lines: [{name: "exact", kind: "ink"}, {name: "PCD", kind: "accent"}, {name: "CD-1", kind: "choice"}]});
  stage.append(element("div", {className: "answer"}, chart.node, paragraph("Dashed: exact gradient. Orange: PCD. Blue: CD-1. Bars and stripes of 3x3 pixels, 6 hidden units, 64 chains. Try other seeds: CD-1 ends farthest from the data for each of the seeds 1 to 20; the bumps of the curves differ.", "small")));
  return () => chart.draw(experiment.curves[0].map((_, k) => PER_STEP * k), experiment.curves);
}
