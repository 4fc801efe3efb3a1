// Lesson 4: how do filters appear? 64 pixels and 32 hidden units learn the 1,797 digits by CD-1.

import {element} from "../dom.js";
import {Sfc32} from "../random.js";
import {histogram, lineChart, paragraph, tile} from "./draw.js";
import {randomMachine} from "./exact.js";
import {fact, onTheWay} from "./fact.js";
import {Learner, meanFieldError} from "./learner.js";

const TRAINED = 1500, BATCH = 20, EPOCHS = 40, FILTERS = 32, FILTER_RATE = 0.1;

/** A machine that learns digits, an epoch a step, and what its weights and their changes are like. */
export class Filters {
  /**
   * @param {number} seed
   * @param {Float64Array[]} digits
   */
  constructor(seed, digits) {
    const rng = new Sfc32(seed), machine = randomMachine(64, FILTERS, rng, 0.1);
    this.train = digits.slice(0, TRAINED);
    this.heldOut = digits.slice(TRAINED);
    for (let i = 0; i < 64; i++) { // visible biases: the log odds of each pixel, smoothed (Hinton 2010, section 8)
      const on = this.train.reduce((sum, v) => sum + v[i], 0);
      machine.vbias[i] = Math.log((on + 1) / (TRAINED - on + 1));
    }
    this.learner = new Learner(machine, [], rng, {estimate: "cd", rate: FILTER_RATE});
    this.epoch = 0;
    this.errors = [meanFieldError(machine, this.heldOut)];
    this.ratios = /** @type {number[]} */ ([]);
    /** What the last update added to W. */
    this.update = new Float64Array(machine.W.length);
  }

  /** One epoch: every training digit once, in batches of 20. */
  step() {
    const {learner, train} = this, {W} = learner.machine, batches = TRAINED / BATCH;
    let ratio = 0;
    for (let b = 0; b < batches; b++) {
      learner.rate = FILTER_RATE * (1 - (this.epoch + b / batches) / EPOCHS);
      const change = learner.updateBy(train.slice(b * BATCH, (b + 1) * BATCH)).W;
      let moved = 0, size = 0;
      for (let i = 0; i < W.length; i++) {
        this.update[i] = learner.rate * change[i];
        moved += Math.abs(this.update[i]);
        size += Math.abs(W[i]);
      }
      ratio += moved / size / batches;
    }
    this.epoch += 1;
    this.ratios.push(ratio);
    this.errors.push(meanFieldError(learner.machine, this.heldOut));
  }

  /** Mean of the ratio of update to weight over the last quarter. */
  get lateRatio() {
    const late = this.ratios.slice(-EPOCHS / 4);
    return late.reduce((a, b) => a + b, 0) / late.length;
  }

  facts() {
    const {errors, ratios, epoch} = this, done = epoch === EPOCHS, now = errors[errors.length - 1];
    if (epoch === 0) return [onTheWay(`Error of ${this.heldOut.length} held-out digits before learning: ${now.toFixed(4)}.`)];
    const error = `Error of ${this.heldOut.length} held-out digits: ${errors[0].toFixed(4)} before, ${now.toFixed(4)} now.`;
    const ratio = done ? this.lateRatio : ratios[epoch - 1], said = `Update / weight: ${ratio.toExponential(1).replace("-", "−")}`;
    if (!done) return [onTheWay(error), onTheWay(`${said}.`)];
    return [
      fact("held_out_error_after_by_before", now / errors[0], {most: 0.6}, error),
      fact("update_by_weight", ratio, {least: 3e-4, most: 3e-3}, `${said}, mean of the last ten epochs (3e−4 to 3e−3).`),
    ];
  }
}

/** @type {import("./lessons.js").Lesson} */
export const filters = {
  question: "How do filters appear?",
  intro: [
    "Now an RBM learns from real pictures: 1,500 handwritten digits of 8x8 pixels (UCI, Alpaydin & Kaynak 1998); 297 others are *held out* for testing. A pixel is grey: a number from 0 to 1. The RBM has 64 visible and 32 hidden units, and learns by CD-1. In one *epoch* it sees every training digit once, 20 digits for each update.",
    "The weights of one hidden unit, each at the place of its pixel, are its *filter*. All filters start as small random numbers (noise).",
  ],
  predict: () => ({
    ask: "What will a typical filter look like after 40 epochs?",
    choices: ["A whole digit", "A part: a stroke, a spot, an edge", "Still noise"], right: 1,
    why: "Many hidden units together describe one digit, each of them a part; and each part occurs in many digits.",
  }),
  formula: "W ← W + ε (⟨v h⟩_{data} − ⟨v h⟩_{model}),   ratio = mean |ΔW| / mean |W|",
  happened: [
    "The update of lesson 3, made 3,000 times, turned noise into strokes and spots: parts that many digits have.",
    "The error of the held-out digits (the mean squared difference between a picture and its reconstruction) fell as well, so the filters also describe digits that were not used for learning (lesson 5 says why this is not enough).",
    "The ratio shows whether the learning rate ε is right: a good update changes the weights by about a thousandth (Hinton 2010); here ε falls from 0.1 to 0, and the ratio falls with it, past that value.",
  ],
  settings: {},
  last: EPOCHS,
  pace: 4,
  unit: "Epoch",
  begin: (seed, settings, digits) => new Filters(seed, digits),
  show: showFilters,
};

/**
 * @param {HTMLElement} stage
 * @param {Filters} experiment
 */
function showFilters(stage, experiment) {
  const {W} = experiment.learner.machine, tiles = Array.from({length: FILTERS}, (_, j) => tile(`Filter of hidden unit ${j + 1}`));
  const weights = histogram({label: "Histogram of the weights", caption: "All 2,048 weights"}), updates = histogram({label: "Histogram of the last update", caption: "What the last update added to the weights"});
  const error = lineChart({label: "Reconstruction error of held-out digits", x: "epochs", y: "error of held-out digits", xMost: EPOCHS, range: [0, 0.08], width: 420, height: 170, lines: [{name: "error", kind: "choice"}]});
  const ratio = lineChart({label: "Ratio of update to weight, logarithmic", x: "epochs", y: "update / weight", xMost: EPOCHS, range: [-4, -1], width: 420, height: 170, lines: [{name: "ratio", kind: "accent"}],
    format: (y) => (Number.isInteger(y) ? `1e${y}`.replace("-", "−") : "")});
  stage.append(element("div", {className: "answer"}, element("div", {className: "filters"}, ...tiles.map(({node}) => node)),
    paragraph("32 filters. Orange: pixels that make the unit more probably on; blue: less probably. Each filter has its own colour scale.", "small"),
    element("div", {className: "pair"}, weights.node, updates.node), element("div", {className: "pair"}, error.node, ratio.node)));
  return () => {
    tiles.forEach(({paint}, j) => paint(Array.from({length: 64}, (_, i) => W[i * FILTERS + j]), [8, 8]));
    weights.draw(W);
    updates.draw(experiment.update);
    error.draw(experiment.errors.map((_, k) => k), [experiment.errors]);
    ratio.draw(experiment.ratios.map((_, k) => k + 1), [experiment.ratios.map(Math.log10)]);
  };
}
