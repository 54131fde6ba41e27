// The live page of a site's cases: who is signed in, a first list from the API, then its events.

import { casesDrawn, drawCases, forgetCases, lastDrawn, markFresh, newsOf } from "./cases.js";

const RENEW_EVERY = 4 * 60 * 1000; // a session lasts ten minutes
const REFRESH_AFTER = 300; // several events come together: read the list once
const TRY_AGAIN_AFTER = 3000;
const PATIENCE = 20 * 1000; // with an answer that does not come
const PAGE = 50;
const MANY_NEW = 10; // between two looks
const LARGEST_PAGE = 200;
const FOLLOW_A_SITE = ["agent", "supervisor", "api", "bus"];
const DECIDE = ["triage", "supervisor"];
const DOWN = "Le service ne répond pas ; nouvel essai dans un instant.";

const $ = (id) => document.getElementById(id);
let source = null;
let renewal = null;
let refresh = null;
let turn = Promise.resolve();
let signedIn = false;

// Gives null when there is no answer, or one that only time can better.
async function call(method, path, body) {
  try {
    const answer = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
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
  say("news", "");
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

// One list at a time: else what was asked for earlier and comes later is drawn over the newer one.
function inTurn(read) {
  turn = turn.then(read, read);
}

function showLatest() {
  refresh = null;
  inTurn(drawLatest);
}

function showOlder() {
  inTurn(() => drawList({ count: casesDrawn() + PAGE }));
}

// Down to the last case that is shown already, so that whoever reads older ones keeps them.
async function drawLatest() {
  const known = casesDrawn();
  const changed = await drawList({ count: Math.max(known, PAGE), downTo: known > PAGE ? lastDrawn() : null });
  if (known === 0 || changed.length === 0) return;
  markFresh(changed);
  say("news", newsOf(changed));
}

// Gives the cases that are new or have changed; none without an answer, which is asked for again,
// nor for somebody who has left meanwhile.
async function drawList(wanted) {
  const line = source;
  if (line === null) return [];
  const page = await read(wanted);
  if (line !== source) return [];
  if (page !== null) return showPage(page);
  refresh ??= setTimeout(showLatest, TRY_AGAIN_AFTER);
  return [];
}

function showPage({ cases, more }) {
  const changed = drawCases(cases);
  $("cases").hidden = cases.length === 0;
  $("none").hidden = cases.length > 0;
  $("more").hidden = !more;
  return changed;
}

// The latest `count` cases, or all down to one of them if it is still found near there.
async function read({ count, downTo = null }) {
  const limit = Math.min(count + MANY_NEW, LARGEST_PAGE);
  const cases = [];
  const place = () => cases.findIndex((each) => each.case_id === downTo);
  const enough = () =>
    downTo === null ? cases.length >= count : place() >= 0 || cases.length >= count + LARGEST_PAGE;
  let next = null;
  do {
    const after = next === null ? "" : `&after=${encodeURIComponent(next)}`;
    const answer = await call("GET", `/api/v1/cases?limit=${limit}${after}`);
    if (answer?.status === 401) start();
    if (!answer?.ok) return null;
    const page = await answer.json();
    cases.push(...page.cases);
    next = page.cursor;
  } while (next !== null && !enough());
  const shown = cases.slice(0, place() + 1 || count);
  return { cases: shown, more: next !== null || shown.length < cases.length };
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
