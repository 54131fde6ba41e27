// The table of cases: draws what is new or has changed, and leaves the rest alone.

import { CASE_STATUS, REFERRAL_STATUS, colon, dialOf } from "./words.js";

const body = document.getElementById("cases").tBodies[0];
const drawn = new Map(); // case id → what was drawn of it, and its line
let last = null;

export function forgetCases() {
  drawn.clear();
  body.replaceChildren();
}

// Gives the cases that are new or have changed. A line that stays is not touched: somebody may
// be reading it, or have the focus in it.
export function drawCases(cases) {
  const changed = [];
  const lines = cases.map((item) => {
    const said = JSON.stringify(item);
    const known = drawn.get(item.case_id);
    if (known?.said === said) return known.line;
    const line = caseLine(item);
    known?.line.replaceWith(line);
    drawn.set(item.case_id, { said, line });
    changed.push({ item, line });
    return line;
  });
  lines.forEach((line, place) => {
    if (body.children[place] !== line) body.insertBefore(line, body.children[place] ?? null);
  });
  while (body.children.length > lines.length) body.lastElementChild.remove();
  last = cases.at(-1)?.case_id ?? null;
  return changed;
}

export function markFresh(changed) {
  for (const line of body.querySelectorAll(".fresh")) line.classList.remove("fresh");
  for (const { line } of changed) line.classList.add("fresh");
}

export const casesDrawn = () => body.children.length;
export const lastDrawn = () => last; // the case id of the oldest one

export function newsOf(changed) {
  if (changed.length !== 1) return `${changed.length} dossiers ont changé.`;
  const { reference, status } = changed[0].item;
  return `${colon(`Dossier ${reference}`, CASE_STATUS[status] ?? status)}.`;
}

function caseLine(item) {
  const line = withRole("tr", "row");
  const head = withRole("th", "rowheader");
  head.scope = "row";
  head.textContent = item.reference;
  line.append(head, statusCell(item), agenciesCell(item), receivedCell(item));
  return line;
}

function statusCell(item) {
  const made = cell("État");
  made.append(CASE_STATUS[item.status] ?? item.status);
  if (item.danger) made.append(dangerLine(dialOf(item.danger)));
  else if (item.urgent) made.append(withClass("strong", "urgent", "Urgent"));
  return made;
}

function dangerLine({ before, number }) {
  const link = document.createElement("a");
  link.href = `tel:${number.replace(/\s/g, "")}`;
  link.textContent = number;
  const line = withClass("strong", "urgent", colon("Danger", before));
  line.append(link);
  return line;
}

function agenciesCell(item) {
  const made = cell("Organismes");
  if (item.referrals.length === 0) return made;
  const list = document.createElement("ul");
  for (const referral of item.referrals) {
    const name = referral.partner_name ?? referral.partner_id;
    const entry = document.createElement("li");
    entry.textContent = colon(name, REFERRAL_STATUS[referral.status] ?? referral.status);
    list.append(entry);
  }
  made.append(list);
  return made;
}

function receivedCell(item) {
  const received = document.createElement("time");
  received.dateTime = item.received_at;
  received.textContent = new Date(item.received_at).toLocaleString("fr-FR", {
    dateStyle: "short",
    timeStyle: "short",
  });
  const made = cell("Reçu");
  made.append(received);
  return made;
}

function cell(label) {
  const made = withRole("td", "cell");
  made.dataset.label = label;
  return made;
}

function withRole(name, role) {
  const made = document.createElement(name);
  made.setAttribute("role", role);
  return made;
}

function withClass(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
