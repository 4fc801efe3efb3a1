// Lesson 5: why distrust the reconstruction error? CD-1 on bars and stripes of 4x4 pixels, beside the exact log p.

import {element} from "../dom.js";
import {Sfc32} from "../random.js";
import {decimal, lineChart, paragraph} from "./draw.js";
import {barsAndStripes, meanLogProbability, randomMachine} from "./exact.js";
import {fact, onTheWay} from "./fact.js";
import {Learner, meanFieldError} from "./learner.js";

const AT_A_TIME = 10, TRUST_LAST = 300, SETTLED = 30;

/** A machine of 16 and 8 units under CD-1 with a large rate; its error and exact log p every 10 updates. */
export class Misleading {
  /** @param {number} seed */
  constructor(seed) {
    const rng = new Sfc32(seed);
    this.data = barsAndStripes(4);
    this.learner = new Learner(randomMachine(16, 8, rng, 0.1), this.data, rng, {estimate: "cd", rate: 0.5});
    this.errors = /** @type {number[]} */ ([]);
    this.logs = /** @type {number[]} */ ([]);
    this.note();
  }

  note() {
    this.errors.push(meanFieldError(this.learner.machine, this.data));
    this.logs.push(meanLogProbability(this.learner.machine, this.data));
  }

  /** Ten updates. */
  step() {
    for (let i = 0; i < AT_A_TIME; i++) this.learner.update();
    this.note();
  }

  facts() {
    const {errors, logs} = this, now = errors.length - 1, best = logs.indexOf(Math.max(...logs));
    if (now < SETTLED) return [onTheWay("Both curves are exact: Z is a sum over all 256 states of h.")];
    const log = `log p was highest at update ${AT_A_TIME * best}, ${decimal(logs[best])}; it is ${decimal(logs[now])} now.`;
    const error = `Since then the error went from ${errors[best].toFixed(4)} to ${errors[now].toFixed(4)}.`;
    if (now < TRUST_LAST) return [onTheWay(log), onTheWay(error)];
    return [
      fact("change_of_log_p_from_its_highest", logs[now] - logs[best], {most: -0.25}, log),
      fact("change_of_error_since_then", errors[now] - errors[best], {most: 0}, error),
    ];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const misleads = {
  question: "Why distrust the reconstruction error?",
  intro: [
    "Many programs print the *reconstruction error* while an RBM learns: compute h from a picture and the picture from h again (the reconstruction), and take the mean squared difference, here per pixel. It is quick to compute, and it falls.",
    "But the aim of learning is another one: the data should become probable, so the mean of log p(v) should rise. This RBM has 16 pixels and 8 hidden units, so Z can be computed and log p is exact. The data are bars and stripes of 4x4 pixels. CD-1 learns with a learning rate of 0.5, which is large.",
  ],
  predict: () => ({
    ask: "The error will fall nearly to 0 over 3,000 updates. What does log p of the data do meanwhile?",
    choices: ["It rises all the time", "It rises, then falls again", "It falls all the time"], right: 1,
    why: "Press Play: log p reaches its highest value and then falls, while the error goes on falling.",
  }),
  formula: "error = mean (v − E[v | h])^{2} with h = E[h | v],   log p(v) = −F(v) − log Z",
  happened: [
    "The error measures only whether one step from a picture leads back to it, and with large weights nearly every step does.",
    "log p also depends on all other pictures, through Z: CD-1 never samples far from the data, so it does not correct wrong pictures that have become probable, and log p falls.",
    "So look at log p where it can be computed or estimated, and use the error only to see that learning has begun; for comparison, a model equal to the distribution of the data has log p = −3.38 nats.",
  ],
  settings: {},
  last: TRUST_LAST,
  pace: 30,
  unit: "Steps of 10 updates:",
  begin: (seed) => new Misleading(seed),
  show: showMisleading,
};

/**
 * @param {HTMLElement} stage
 * @param {Misleading} experiment
 */
function showMisleading(stage, experiment) {
  const xMost = AT_A_TIME * TRUST_LAST;
  const error = lineChart({label: "Reconstruction error", x: "updates", y: "reconstruction error: lower looks better", xMost, range: [0, 0.25], lines: [{name: "error", kind: "choice"}]});
  const log = lineChart({label: "Exact mean log p of the data", x: "updates", y: "exact mean log p of the data, in nats: higher is better", xMost, range: [-12, -3], height: 240, lines: [{name: "log p", kind: "accent"}]});
  stage.append(element("div", {className: "answer"}, error.node, log.node,
    paragraph("Both curves: the same model, the same updates. The highest log p that any model can have is −3.38 nats: 28 pictures of probability 1/32 each, and two (all off, all on) of 2/32.", "small")));
  return () => {
    const xs = experiment.errors.map((_, k) => AT_A_TIME * k);
    error.draw(xs, [experiment.errors]);
    log.draw(xs, [experiment.logs]);
  };
}
