// The triage: one request at a time, decided with two keystrokes.

import {
  OUT_OF_SCOPE,
  boxes,
  candidateBox,
  chosen,
  element,
  keepApart,
  markedText,
  otherBox,
} from "./choices.js";
import { offerUndo, undoLatest } from "./undo.js";
import { CHANNELS, DIAL, REFUSALS, why } from "./words.js";

const API = "/api/v1/triage";
const LOOK_EVERY = 10 * 1000;
const RENEW_EVERY = 4 * 60 * 1000; // a session lasts ten minutes

const $ = (id) => document.getElementById(id);
let choices = null;
let item = null;
let passed = [];
let busy = false;
let look = null;
let key = null; // of the decision being sent: the same again when the line breaks

async function call(method, path, { body, headers = {}, keepalive = false } = {}) {
  try {
    const answer = await fetch(path, {
      method,
      keepalive,
      headers: body ? { "Content-Type": "application/json", ...headers } : headers,
      body: body && JSON.stringify(body),
    });
    if (answer.status === 401 || answer.status === 403) showSignedOut(answer.status);
    return answer;
  } catch {
    say("La liaison est coupée ; réessayez dans un instant.");
    return null;
  }
}

const say = (text) => ($("message").textContent = text);

function show(section, title) {
  clearTimeout(look);
  for (const id of ["signed-out", "nothing", "item"]) $(id).hidden = id !== section;
  $(title).focus();
}

function showSignedOut(status) {
  $("signed-out-why").textContent =
    status === 403 ? "Votre compte ne décide pas des demandes." : "Votre session n’est pas ouverte.";
  show("signed-out", "signed-out-title");
}

async function problemOf(answer) {
  const problem = await answer.json().catch(() => ({}));
  const fields = (problem.errors ?? []).map((error) => error.message);
  return [problem.title ?? "La demande a échoué.", ...fields].join(" ");
}

async function next() {
  clearTimeout(look);
  if (choices === null) {
    const answer = await call("GET", `${API}/choices`);
    if (!answer?.ok) return lookAgain(answer);
    choices = await answer.json();
    fillBodies();
  }
  const answer = await call("POST", `${API}/next`, { body: { skip: passed.slice(-100) } });
  if (!answer?.ok) return lookAgain(answer);
  if (answer.status === 204) return showNothing();
  showItem(await answer.json());
}

function lookAgain(answer) {
  if (answer?.status === 401 || answer?.status === 403) return;
  if (answer) say("Le service ne répond pas ; nouvel essai dans un instant.");
  clearTimeout(look);
  look = setTimeout(next, LOOK_EVERY);
}

function showNothing() {
  item = null;
  $("again").hidden = passed.length === 0;
  $("nothing-title").textContent = passed.length
    ? "Il ne reste que les demandes que vous avez passées"
    : "Rien n’attend de décision";
  if ($("nothing").hidden) show("nothing", "nothing-title");
  look = setTimeout(next, LOOK_EVERY);
}

function showItem(shown) {
  item = shown;
  key = null;
  say("");
  $("decision-error").textContent = "";
  showDanger(shown.danger);
  $("item-title").replaceChildren(`Demande ${shown.reference}`);
  if (shown.urgent) $("item-title").append(element("strong", " – urgent", "urgent"));
  $("why").textContent = why(shown.reason);
  const needs = [...shown.candidates.flatMap((each) => each.needs), ...shown.returned_needs];
  const spans = needs.flatMap((need) => need.because);
  $("text").lang = shown.language ?? "";
  $("text").replaceChildren(
    ...(shown.text === null ? ["Ce texte ne peut pas être ouvert."] : markedText(shown.text, spans)),
  );
  $("about").textContent = about(shown);
  showRefusals(shown);
  showChoices(shown);
  show("item", "item-title");
}

function showDanger(number) {
  $("danger").hidden = number === null;
  if (number === null) return $("danger").replaceChildren();
  const [label, dial] = DIAL[number] ?? [number, number];
  const link = element("a", label);
  link.href = `tel:${dial}`;
  $("danger").replaceChildren("Danger : appelez d’abord ", ...(number === "gaz" ? [] : ["le "]), link);
}

function about(shown) {
  const parts = [`Reçue ${CHANNELS[shown.channel] ?? shown.channel}, ${shown.site_id}`];
  parts.push(new Date(shown.taken_at).toLocaleString("fr-FR", { dateStyle: "long", timeStyle: "short" }));
  if (shown.postcode) parts.push(`code postal ${shown.postcode}`);
  if (shown.already_with.length) {
    parts.push(`déjà chez : ${shown.already_with.map((p) => p.partner_name).join(", ")}`);
  }
  if (shown.bodies.length) parts.push(`aussi : ${shown.bodies.map((b) => b.name).join(", ")}`);
  return `${parts.join(" · ")}.`;
}

function showRefusals({ refusals, returned_needs: returned }) {
  $("refusals").hidden = refusals.length === 0;
  $("refusal-list").replaceChildren(
    ...refusals.map((refusal) => {
      const words = refusal.words ? ` : « ${refusal.words} »` : ".";
      const reason = REFUSALS[refusal.reason] ?? refusal.reason;
      return element("li", `${refusal.partner_name} ${reason}${words}`);
    }),
  );
  const asked = [...new Set(returned.map((need) => need.title))].join(" ; ");
  $("asked").textContent = asked ? `On leur demandait : ${asked}.` : "";
}

function showChoices(shown) {
  const candidates = shown.candidates.slice(0, 9);
  const apart = new Set([
    ...candidates.map((candidate) => candidate.partner),
    ...shown.refusals.map((refusal) => refusal.partner),
  ]);
  $("candidate-list").replaceChildren(
    ...candidates.map((each, index) => candidateBox(each, String(index + 1), shown.text)),
  );
  $("no-candidate").hidden = candidates.length > 0;
  const others = choices.partners.filter((each) => !apart.has(each.partner));
  $("other-list").replaceChildren(
    ...others.map((each) => otherBox(each.partner, each.partner_name)),
    otherBox(OUT_OF_SCOPE, "Hors de nos organismes"),
  );
  $("body").value = shown.bodies[0]?.body_id ?? "";
}

function fillBodies() {
  const options = choices.bodies.map((body) => new Option(body.name, body.id));
  $("body").replaceChildren(new Option("Aucun n’est nommé", ""), ...options);
}

async function decide() {
  const partners = chosen();
  if (busy || item === null) return;
  if (partners.length === 0) {
    $("decision-error").textContent = "Choisissez d’abord un organisme.";
    return boxes()[0]?.focus();
  }
  busy = $("send").disabled = true;
  const decided = item;
  const body = { partners: partners.map((box) => box.value) };
  if ($("body").value) body.body = $("body").value;
  const names = partners.map((box) => box.dataset.name).join(", ");
  if (key?.body !== JSON.stringify(body)) key = { body: JSON.stringify(body), value: newKey() };
  const answer = await call("POST", `${API}/${decided.case_id}/decision`, {
    body,
    headers: { "Idempotency-Key": key.value },
  });
  busy = $("send").disabled = false;
  if (answer === null || answer.status === 401 || answer.status === 403) return;
  if (answer.ok) {
    const said = `Demande ${decided.reference} : ${names}.`;
    const seconds = secondsUntil((await answer.json()).undo_until, answer);
    await next();
    say(`Décision prise. ${said}`);
    offerUndo({ caseId: decided.case_id, said, seconds, onUndo: undo });
  } else if (answer.status === 409) {
    const problem = await problemOf(answer);
    await next();
    say(problem);
  } else {
    $("decision-error").textContent = await problemOf(answer);
  }
}

// By the server's clock, since this machine's may be wrong; its header has whole seconds only, and
// a button that comes too late would be worse than one that goes a little early.
function secondsUntil(instant, answer) {
  const now = Date.parse(answer.headers.get("Date") ?? "") + 999 || Date.now();
  return Math.max(0, (Date.parse(instant) - now) / 1000);
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function undo(caseId) {
  const answer = await call("DELETE", `${API}/${caseId}/decision`);
  if (answer === null || answer.status === 401) return false;
  if (!answer.ok) {
    say(await problemOf(answer));
    return true;
  }
  giveBack();
  const again = await call("GET", `${API}/${caseId}`);
  if (again?.ok) {
    showItem(await again.json());
    say("Décision annulée.");
  } else {
    await next();
  }
  return true;
}

function giveBack() {
  if (item !== null) call("DELETE", `${API}/${item.case_id}/hold`, { keepalive: true });
  item = null;
}

async function pass() {
  if (busy || item === null) return;
  passed.push(item.case_id);
  giveBack();
  await next();
}

function onKey(event) {
  if (!$("shortcuts").checked || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.repeat || event.target.matches("select")) return;
  const pressed = event.key.toLowerCase();
  if (pressed === "z") return undoLatest();
  if (item === null || $("item").hidden) return;
  if (pressed === "escape") return pass();
  if (pressed === "enter") {
    if (event.target.matches("button, a, summary")) return;
    event.preventDefault();
    return decide();
  }
  const box = boxes().find((each) => pressed.length === 1 && each.dataset.keys.includes(pressed));
  if (!box) return;
  event.preventDefault();
  box.checked = !box.checked;
  keepApart(box);
  box.focus();
}

$("decision").addEventListener("submit", (event) => {
  event.preventDefault();
  decide();
});
$("decision").addEventListener("change", (event) => {
  if (event.target.name === "partner") keepApart(event.target);
});
$("pass").addEventListener("click", pass);
$("resume").addEventListener("click", () => next());
$("again").addEventListener("click", () => {
  passed = [];
  next();
});
document.addEventListener("keydown", onKey);
window.addEventListener("pagehide", giveBack);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) next();
});
$("shortcuts").checked = localStorage.getItem("shortcuts") !== "off";
$("shortcuts").addEventListener("change", () => {
  localStorage.setItem("shortcuts", $("shortcuts").checked ? "on" : "off");
});
// With one origin for all doors the session is renewed from here; otherwise the desk's page,
// kept open, renews it.
if ($("sign-in-link").getAttribute("href").startsWith("/")) {
  setInterval(() => call("POST", "/api/v1/sessions/renewal"), RENEW_EVERY);
}
next();
