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
    const [exact, pcd, cd] = this.distances, said = `Distance now: exact ${exact.toFixed(3)}, PCD ${pcd.toFixed(3)}, CD-1 ${cd.toFixed(3)} nats.`;
    if (this.curves[0].length <= RACE_UPDATES / PER_STEP) return [onTheWay(said)];
    return [
      fact("kl_of_cd_minus_pcd", cd - pcd, {least: 0}, `${said} CD-1 is farther than PCD.`),
      fact("kl_of_cd_minus_exact", cd - exact, {least: 0}, "CD-1 is farther than the exact gradient."),
    ];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const race = {
  question: "CD, PCD or exact?",
  intro: [
    "Lesson 3 showed that learning needs the averages of what the machine believes. Here are three ways to get them. *Exact*: list all states. *CD-1*: start *chains* (runs of Gibbs sampling) at the data, one step for each update. *PCD* (persistent CD, Tieleman 2008): the chains go on from where the last update left them.",
    "The *Kullback-Leibler divergence* (KL) is the distance from the data's distribution to the machine's; 0 means that the machine believes exactly what the data say. All three start at the same weights, and the learning rate falls from 0.5 to 0.",
  ],
  predict: () => ({
    ask: "CD-1 and PCD cost the same: one Gibbs step for each update. Which one will end closer to the exact one?",
    choices: ["CD-1", "PCD", "Both end at the same distance"], right: 1,
    why: "Its chains leave the data and find what else the machine believes. Look at the middle, too: while the rate is large, PCD's chains cannot follow.",
  }),
  formula: "KL = Σ_{v} p_{data}(v) log (p_{data}(v) / p(v))",
  happened: [
    "The exact gradient needs no luck, but its list doubles with every unit: 64 states for these 6 hidden units, and 2^{250} for 250.",
    "CD-1's chains restart at the data, so it stops where one step does not leave the data, which is not where the KL is lowest.",
    "PCD's chains wander as the machine believes; with a large rate the machine changes faster than they move, and only as the rate falls to 0 do they catch up, which is why dbnvis lets it fall.",
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
  const chart = lineChart({label: "KL of the data to the machine under three ways to learn", x: "updates", y: "KL of the data to the machine, in nats: lower is better", xMost: RACE_UPDATES,
    range: [0, 4], height: 330, lines: [{name: "exact", kind: "ink"}, {name: "PCD", kind: "accent"}, {name: "CD-1", kind: "choice"}]});
  stage.append(element("div", {className: "answer"}, chart.node, paragraph("Dashed: exact gradient. Orange: PCD. Blue: CD-1. Bars and stripes of 3x3 pixels, 6 hidden units, 64 chains. Try other seeds: the order at the end stays, the bumps do not.", "small")));
  return () => chart.draw(experiment.curves[0].map((_, k) => PER_STEP * k), experiment.curves);
}
