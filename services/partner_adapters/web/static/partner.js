// One partner: its deliveries that are stuck, what can be done about them, its unknown words.

import { call } from "./api.js";
import { $, ask, fillTable, say } from "./dom.js";
import { openReferral, refreshReferral } from "./referral.js";
import {
  ACTION,
  MAPPED_STATUSES,
  REFUSALS,
  WHAT,
  count,
  detailsOf,
  meaningOf,
  reason,
  stateOf,
  when,
} from "./words.js";

const PAGE = 50;
const LARGEST = 200;

let shown = null; // its id
let paused = false;
let limit = PAGE;
let counted = null; // the dry run that a replay would carry out
let onChange = () => {};

export function whenChanged(tell) {
  onChange = tell;
}

const path = (rest = "") => `/partners/${shown}${rest}`;

export async function openPartner(partnerId) {
  shown = partnerId;
  limit = PAGE;
  forgetCount();
  $("replay-reason").value = "";
  $("deliveries-state").value = "parked";
  for (const id of ["words", "mapped", "no-word"]) $(id).hidden = true;
  if (!(await refreshPartner())) return;
  $("partner-title").focus();
}

export async function refreshPartner() {
  if (shown === null) return true;
  const asked = shown;
  const partner = await call("GET", path());
  const page = partner && (await call("GET", `/deliveries?${query()}`));
  if (!page || asked !== shown) return false;
  showPartner(partner);
  showDeliveries(page);
  $("partner").hidden = false;
  return true;
}

function query() {
  return new URLSearchParams({ partner: shown, state: $("deliveries-state").value, limit });
}

function showPartner(partner) {
  paused = partner.paused;
  $("partner-title").textContent = partner.name;
  $("partner-state").textContent = `État : ${stateOf(partner)}.`;
  const late = count(partner.overdue, "dossier remis n’a", "dossiers remis n’ont");
  $("partner-late").textContent = `${late} pas été pris en compte dans le délai convenu.`;
  $("partner-late").hidden = partner.overdue === 0;
  $("pause").textContent = paused ? "Reprendre les envois" : "Mettre en pause";
  fillTable($("actions"), partner.actions, {
    key: (action) => `${action.at} ${action.action}`,
    columns: [
      { label: "Quand", text: (action) => when(action.at) },
      { label: "Qui", text: (action) => action.account },
      { label: "Quoi", text: (action) => ACTION[action.action] ?? action.action },
      { label: "Détail", text: detailsOf },
    ],
    buttons: [
      {
        label: "Voir le dossier",
        about: (action) => when(action.at),
        shown: (action) => action.referral_id !== null,
        act: (action) => openReferral(action.referral_id),
      },
    ],
  });
  $("no-action").hidden = partner.actions.length > 0;
}

function showDeliveries({ deliveries, cursor }) {
  fillTable($("deliveries"), deliveries, {
    key: (delivery) => delivery.delivery_id,
    columns: [
      { label: "Dossier", text: (delivery) => delivery.reference },
      { label: "Quoi", text: (delivery) => WHAT[delivery.what] },
      { label: "Depuis ou prévu", text: (delivery) => when(delivery.since) },
      { label: "Motif", text: (delivery) => reason(delivery.reason) },
      { label: "Appels", number: true, text: (delivery) => delivery.attempts },
    ],
    buttons: [
      {
        label: "Réessayer maintenant",
        about: (delivery) => delivery.reference,
        shown: (delivery) => delivery.state !== "uncertain",
        act: retry,
      },
      {
        label: "Trancher",
        about: (delivery) => delivery.reference,
        shown: (delivery) => delivery.state === "uncertain",
        act: decide,
      },
      {
        label: "Voir",
        about: (delivery) => delivery.reference,
        act: (delivery) => openReferral(delivery.referral_id),
      },
    ],
  });
  $("no-delivery").hidden = deliveries.length > 0;
  $("more").hidden = cursor === null || limit >= LARGEST;
}

async function act(rest, body, done) {
  const answer = await call("POST", rest, body);
  if (answer !== null) say(done(answer));
  await onChange();
  return answer;
}

async function retry(delivery) {
  const said = () => `Nouvel essai demandé pour le dossier ${delivery.reference}.`;
  const life = await act(`/deliveries/${delivery.delivery_id}/retry`, undefined, said);
  if (life) refreshReferral(life);
}

async function decide(delivery) {
  $("decide-title").textContent = `Le partenaire a-t-il reçu le dossier ${delivery.reference} ?`;
  $("decide-reference").value = "";
  const answer = await ask($("decide"));
  if (!answer) return;
  const body = { was_received: answer === "received" };
  const reference = $("decide-reference").value.trim();
  if (body.was_received && reference) body.partner_reference = reference;
  const life = await act(`/deliveries/${delivery.delivery_id}/decision`, body, () =>
    body.was_received
      ? `Dossier ${delivery.reference} : noté comme remis.`
      : `Dossier ${delivery.reference} : il sera envoyé encore une fois.`,
  );
  if (life) refreshReferral(life);
}

function forgetCount() {
  counted = null;
  $("replay-go").hidden = true;
  $("replay-found").textContent = "";
}

async function countParked() {
  const body = { dry_run: true };
  if ($("replay-reason").value) body.reason = $("replay-reason").value;
  const found = await call("POST", path("/replay"), body);
  if (found === null) return;
  if (!body.reason) fillReasons(found.reasons);
  const reasons = Object.entries(found.reasons).map(([word, many]) => `${reason(word)} : ${many}`);
  $("replay-found").textContent = found.found
    ? `${count(found.found, "envoi bloqué", "envois bloqués")} (${reasons.join(" ; ")}).`
    : "Aucun envoi bloqué.";
  counted = { ...body, dry_run: false, parked_before: found.parked_before };
  $("replay-go").hidden = found.found === 0;
  $("replay-go").textContent = `Relancer ${count(found.found, "envoi", "envois")}`;
}

function fillReasons(reasons) {
  const options = Object.keys(reasons).map((word) => new Option(reason(word), word));
  $("replay-reason").replaceChildren(new Option("tous les motifs", ""), ...options);
}

async function replay() {
  const asked = counted;
  const url = path("/replay");
  let replayed = 0;
  let done;
  $("replay-go").disabled = true;
  do {
    done = await call("POST", url, asked);
    replayed += done?.replayed ?? 0;
    $("replay-found").textContent = `${count(replayed, "envoi relancé", "envois relancés")}.`;
  } while (done?.left && done.replayed);
  $("replay-go").disabled = false;
  counted = null;
  $("replay-go").hidden = true;
  $("deliveries-title").focus();
  await onChange();
}

async function showWords() {
  const words = await call("GET", path("/words"));
  if (words === null) return;
  fillTable($("words"), words.unknown, {
    key: (word) => `${word.kind} ${word.word} ${word.said_with}`,
    columns: [
      { label: "Mot", text: (word) => word.word },
      { label: "Ce que c’est", text: (word) => (word.kind === "status" ? "un état" : "un motif de refus") },
      { label: "Dit avec", text: (word) => word.said_with },
      { label: "Dossiers", number: true, text: (word) => word.referrals },
      { label: "Dernière fois", text: (word) => when(word.last_at) },
    ],
    buttons: [{ label: "Traduire", about: (word) => word.word, act: translate }],
  });
  fillTable($("mapped"), words.mapped, {
    key: (word) => `${word.kind} ${word.word}`,
    columns: [
      { label: "Mot", text: (word) => word.word },
      { label: "Veut dire", text: (word) => meaningOf(word.meaning) },
      { label: "Par", text: (word) => word.mapped_by },
      { label: "Quand", text: (word) => when(word.mapped_at) },
      { label: "Fichier du partenaire", text: (word) => (word.in_file ? "le dit aussi" : "à compléter") },
    ],
  });
  $("no-word").hidden = words.unknown.length > 0;
}

async function translate(word) {
  const meanings = word.kind === "status" ? MAPPED_STATUSES : Object.keys(REFUSALS);
  $("translate-title").textContent = `Que veut dire « ${word.word} » ?`;
  $("translate-meaning").replaceChildren(
    ...meanings.map((meaning) => new Option(meaningOf(meaning), meaning)),
  );
  if (!(await ask($("translate")))) return;
  const body = { kind: word.kind, word: word.word, meaning: $("translate-meaning").value };
  const done = await act(path("/words"), body, ({ repaired }) =>
    `« ${word.word} » est traduit ; ${count(repaired, "dossier mis à jour", "dossiers mis à jour")}.`,
  );
  if (done) await showWords();
  $("words-title").focus();
}

function close() {
  const opener = document.querySelector(`#partners tr[data-key="${shown}"] button`);
  shown = null;
  $("partner").hidden = true;
  (opener ?? $("partners-title")).focus();
}

$("pause").addEventListener("click", () =>
  act(path(paused ? "/resume" : "/pause"), undefined, (partner) => `${partner.name} : ${stateOf(partner)}.`),
);
$("retry-all").addEventListener("click", () =>
  act(path("/retry"), undefined, ({ deliveries }) =>
    `${count(deliveries, "envoi est avancé", "envois sont avancés")} à maintenant.`,
  ),
);
$("close-partner").addEventListener("click", close);
$("deliveries-state").addEventListener("change", () => {
  limit = PAGE;
  refreshPartner();
});
$("more").addEventListener("click", () => {
  limit = Math.min(limit + PAGE, LARGEST);
  refreshPartner();
});
$("replay").addEventListener("submit", (event) => {
  event.preventDefault();
  countParked();
});
$("replay-reason").addEventListener("change", forgetCount);
$("replay-go").addEventListener("click", replay);
$("show-words").addEventListener("click", showWords);
