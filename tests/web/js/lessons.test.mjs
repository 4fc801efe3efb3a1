// The facts that the lessons assert, for several seeds, and the state in the address.

import assert from "node:assert/strict";
import {test} from "node:test";

const folder = new URL("../../../dbnvis/web/static/", import.meta.url);
const of = (name) => import(new URL(name, folder));
const exact = await of("lessons/exact.js");
const {readLesson, writeLesson} = await of("lessons/hash.js");
const {Beliefs, believes} = await of("lessons/believes.js");
const {Switches, switches} = await of("lessons/switches.js");
const {Phases, phases} = await of("lessons/phases.js");
const {Filters, filters} = await of("lessons/filters.js");
const {Misleading, misleads} = await of("lessons/mislead.js");
const {Race, race} = await of("lessons/race.js");
const {Walk, walks} = await of("lessons/walker.js");
const {Clamped, purpose} = await of("lessons/purpose.js");
const {Sfc32} = await of("random.js");

const SEEDS = Array.from({length: 20}, (_, seed) => seed + 1);
const rng = new Sfc32(9);
const digits = Array.from({length: 1797}, () => Float64Array.from({length: 64}, () => Math.floor(17 * rng.random()) / 16));
const near = (a, b, within = 1e-12) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);
const LESSONS = [believes, switches, phases, filters, misleads, race, walks, purpose];
const after = (experiment, steps) => {
  for (let i = 0; i < steps; i++) experiment.step();
  return experiment;
};
const holds = (experiment) => experiment.facts().forEach(({text, holds}) => assert.ok(holds, text));

test("states are numbered, and too many are refused with the limit", () => {
  exact.binaryStates(5).forEach((state, k) => assert.equal(exact.numberOf(state), k));
  assert.throws(() => exact.binaryStates(17), /1 to 16 units/);
});

test("both sides of a machine give one log Z, and probabilities of sum 1", () => {
  const machine = exact.randomMachine(5, 3, rng, 2);
  machine.hbias.forEach((_, j) => (machine.hbias[j] = rng.normal()));
  const visible = exact.distribution(machine, "visible"), hidden = exact.distribution(machine, "hidden");
  near(visible.logZ, hidden.logZ);
  for (const {p} of [visible, hidden]) near(p.reduce((a, b) => a + b, 0), 1);
  const means = exact.modelStatistics(machine);
  visible.states[0].forEach((_, i) => near(means.vbias[i], visible.states.reduce((sum, v, k) => sum + v[i] * visible.p[k], 0)));
  near(exact.divergence(machine, exact.sweeps(machine, [new Float64Array(3)], 1, rng)) >= 0 ? 0 : 1, 0);
});

test("bars and stripes: every picture, blank and full ones twice", () => {
  const rows = exact.barsAndStripes(4).map((v) => v.join(""));
  assert.equal(rows.length, 32);
  assert.equal(new Set(rows).size, 30);
  for (const twice of ["0".repeat(16), "1".repeat(16)]) assert.equal(rows.filter((row) => row === twice).length, 2);
});

test("1: probabilities add up, free energies are those of the list, the walk visits states as often as they are likely", () => {
  for (const seed of SEEDS) holds(new Beliefs(seed, "00000"));
  const walk = new Beliefs(1, "00000");
  for (let i = 0; i < 40000; i++) walk.step();
  near(exact.totalVariation(walk.visits.map((n) => n / walk.steps), walk.p), 0, 0.02);
});

test("1: of the states to choose from one alone has the lowest energy, and it is the right answer", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const experiment = new Beliefs(seed, "00000"), {choices, right} = believes.predict(experiment);
    const energies = choices.map((name) => experiment.energies[exact.numberOf([...name.replace(/\D/g, "")].map(Number))]);
    assert.ok(choices.length >= 2 && energies.every((E, i) => i === right || E > energies[right] + 0.1), `${seed}: ${energies}`);
  }
});

test("2: what a unit does given the picture is what the list of states says", () => {
  for (const seed of SEEDS) {
    const experiment = new Switches(seed, "digit", seed % 6, digits);
    holds(experiment);
    assert.deepEqual(new Switches(seed, experiment.pixels, 0, digits).v, experiment.v);
  }
});

test("3: the exact gradient is the slope of log p, and CD-1 learns", () => {
  for (const seed of SEEDS.slice(0, 5)) {
    const experiment = new Phases(seed);
    for (let i = 0; i < 800; i++) experiment.step();
    holds(experiment);
    assert.equal(experiment.updates, 200);
    assert.ok(experiment.logs[200] > experiment.logs[0] + 0.2, String(experiment.logs[200]));
  }
});

test("4: an epoch is 75 updates, and learning is not at its end before the last", () => {
  const experiment = after(new Filters(1, digits), 2);
  assert.equal(experiment.learner.updates, 150);
  assert.ok(experiment.facts().every(({holds}) => holds === null));
  near(experiment.update.reduce((a, b) => a + Math.abs(b), 0) > 0 ? 0 : 1, 0);
});

test("5: the error falls and log p falls too, for every seed", () => {
  for (const seed of SEEDS.slice(0, 3)) holds(after(new Misleading(seed), misleads.last));
});

test("6: on the mean of 5 seeds exact is closest, then PCD, then CD-1", () => {
  const mean = [0, 0, 0];
  for (const seed of SEEDS.slice(0, 5)) {
    const experiment = after(new Race(seed), race.last);
    holds(experiment);
    experiment.distances.forEach((distance, i) => (mean[i] += distance / 5));
    near(experiment.curves[0][0], experiment.curves[2][0]); // the same start
  }
  assert.ok(mean[0] <= mean[1] && mean[1] < mean[2] - 0.1, String(mean));
});

test("7: the plain chain stays in its mode, the tempered one mixes, for every seed", () => {
  for (const seed of SEEDS) for (const chains of [1, 8]) holds(after(new Walk(seed, chains), walks.last));
});

test("8: clamped chains come to the exact mean, for every unit", () => {
  for (const seed of SEEDS.slice(0, 6)) holds(after(new Clamped(seed, seed - 1), 500));
});

test("every lesson has what the page needs; its choices are distinct", () => {
  for (const lesson of LESSONS) {
    assert.equal(lesson.happened.length, 3, lesson.question);
    assert.ok(lesson.question.endsWith("?"));
    for (const {initial, valid} of Object.values(lesson.settings)) assert.match(initial, valid);
    for (const seed of [1, 2, 3, 4]) {
      const settings = Object.fromEntries(Object.entries(lesson.settings).map(([name, {initial}]) => [name, initial]));
      const {choices, right} = lesson.predict(lesson.begin(seed, settings, digits));
      assert.equal(new Set(choices).size, choices.length);
      assert.ok(choices.length >= 2 && choices[right] !== undefined, lesson.question);
    }
  }
});

test("the address: there and back, and what makes no sense is said", () => {
  const state = {number: 2, seed: 5, steps: 0, shown: true, hide: ["controls", "text"], settings: {pixels: "00ff00ff00ff00ff", unit: "1"}};
  const hash = writeLesson(state, LESSONS);
  assert.equal(hash, "#lesson=2&seed=5&pixels=00ff00ff00ff00ff&answer=shown&hide=controls,text");
  assert.deepEqual(readLesson(hash, LESSONS), {state, complaints: []});
  assert.deepEqual(readLesson("", LESSONS).complaints, []);
  for (const [bad, said] of [["lesson=9", /from 1 to 8; 1 is taken/], ["seed=-1", /whole number/], ["seed=1e99", /whole number/], ["lesson=1&bits=012", /five bits/],
    ["steps=99999", /0 to 2000; 0/], ["hide=me", /only controls/], ["hidden=30", /has no hidden/], [`seed=${"9".repeat(500)}`, /9…/]]) {
    const {complaints, state: taken} = readLesson(`#${bad}`, LESSONS);
    assert.equal(complaints.length, 1, bad);
    assert.match(complaints[0], said);
    assert.deepEqual([taken.number, taken.seed, taken.steps], [1, 1, 0]);
  }
});
