// The live page of a site's cases: who is signed in, a first list from the API, then its events.

import { casesDrawn, drawCases, forgetCases, newsOf } from "./cases.js";

const RENEW_EVERY = 4 * 60 * 1000; // a session lasts ten minutes
const REFRESH_AFTER = 300; // several events come together: read the list once
const TRY_AGAIN_AFTER = 3000;
const LARGEST_PAGE = 200;
const FOLLOW_A_SITE = ["agent", "supervisor", "api", "bus"];
const DECIDE = ["triage", "supervisor"];
const DOWN = "Le service ne répond pas ; nouvel essai dans un instant.";

const $ = (id) => document.getElementById(id);
let source = null;
let renewal = null;
let refresh = null;
let cursor = null;
let signedIn = false;

// Gives null when there is no answer, or one that only time can better.
async function call(method, path, body) {
  try {
    const answer = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    return answer.status >= 500 ? null : answer;
  } catch {
    return null;
  }
}

function show(section) {
  for (const id of ["sign-in", "no-site", "live"]) $(id).hidden = id !== section;
  $("who").hidden = section === "sign-in";
  say("message", "");
}

function say(place, text) {
  if ($(place).textContent !== text) $(place).textContent = text;
}

function showSignIn(problem = "") {
  stop();
  signedIn = false;
  forgetCases();
  show("sign-in");
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
  stop();
  const answer = await call("GET", "/api/v1/sessions");
  if (answer === null) {
    say("message", DOWN);
    return setTimeout(start, TRY_AGAIN_AFTER);
  }
  if (!answer.ok) return showSignIn(signedIn ? "Votre session est terminée." : "");
  signedIn = true;
  welcome(await answer.json());
}

function welcome({ account, roles, site_id: site }) {
  const decides = roles.some((role) => DECIDE.includes(role));
  const follows = site !== null && roles.some((role) => FOLLOW_A_SITE.includes(role));
  $("account").textContent = account;
  $("triage").hidden = $("no-site-triage").hidden = !decides;
  show(follows ? "live" : "no-site");
  renewal = setInterval(() => call("POST", "/api/v1/sessions/renewal"), RENEW_EVERY);
  if (!follows) return;
  listen();
  showLatest();
}

function listen() {
  source = new EventSource("/api/v1/events");
  source.addEventListener("open", () => {
    say("line", "En direct : cette page se met à jour d’elle-même.");
    showSoon(); // what happened while the line was cut
  });
  source.addEventListener("case", showSoon);
  source.addEventListener("error", () => {
    say("line", "La liaison est coupée ; nouvel essai…");
    // The browser comes back by itself, except after an answer that is not a stream.
    if (source?.readyState === EventSource.CLOSED) setTimeout(start, TRY_AGAIN_AFTER);
  });
}

function showSoon() {
  refresh ??= setTimeout(showLatest, REFRESH_AFTER);
}

// As many cases as are shown already, so that whoever reads older ones keeps them.
async function showLatest() {
  refresh = null;
  const known = casesDrawn();
  const page = await read({ atLeast: known });
  if (source === null) return;
  if (page === null) return (refresh ??= setTimeout(showLatest, TRY_AGAIN_AFTER));
  const changed = drawCases(page.cases);
  $("cases").hidden = page.cases.length === 0;
  $("none").hidden = page.cases.length > 0;
  setCursor(page.cursor);
  if (known === 0 || changed.length === 0) return;
  for (const { line } of changed) line.classList.add("fresh");
  say("news", newsOf(changed));
}

async function read({ atLeast }) {
  const cases = [];
  let next = null;
  do {
    const after = next === null ? "" : `after=${encodeURIComponent(next)}&`;
    const limit = Math.min(Math.max(atLeast - cases.length, 50), LARGEST_PAGE);
    const answer = await call("GET", `/api/v1/cases?${after}limit=${limit}`);
    if (answer?.status === 401) start();
    if (!answer?.ok) return null;
    const page = await answer.json();
    cases.push(...page.cases);
    next = page.cursor;
  } while (next !== null && cases.length < atLeast);
  return { cases, cursor: next };
}

async function showOlder() {
  const page = await read({ atLeast: casesDrawn() + 50 });
  if (page === null) return;
  drawCases(page.cases);
  setCursor(page.cursor);
}

function setCursor(next) {
  cursor = next;
  $("more").hidden = cursor === null;
}

async function signIn(event) {
  event.preventDefault();
  const form = event.target;
  const { account, password } = Object.fromEntries(new FormData(form));
  $("sign-in-send").disabled = true;
  const answer = await call("POST", "/api/v1/sessions", { account, password });
  $("sign-in-send").disabled = false;
  if (!answer?.ok) return refuseSignIn(answer ? (await answer.json()).title : DOWN);
  form.reset();
  markFields({ wrong: false });
  showPassword();
  await start();
  if (signedIn) document.querySelector("main section:not([hidden]) h2").focus();
}

function refuseSignIn(problem) {
  $("sign-in-error").textContent = problem;
  markFields({ wrong: true });
  $("sign-in-account").focus();
}

function markFields({ wrong }) {
  for (const id of ["sign-in-account", "sign-in-password"]) $(id).setAttribute("aria-invalid", wrong);
}

function showPassword() {
  $("sign-in-password").type = $("sign-in-show").checked ? "text" : "password";
}

async function signOut() {
  if ((await call("DELETE", "/api/v1/sessions")) === null) return say("message", DOWN);
  showSignIn();
  $("sign-in-title").focus();
}

$("sign-in").addEventListener("submit", signIn);
$("sign-in-show").addEventListener("change", showPassword);
$("sign-out").addEventListener("click", signOut);
$("more").addEventListener("click", showOlder);
start();
