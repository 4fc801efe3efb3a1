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
    if (now < SETTLED) return [onTheWay("Both curves are exact: log p lists all 256 states of h.")];
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
    "Many programs print the *reconstruction error* while an RBM learns: send a picture up to h and down again, and take the mean squared difference, here per pixel. It is cheap, and it falls.",
    "What we want is that the data become probable: the mean of log p(v) should rise. Here are 16 pixels and 8 hidden units, so Z can be computed and log p is exact. The data are bars and stripes of 4x4 pixels; CD-1 learns with a rate of 0.5, which is large.",
  ],
  predict: () => ({
    ask: "The error will fall nearly to 0 over 3,000 updates. What does log p of the data do meanwhile?",
    choices: ["It rises all the time", "It rises, then falls again", "It falls all the time"], right: 1,
    why: "Press Play: after some hundred updates log p turns round, while the error goes on falling.",
  }),
  formula: "error = mean (v − E[v | h])^{2},   log p(v) = −F(v) − log Z",
  happened: [
    "The error asks only whether one step from a picture comes back to it, and large weights make any step come back.",
    "log p also counts what the machine believes elsewhere, through Z: CD-1 never goes far from the data, so it does not see the wrong pictures that it makes probable, and log p falls.",
    "So look at log p where it can be computed or estimated, and use the error only to see that learning has begun; for comparison, knowing the data would give log p = −3.38.",
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
    paragraph("Same machine, same updates. The best that any machine can reach is −3.38 nats: 28 pictures of probability 1/32 each, and two of 2/32.", "small")));
  return () => {
    const xs = experiment.errors.map((_, k) => AT_A_TIME * k);
    error.draw(xs, [experiment.errors]);
    log.draw(xs, [experiment.logs]);
  };
}
