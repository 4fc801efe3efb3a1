// Every action of the page: its key, its button, its words in the help. Keys after the deep visualization toolbox of
// Yosinski et al. (2015).

import {element} from "./dom.js";

/**
 * @typedef {object} Action
 * @property {string} id
 * @property {string[]} keys as KeyboardEvent.key has them
 * @property {string} label of the button
 * @property {string} help
 * @property {"top" | "pad" | ""} place where its button stands; "": inside another part of the page
 * @property {() => void} run
 */

/**
 * Make the buttons of actions, and run actions by their keys.
 * @param {Action[]} actions
 * @param {Record<string, HTMLElement>} places
 * @returns {Map<string, HTMLButtonElement>} by the action's id
 */
export function bindActions(actions, places) {
  const buttons = new Map();
  for (const {id, keys, label, help, place, run} of actions) {
    if (place === "") continue;
    const button = element("button", {type: "button", id: `do-${id}`, title: `${help} Key: ${keys.map(keyName).join(" or ")}.`, onclick: run}, label);
    places[place].append(button);
    buttons.set(id, button);
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const focused = event.target instanceof HTMLElement ? event.target : null, arrow = event.key.startsWith("Arrow");
    if (focused?.closest("select") && event.key !== "Escape") return;
    if (focused?.closest("input[type=range]") && arrow) return;
    const action = actions.find(({keys}) => keys.includes(event.key));
    if (focused?.closest("dialog") && action?.id !== "help" && event.key !== "Escape") return;
    if (!action) return;
    event.preventDefault();
    action.run();
  });
  return buttons;
}

/**
 * @param {Action[]} actions
 * @returns {HTMLElement} a table of all keys
 */
export function keyTable(actions) {
  const rows = actions.map(({keys, help}) => {
    const names = keys.flatMap((key, i) => [i > 0 ? " " : "", element("kbd", {}, keyName(key))]);
    return element("tr", {}, element("td", {}, ...names), element("td", {}, help));
  });
  const head = element("tr", {}, element("th", {scope: "col"}, "Key"), element("th", {scope: "col"}, "What it does"));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

/** @type {Record<string, string>} */
const NAMES = {ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc"};

/** @param {string} key */
function keyName(key) {
  return NAMES[key] ?? key;
}
