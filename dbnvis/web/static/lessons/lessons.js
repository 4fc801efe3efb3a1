// The page of lessons: one question at a time, a prediction, a picture that plays, steps and starts again. What is
// shown is in the address. Keys: p play, n next step, r start again, 1 to 8 a lesson.

import {bytesOf, inflateRaw, readHeader} from "../decode.js";
import {byId, element} from "../dom.js";
import {believes} from "./believes.js";
import {paragraph, prose} from "./draw.js";
import {filters} from "./filters.js";
import {readLesson, writeLesson} from "./hash.js";
import {misleads} from "./mislead.js";
import {phases} from "./phases.js";
import {purpose} from "./purpose.js";
import {race} from "./race.js";
import {switches} from "./switches.js";
import {walks} from "./walker.js";

/** @typedef {import("./fact.js").Fact} Fact */
/** @typedef {{step(): void, facts(): Fact[]}} Experiment  the numbers of a lesson, without a picture */
/** @typedef {Float64Array[]} Digits  1,797 images of 8x8 pixels from 0 to 1 */
/** @typedef {{ask: string, choices: string[], right: number, why: string}} Prediction */
/**
 * @typedef {object} Lesson
 * @property {string} question
 * @property {string[]} intro
 * @property {(experiment: any) => Prediction} predict
 * @property {string} formula
 * @property {string[]} happened three sentences
 * @property {Record<string, import("./hash.js").Setting>} settings
 * @property {number} last the most steps
 * @property {number} pace steps a second
 * @property {string} unit what a step is
 * @property {(seed: number, settings: Record<string, string>, digits: Digits) => any} begin the experiment
 * @property {(stage: HTMLElement, experiment: any, change: (settings: Record<string, string>, again?: boolean) => void) => () => void} show
 *   fills the stage; what it returns paints the experiment as it is now
 */

/** @type {Lesson[]} */
const LESSONS = [believes, switches, phases, filters, misleads, race, walks, purpose];
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

/** The page, of which there is one. */
class Classroom {
  /**
   * @param {Digits} digits
   * @param {Record<string, string>} python lines of each lesson
   */
  constructor(digits, python) {
    this.digits = digits;
    this.python = python;
    this.playing = 0; // the number of the next frame, if it plays
    /** @type {string} */
    this.hash = "";
    this.paint = () => {};
    this.play = labelled("Play", () => this.toggle(), "p");
    this.next = labelled("Step", () => this.step(), "n");
    this.again = labelled("Reset", () => this.begin(0), "r");
    this.count = element("span", {className: "small count"});
    this.seed = element("input", {id: "seed", inputMode: "numeric", size: 6, onchange: () => this.reseed()});
    const seeded = element("label", {className: "field", title: "The same seed gives the same numbers, on every machine"}, "Seed ", this.seed);
    byId("controls", HTMLElement).replaceChildren(this.play, this.next, this.again, seeded, labelled("New seed", () => this.reseed(1)), this.count);
    this.showAll = element("button", {type: "button", id: "showall", onclick: () => this.hide([])}, "Show controls");
    document.body.append(this.showAll);
    this.makeButtons();
    addEventListener("hashchange", () => {
      if (location.hash === this.hash) return;
      this.open();
      scrollTo(0, 0);
    });
    addEventListener("keydown", (event) => this.key(event));
    this.open();
  }

  /** What the address says; the picture after so many steps. */
  open() {
    const {state, complaints} = readLesson(location.hash, LESSONS);
    this.state = state;
    this.lesson = LESSONS[state.number - 1];
    byId("notes", HTMLElement).replaceChildren(...complaints.map((text) => paragraph(text, "warn")));
    const {question, intro, formula, happened} = this.lesson;
    byId("kicker", HTMLElement).textContent = `Lesson ${state.number} of ${LESSONS.length}`;
    byId("question", HTMLElement).textContent = question;
    document.title = `${state.number}. ${question} · dbnvis lessons`;
    byId("intro", HTMLElement).replaceChildren(...intro.map((text) => paragraph(text)));
    byId("formula", HTMLElement).replaceChildren(...prose(formula));
    byId("happened", HTMLElement).replaceChildren(...happened.map((text) => paragraph(text)));
    byId("python", HTMLElement).textContent = this.python[state.number] ?? "";
    byId("contents", HTMLElement).querySelectorAll("a").forEach((link, i) => {
      if (i === state.number - 1) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    byId("onward", HTMLElement).replaceChildren(...[state.number - 1, state.number + 1].map((number) => {
      const other = LESSONS[number - 1];
      return other ? element("a", {href: `#lesson=${number}`}, `${number}. ${other.question}`) : element("span");
    }));
    this.begin(state.steps);
  }

  /**
   * Start the experiment, and let it make some steps.
   * @param {number} steps
   */
  begin(steps) {
    const {lesson, state, digits} = this.present();
    this.stop();
    this.experiment = lesson.begin(state.seed, state.settings, digits);
    for (state.steps = 0; state.steps < steps; state.steps++) this.experiment.step();
    const stage = byId("stage", HTMLElement), buttons = () => Array.from(stage.querySelectorAll("button"));
    const held = buttons().findIndex((button) => button === document.activeElement);
    stage.replaceChildren();
    this.paint = lesson.show(stage, this.experiment, (settings, again) => this.change(settings, again));
    buttons()[held]?.focus(); // a button that starts the experiment again keeps the keyboard
    byId("verdict", HTMLElement).textContent = "";
    const prediction = lesson.predict(this.experiment);
    byId("ask", HTMLElement).replaceChildren(...prose(prediction.ask));
    const choices = prediction.choices.map((text, i) => {
      const button = element("button", {type: "button", onclick: () => this.choose(prediction, i)}, ...prose(text));
      button.setAttribute("aria-pressed", "false");
      return button;
    });
    const skip = element("button", {type: "button", className: "skip", onclick: () => this.reveal()}, "Show without a guess");
    byId("choices", HTMLElement).replaceChildren(...choices, skip);
    this.seed.value = String(state.seed);
    if (state.shown) this.reveal();
    this.refresh();
  }

  /** The lesson that is open. */
  present() {
    if (!this.lesson || !this.state) throw new Error("no lesson is open");
    return {lesson: this.lesson, state: this.state, digits: this.digits};
  }

  /**
   * A guess: say whether it was right, and show.
   * @param {Prediction} prediction
   * @param {number} chosen
   */
  choose({right, choices, why}, chosen) {
    byId("choices", HTMLElement).querySelectorAll("button").forEach((button, i) => {
      if (i < choices.length) button.setAttribute("aria-pressed", String(i === chosen));
    });
    const verdict = byId("verdict", HTMLElement);
    verdict.replaceChildren(element("b", {}, chosen === right ? "Right. " : "Not so. "), ...prose(why));
    this.reveal();
  }

  /** Show the answer, and let the picture play. */
  reveal() {
    this.present().state.shown = true;
    this.refresh();
  }

  /** The experiment makes one step, or as many as are left. */
  step(count = 1) {
    const {lesson, state} = this.present();
    for (let i = 0; i < count && state.steps < lesson.last; i++) {
      this.experiment.step();
      state.steps += 1;
    }
    if (state.steps >= lesson.last) this.stop();
    this.refresh();
  }

  /** Play, or pause. */
  toggle() {
    if (this.playing) {
      this.stop();
      this.refresh();
      return;
    }
    const {lesson, state} = this.present();
    if (state.steps >= lesson.last) this.begin(0);
    let last = performance.now(), owed = 0;
    const frame = (/** @type {number} */ now) => {
      owed += (Math.min(now - last, 250) * lesson.pace) / 1000;
      last = now;
      this.playing = requestAnimationFrame(frame);
      const due = stillness.matches ? lesson.pace / 2 : 1; // half a second of steps at once where motion is unwanted
      if (owed >= due) {
        this.step(Math.floor(owed));
        owed %= 1;
      }
    };
    this.playing = requestAnimationFrame(frame);
    this.refresh();
  }

  stop() {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
  }

  /**
   * Settings that the picture itself has changed.
   * @param {Record<string, string>} settings
   * @param {boolean} [again] whether the experiment starts again with them
   */
  change(settings, again = false) {
    Object.assign(this.present().state.settings, settings);
    if (again) this.begin(0);
    else this.refresh();
  }

  /** Paint, and say where we are: in the buttons, in the facts, in the address. */
  refresh() {
    const {lesson, state} = this.present(), {shown, steps, hide} = state, {body} = document;
    this.paint();
    body.dataset.shown = String(shown);
    body.dataset.hide = hide.join(" ");
    byId("after", HTMLElement).hidden = !shown;
    this.play.textContent = this.playing ? "Pause" : "Play";
    this.play.disabled = this.next.disabled = !shown;
    this.next.disabled ||= steps >= lesson.last;
    this.again.disabled = steps === 0;
    this.count.textContent = shown ? `${lesson.unit} ${steps.toLocaleString("en")} of ${lesson.last.toLocaleString("en")}` : "";
    this.showAll.hidden = !hide.length;
    const facts = shown ? this.experiment.facts() : [];
    byId("facts", HTMLElement).replaceChildren(...facts.map((/** @type {Fact} */ {text, holds}) => {
      const sign = holds === null ? "· " : holds ? "✓ " : "✗ ";
      return element("span", {className: "fact", "data-holds": String(holds)}, sign, ...prose(text));
    }));
    this.hash = writeLesson(state, LESSONS);
    if (!this.playing && location.hash !== this.hash) {
      try {
        history.replaceState(null, "", this.hash);
      } catch {
        this.hash = location.hash; // a browser that keeps its history closed; the lesson goes on
      }
    }
  }

  /** Contents, the row of controls, and what hides them. */
  makeButtons() {
    const link = (/** @type {Lesson} */ {question}, /** @type {number} */ i) =>
      element("li", {}, element("a", {href: `#lesson=${i + 1}`, title: question, ariaLabel: `Lesson ${i + 1}: ${question}`}, String(i + 1)));
    byId("contents", HTMLElement).replaceChildren(...LESSONS.map(link));
    const dark = () => {
      const root = document.documentElement, now = getComputedStyle(root).colorScheme.includes("dark");
      root.dataset.theme = now ? "light" : "dark";
    };
    byId("actions", HTMLElement).replaceChildren(
      labelled("Hide controls", () => this.hide(["controls"])), labelled("Picture only", () => this.hide(["controls", "text", "code"])),
      labelled("Light or dark", dark));
  }

  /** @param {string[]} parts */
  hide(parts) {
    this.present().state.hide = parts;
    this.refresh();
  }

  /**
   * Begin with the seed that was written, or one further.
   * @param {number} [by]
   */
  reseed(by = 0) {
    const {state} = this.present(), wanted = Number(this.seed.value.trim() || NaN) + by;
    if (Number.isInteger(wanted) && wanted >= 0 && wanted <= 0xffffffff) state.seed = wanted;
    else byId("notes", HTMLElement).replaceChildren(paragraph("A seed is a whole number from 0 to 4294967295.", "warn"));
    this.begin(0);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const {target, key, ctrlKey, metaKey, altKey} = event;
    if (ctrlKey || metaKey || altKey || target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
    const {state} = this.present();
    if (/^[1-9]$/.test(key) && Number(key) <= LESSONS.length) location.hash = `#lesson=${key}`;
    else if (key === "r") this.begin(0);
    else if (key === "p" && state.shown) this.toggle();
    else if (key === "n" && state.shown) this.step();
    else return;
    event.preventDefault();
  }
}

/**
 * A button, with the key that does the same.
 * @param {string} text
 * @param {() => void} onclick
 * @param {string} [key]
 */
function labelled(text, onclick, key = "") {
  const made = element("button", {type: "button", onclick, title: key ? `Key: ${key}` : ""}, text);
  if (key) made.setAttribute("aria-keyshortcuts", key);
  return made;
}

async function beginLessons() {
  try {
    const header = readHeader(document), blob = document.getElementById(`blob-${header.pool.images}`);
    const pixels = await inflateRaw(bytesOf(blob?.textContent ?? "")), size = 64;
    const digits = Array.from({length: pixels.length / size}, (_, n) =>
      Float64Array.from(pixels.subarray(n * size, (n + 1) * size), (x) => x / header.pool.range[1]));
    new Classroom(digits, /** @type {any} */ (header).python);
    document.documentElement.dataset.ready = "yes";
  } catch (error) {
    const stop = byId("stop", HTMLElement);
    stop.textContent = `This page cannot start: ${error instanceof Error ? error.message : error}`;
    stop.hidden = false;
    document.documentElement.dataset.ready = "no";
  }
}

beginLessons();
