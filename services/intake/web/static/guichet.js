// The live page of a site's cases: a first list from the API, then its events.

const CASE_STATUS = {
  received: "Reçu",
  in_triage: "En attente d’une décision",
  out_of_scope: "Hors de nos organismes",
  with_agencies: "Chez les organismes",
  answer_needed: "Une réponse est attendue",
  closed: "Clos",
  withdrawn: "Retiré",
};
const REFERRAL_STATUS = {
  issued: "en chemin",
  delivered: "remis",
  acknowledged: "pris en compte",
  in_progress: "en cours",
  needs_information: "attend une réponse",
  resolved: "résolu",
  refused: "refusé",
  withdrawn: "retiré",
  expired: "expiré",
};
const RENEW_EVERY = 4 * 60 * 1000; // a session lasts ten minutes
const REFRESH_AFTER = 300; // several events come together: read the list once

const $ = (id) => document.getElementById(id);
const rows = $("cases").tBodies[0];
let source = null;
let renewal = null;
let refresh = null;
let cursor = null;

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  if (answer.status === 401) showSignIn();
  return answer;
}

function showSignIn(problem = "") {
  stop();
  $("live").hidden = $("who").hidden = true;
  $("sign-in").hidden = false;
  $("sign-in-error").textContent = problem;
}

function stop() {
  source?.close();
  source = null;
  clearInterval(renewal);
  clearTimeout(refresh);
  refresh = null;
}

async function start() {
  const answer = await call("GET", "/api/v1/sessions");
  if (!answer.ok) return;
  $("account").textContent = (await answer.json()).account;
  $("sign-in").hidden = true;
  $("live").hidden = $("who").hidden = false;
  renewal = setInterval(() => call("POST", "/api/v1/sessions/renewal"), RENEW_EVERY);
  listen();
  await showLatest();
}

function listen() {
  source = new EventSource("/api/v1/events");
  source.addEventListener("open", () => say("En direct."));
  source.addEventListener("case", () => {
    refresh ??= setTimeout(showLatest, REFRESH_AFTER);
  });
  source.addEventListener("error", () => {
    say("La liaison est coupée ; nouvel essai…");
    if (source?.readyState === EventSource.CLOSED) setTimeout(restart, 2000);
  });
}

async function restart() {
  if (source === null) return;
  stop();
  await start();
}

function say(text) {
  if ($("line").textContent !== text) $("line").textContent = text;
}

async function showLatest() {
  refresh = null;
  const answer = await call("GET", "/api/v1/cases");
  if (!answer.ok) return;
  const page = await answer.json();
  rows.replaceChildren(...page.cases.map(row));
  $("none").hidden = page.cases.length > 0;
  setCursor(page.cursor);
}

async function showOlder() {
  const answer = await call("GET", `/api/v1/cases?after=${encodeURIComponent(cursor)}`);
  if (!answer.ok) return;
  const page = await answer.json();
  rows.append(...page.cases.map(row));
  setCursor(page.cursor);
}

function setCursor(next) {
  cursor = next;
  $("more").hidden = next === null;
}

function row(item) {
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = item.reference;
  const received = new Date(item.received_at).toLocaleString("fr-FR", {
    dateStyle: "short",
    timeStyle: "short",
  });
  line.append(head, statusCell(item), agenciesCell(item), cell(received));
  return line;
}

function toCall(danger) {
  return danger === "gaz"
    ? "odeur de gaz, appelez le 0 800 47 33 33"
    : `appelez le ${danger}`;
}

function statusCell(item) {
  const status = cell(CASE_STATUS[item.status] ?? item.status);
  if (item.urgent) {
    const urgent = document.createElement("strong");
    urgent.className = "urgent";
    urgent.textContent = item.danger ? ` Danger : ${toCall(item.danger)}` : " Urgent";
    status.append(urgent);
  }
  return status;
}

function agenciesCell(item) {
  const list = document.createElement("ul");
  for (const referral of item.referrals) {
    const entry = document.createElement("li");
    const name = referral.partner_name ?? referral.partner_id;
    entry.textContent = `${name} : ${REFERRAL_STATUS[referral.status] ?? referral.status}`;
    list.append(entry);
  }
  const agencies = cell("");
  agencies.append(list);
  return agencies;
}

function cell(text) {
  const made = document.createElement("td");
  made.textContent = text;
  return made;
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(event.target));
  const answer = await call("POST", "/api/v1/sessions", fields);
  if (!answer.ok) return showSignIn((await answer.json()).title);
  event.target.reset();
  await start();
});
$("sign-out").addEventListener("click", async () => {
  await call("DELETE", "/api/v1/sessions");
  showSignIn();
});
$("more").addEventListener("click", showOlder);
start();
