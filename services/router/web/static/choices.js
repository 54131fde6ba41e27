// The choices of one item as the person sees them: the text with the words that decided, and a
// box for every agency, each with its key.

import { LETTERS, REASONS } from "./words.js";

export const OUT_OF_SCOPE = "hors_perimetre";

export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

// Spans count Unicode characters, as the API does; JavaScript's own indices do not.
export function markedText(text, spans) {
  const characters = Array.from(text);
  const parts = [];
  let at = 0;
  for (const [start, end] of merged(spans)) {
    parts.push(characters.slice(at, start).join(""));
    parts.push(element("mark", characters.slice(start, end).join("")));
    at = end;
  }
  parts.push(characters.slice(at).join(""));
  return parts;
}

function merged(spans) {
  const all = [];
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else all.push([start, end]);
  }
  return all;
}

export function candidateBox(candidate, key, text) {
  const letter = LETTERS[candidate.partner];
  const box = choiceBox(candidate.partner, candidate.partner_name, letter ? [key, letter] : [key]);
  const name = box.querySelector(".name");
  const percent = Math.round(candidate.probability * 100);
  name.textContent += ` – ${percent} %`;
  const characters = Array.from(text ?? "");
  for (const need of candidate.needs) {
    const words = need.because.map(([start, end]) => characters.slice(start, end).join(""));
    const said = words.length ? ` : « ${words.join(" », « ")} »` : "";
    const reason = REASONS[need.reason] ?? need.reason;
    name.after(element("span", `${need.title} (${reason}${said})`, "reason"));
  }
  return box;
}

export function otherBox(partner, name) {
  return choiceBox(partner, name, LETTERS[partner] ? [LETTERS[partner]] : []);
}

function choiceBox(partner, name, keys) {
  const label = element("label", "", "choice");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.name = "partner";
  box.value = partner;
  box.dataset.keys = keys.join("");
  box.dataset.name = name;
  if (keys.length) box.setAttribute("aria-keyshortcuts", keys.join(" "));
  const words = element("span");
  for (const key of keys) words.append(element("kbd", key.toUpperCase()), " ");
  words.append(element("span", name, "name"));
  label.append(box, words);
  return label;
}

export const boxes = () => [...document.querySelectorAll('#decision input[name="partner"]')];
export const chosen = () => boxes().filter((box) => box.checked);

// Out of scope stands alone.
export function keepApart(changed) {
  if (!changed.checked) return;
  const alone = changed.value === OUT_OF_SCOPE;
  for (const box of boxes()) {
    if (box !== changed && (alone || box.value === OUT_OF_SCOPE)) box.checked = false;
  }
}
