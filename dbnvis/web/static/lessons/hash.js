// A lesson's state as the address has it: #lesson=3&seed=5&steps=40&hide=controls. What makes no sense is said.

/**
 * @typedef {object} Setting
 * @property {string} initial
 * @property {RegExp} valid
 * @property {string} say what is expected, "five bits, such as 01101"
 */
/** @typedef {{number: number, seed: number, steps: number, shown: boolean, hide: string[], settings: Record<string, string>}} State */

/** What can be hidden. */
export const PARTS = ["controls", "text", "code"];
const LARGEST_SEED = 0xffffffff;

/**
 * @param {string} hash location.hash
 * @param {{settings: Record<string, Setting>, last: number}[]} lessons
 * @returns {{state: State, complaints: string[]}}
 */
export function readLesson(hash, lessons) {
  const given = new URLSearchParams(hash.replace(/^#/, "")), complaints = /** @type {string[]} */ ([]);
  /** @type {(name: string, low: number, high: number, initial: number) => number} */
  const whole = (name, low, high, initial) => {
    const text = given.get(name);
    if (text === null) return initial;
    if (/^\d{1,10}$/.test(text) && Number(text) >= low && Number(text) <= high) return Number(text);
    complaints.push(`${name}=${shorter(text)} in the address is not a whole number from ${low} to ${high}; ${initial} is taken.`);
    return initial;
  };
  const number = whole("lesson", 1, lessons.length, 1), lesson = lessons[number - 1];
  const steps = whole("steps", 0, lesson.last, 0);
  const hide = (given.get("hide") ?? "").split(",").filter(Boolean);
  const unknown = hide.filter((part) => !PARTS.includes(part));
  if (unknown.length) complaints.push(`hide=${shorter(unknown.join())} in the address: only ${PARTS.join(", ")} can be hidden.`);
  /** @type {Record<string, string>} */
  const settings = {};
  for (const [name, {initial, valid, say}] of Object.entries(lesson.settings)) {
    const text = given.get(name) ?? initial;
    settings[name] = valid.test(text) ? text : initial;
    if (!valid.test(text)) complaints.push(`${name}=${shorter(text)} in the address: expected ${say}; ${initial} is taken.`);
  }
  const known = ["lesson", "seed", "steps", "answer", "hide", ...Object.keys(lesson.settings)];
  const others = [...given.keys()].filter((name) => !known.includes(name));
  if (others.length) complaints.push(`This lesson has no ${shorter(others.join(", "))}; the address may have ${known.join(", ")}.`);
  const seed = whole("seed", 0, LARGEST_SEED, 1);
  const shown = steps > 0 || given.get("answer") === "shown";
  return {state: {number, seed, steps, shown, hide: hide.filter((part) => PARTS.includes(part)), settings}, complaints};
}

/**
 * The address of a state; what is as it begins is left out, lesson and seed are not.
 * @param {State} state
 * @param {{settings: Record<string, Setting>}[]} lessons
 * @returns {string}
 */
export function writeLesson({number, seed, steps, shown, hide, settings}, lessons) {
  const parts = [`lesson=${number}`, `seed=${seed}`];
  for (const [name, {initial}] of Object.entries(lessons[number - 1].settings)) {
    if (settings[name] !== initial) parts.push(`${name}=${settings[name]}`);
  }
  if (steps) parts.push(`steps=${steps}`);
  else if (shown) parts.push("answer=shown");
  if (hide.length) parts.push(`hide=${hide.join(",")}`);
  return `#${parts.join("&")}`;
}

/**
 * @param {string} text
 * @returns {string}
 */
function shorter(text) {
  return text.length > 30 ? `${text.slice(0, 30)}…` : text;
}
