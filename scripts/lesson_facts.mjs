// The facts of all lessons of the page for the seeds given, as JSON on standard output; lesson_facts.py starts it in Node.
// Standard input: {"seeds": [1, ...], "digits": [[64 numbers from 0 to 1], ...]}.

import {readFileSync} from "node:fs";

const folder = new URL("../dbnvis/web/static/lessons/", import.meta.url);
const MODULES = ["believes", "switches", "phases", "filters", "mislead", "race", "walker", "purpose"];
const {seeds, digits} = JSON.parse(readFileSync(0, "utf8"));
const images = digits.map((x) => Float64Array.from(x));

const rows = [];
for (const [i, name] of MODULES.entries()) {
  const lesson = Object.values(await import(new URL(`${name}.js`, folder))).find((x) => x.question);
  const initial = Object.fromEntries(Object.entries(lesson.settings).map(([key, setting]) => [key, setting.initial]));
  // The seventh lesson has two chains, a plain one and one with helpers.
  const variants = name === "walker" ? [{chains: "1"}, {chains: "8"}] : [initial];
  for (const settings of variants) for (const seed of seeds) {
    const experiment = lesson.begin(seed, settings, images);
    for (let step = 0; step < lesson.last; step++) experiment.step();
    for (const {name: fact, value, least, most} of experiment.facts()) rows.push({lesson: i + 1, fact, seed, value, least, most});
  }
}
console.log(JSON.stringify(rows));
