// The bar of decisions that can still be undone, each with its own button and its own time.

import { element } from "./choices.js";

const bar = document.getElementById("undo");
const list = document.getElementById("undo-list");
const waiting = []; // the latest last

export function offerUndo({ caseId, said, seconds, onUndo }) {
  const line = element("li");
  const count = element("span", `${Math.ceil(seconds)} s`);
  count.setAttribute("aria-hidden", "true");
  const button = element("button", "Annuler ");
  button.type = "button";
  button.append(element("kbd", "Z"));
  line.append(element("span", said), count, button);
  list.append(line);
  bar.hidden = false;

  const ends = performance.now() + seconds * 1000;
  const entry = { caseId, undo };
  const timer = setInterval(() => {
    const left = Math.ceil((ends - performance.now()) / 1000);
    if (left <= 0) close();
    else count.textContent = `${left} s`;
  }, 250);
  waiting.push(entry);
  button.addEventListener("click", undo);

  async function undo() {
    button.disabled = true;
    if (await onUndo(caseId)) close();
    else button.disabled = false;
  }
  function close() {
    clearInterval(timer);
    const place = waiting.indexOf(entry);
    if (place >= 0) waiting.splice(place, 1);
    line.remove();
    bar.hidden = waiting.length === 0;
  }
}

export function undoLatest() {
  waiting.at(-1)?.undo();
}
