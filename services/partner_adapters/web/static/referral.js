// One referral's whole life.

import { call } from "./api.js";
import { $, element, fillTable } from "./dom.js";
import {
  ACTION,
  DELIVERY_STATE,
  MEANING,
  OUTCOME,
  STATUS,
  WHAT,
  count,
  detailsOf,
  reason,
  when,
} from "./words.js";

let shown = null; // its id
let cameFrom = null; // what had the focus

export async function openReferral(referralId, { opened = false } = {}) {
  const referral = await call("GET", `/referrals/${referralId}${opened ? "?opened=true" : ""}`);
  if (referral === null) return false;
  if (shown === null) cameFrom = document.activeElement;
  showReferral(referral);
  $("referral-title").focus();
  return true;
}

// After an action that answers with the life it changed.
export function refreshReferral(referral) {
  if (shown === referral.referral_id) showReferral(referral);
}

export function closeReferral() {
  shown = null;
  $("referral").hidden = true;
  if (cameFrom?.isConnected && cameFrom.checkVisibility()) cameFrom.focus();
  else $("partners-title").focus();
}

function showReferral(referral) {
  shown = referral.referral_id;
  $("referral-title").textContent = `Dossier ${referral.reference} – ${referral.partner_id}`;
  $("open-words").hidden = referral.opened;
  showFacts(referral);
  $("referral-deliveries").replaceChildren(...referral.deliveries.flatMap(deliveryShown));
  fillTable($("referral-statuses"), referral.statuses.map(numbered), {
    key: (status) => String(status.place),
    columns: [
      { label: "Reçu", text: (status) => when(status.received_at) },
      { label: "Dit le", text: (status) => when(status.said_at) },
      { label: "Mot", text: (status) => status.word ?? "(à ouvrir)" },
      { label: "Effet", text: (status) => MEANING[status.meaning] },
      { label: "Message", text: (status) => status.message },
    ],
  });
  $("no-status").hidden = referral.statuses.length > 0;
  fillTable($("referral-actions"), referral.actions.map(numbered), {
    key: (action) => String(action.place),
    columns: [
      { label: "Quand", text: (action) => when(action.at) },
      { label: "Qui", text: (action) => action.account },
      { label: "Quoi", text: (action) => ACTION[action.action] ?? action.action },
      { label: "Détail", text: detailsOf },
    ],
  });
  $("no-referral-action").hidden = referral.actions.length > 0;
  $("referral").hidden = false;
}

const numbered = (item, place) => ({ ...item, place });

function showFacts(referral) {
  const facts = {
    État: STATUS[referral.status] + (referral.needs_person ? ", une personne doit lire" : ""),
    "Référence chez le partenaire": referral.partner_reference ?? "aucune",
    Service: referral.unit_id ?? "aucun en particulier",
    Démarches: referral.demarches.map((each) => each.title).join(", "),
    Urgent: referral.urgent ? "oui" : "non",
    "Émis le": when(referral.issued_at),
    "Retiré le": when(referral.recalled_at) || "non",
    Identifiant: referral.referral_id,
  };
  $("referral-facts").replaceChildren(
    ...Object.entries(facts).map(([name, value]) => {
      const pair = element("div");
      pair.append(element("dt", name), element("dd", value));
      return pair;
    }),
  );
}

function deliveryShown(delivery) {
  const tried = count(delivery.attempts.length, "appel", "appels");
  const why = delivery.reason ? ` (${reason(delivery.reason)})` : "";
  const title = element(
    "h4",
    `${WHAT[delivery.what]} : ${DELIVERY_STATE[delivery.state]}${why}, ${tried}`,
  );
  const table = element("table");
  table.setAttribute("role", "table");
  table.append(element("caption", `Appels pour ${WHAT[delivery.what]}`));
  fillTable(table, delivery.attempts, {
    key: (attempt) => String(attempt.attempt),
    columns: [
      { label: "Appel", text: (attempt) => attempt.attempt },
      { label: "Quand", text: (attempt) => when(attempt.started_at) },
      { label: "Durée", text: (attempt) => duration(attempt.duration_ms) },
      { label: "Issue", text: (attempt) => OUTCOME[attempt.outcome] ?? attempt.outcome },
      { label: "Motif", text: (attempt) => reason(attempt.reason) },
      { label: "Réponse", text: (attempt) => attempt.answer },
    ],
  });
  return [title, table];
}

const duration = (ms) => (ms === null ? "inconnue" : `${ms.toLocaleString("fr-FR")} ms`);

$("open-words").addEventListener("click", () => openReferral(shown, { opened: true }));
$("close-referral").addEventListener("click", closeReferral);
