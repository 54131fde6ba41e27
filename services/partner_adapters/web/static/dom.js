// What every part of the page is built with.

export const $ = (id) => document.getElementById(id);
export const say = (text) => ($("message").textContent = text);

export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

// Columns: { label, text, number?, trouble? }, the first one names the row. Buttons:
// { label, about, act, shown? }. Rows are kept from one refresh to the next, so that whoever is on
// a button stays there.
export function fillTable(table, items, { key, columns, buttons = [] }) {
  if (!table.tHead) addHead(table, columns, buttons);
  const [body] = table.tBodies;
  const kept = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  items.forEach((item, place) => {
    const row = kept.get(key(item)) ?? makeRow(key(item), columns, buttons);
    kept.delete(row.dataset.key);
    updateRow(row, item, columns, buttons);
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  const hadFocus = [...kept.values()].some((row) => row.contains(document.activeElement));
  for (const row of kept.values()) row.remove();
  if (hadFocus) heading(table)?.focus();
  table.hidden = items.length === 0;
}

const heading = (table) => table.closest("section")?.querySelector("h2[tabindex]");

function addHead(table, columns, buttons) {
  const head = table.createTHead();
  const body = table.createTBody();
  const row = head.insertRow();
  for (const group of [head, body]) group.setAttribute("role", "rowgroup");
  row.setAttribute("role", "row");
  const all = buttons.length ? [...columns, { label: "Actions" }] : columns;
  for (const column of all) {
    const cell = element("th", column.label, column.number ? "number" : "");
    cell.scope = "col";
    cell.setAttribute("role", "columnheader");
    row.append(cell);
  }
}

function makeRow(key, columns, buttons) {
  const row = element("tr");
  row.dataset.key = key;
  row.setAttribute("role", "row");
  columns.forEach((column, place) => {
    const cell = element(place === 0 ? "th" : "td", "", column.number ? "number" : "");
    if (place === 0) cell.scope = "row";
    else cell.dataset.label = column.label;
    cell.setAttribute("role", place === 0 ? "rowheader" : "cell");
    row.append(cell);
  });
  if (buttons.length) {
    const cell = element("td");
    cell.setAttribute("role", "cell");
    const group = element("div", "", "actions");
    for (const button of buttons) {
      const made = element("button", button.label, "quiet");
      made.type = "button";
      made.addEventListener("click", () => button.act(row.item));
      group.append(made);
    }
    cell.append(group);
    row.append(cell);
  }
  return row;
}

function updateRow(row, item, columns, buttons) {
  row.item = item;
  columns.forEach((column, place) => {
    const cell = row.cells[place];
    const text = String(column.text(item) ?? "");
    if (cell.textContent !== text) cell.textContent = text;
    cell.classList.toggle("trouble", Boolean(column.trouble?.(item)));
  });
  const made = row.querySelectorAll("button");
  buttons.forEach((button, place) => {
    made[place].hidden = button.shown ? !button.shown(item) : false;
    made[place].setAttribute("aria-label", `${button.label} : ${button.about(item)}`);
  });
}

// Asks in a dialog; resolves to the value of the button pressed, "" when it was left.
export function ask(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue), { once: true });
  });
}
