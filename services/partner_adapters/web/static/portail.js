// The inbox of an agency that works here: read a referral, say where it stands, ask a question.

import { call, whenSignedOut } from "./api.js";
import { $, element, say } from "./dom.js";
import { CHANNELS, FIELDS, NEXT, REASONS, STATUSES } from "./portail-words.js";

const INBOX = "/portal/referrals";
const LOOK_EVERY = 10 * 1000;

let shown = null; // the referral on the screen, when there is one
let cursor = null;
let pages = 1; // that the person has asked to see, so that a refresh keeps them
let look = null;
let sent = null; // the answer being sent and its key: the same again when the line breaks

const instant = (text) =>
  new Date(text).toLocaleString("fr-FR", { dateStyle: "long", timeStyle: "short" });

function show(section, title) {
  for (const id of ["signed-out", "inbox", "one"]) $(id).hidden = id !== section;
  if (title) $(title).focus();
}

whenSignedOut((status) => {
  shown = null;
  $("signed-out-why").textContent =
    status === 403 ? "Votre compte n’est pas celui d’un organisme." : "Votre session n’est pas ouverte.";
  if ($("signed-out").hidden) show("signed-out", "signed-out-title");
});

// --- the list

async function readPages() {
  const referrals = [];
  let after = null;
  for (let page = 0; page < pages; page += 1) {
    const query = new URLSearchParams({ status: $("which").value, ...(after && { after }) });
    const content = await call("GET", `${INBOX}?${query}`);
    if (content === null) return null;
    referrals.push(...content.referrals);
    after = content.cursor;
    if (after === null) break;
  }
  cursor = after;
  return referrals;
}

async function refresh() {
  clearTimeout(look);
  if (shown === null) {
    const referrals = await readPages();
    if (referrals !== null) {
      say("");
      showList(referrals);
    }
  }
  clearTimeout(look);
  look = setTimeout(refresh, LOOK_EVERY);
}

function showList(referrals) {
  const focused = document.activeElement?.dataset?.referral;
  $("none").hidden = referrals.length > 0;
  $("referrals").replaceChildren(...referrals.map(card));
  $("more").hidden = cursor === null;
  if (!$("signed-out").hidden) show("inbox", "inbox-title");
  else if ($("inbox").hidden) show("inbox");
  if (focused) document.querySelector(`[data-referral="${focused}"]`)?.focus();
}

function card(referral) {
  const item = element("li");
  const open = element("button", `Demande ${referral.case_reference}`, "quiet");
  open.type = "button";
  open.dataset.referral = referral.referral_id;
  open.addEventListener("click", () => openReferral(referral.referral_id));
  const title = element("p");
  title.append(open);
  if (referral.urgent) title.append(" ", element("strong", "Urgent", "urgent"));
  const about = referral.demarches.map((each) => each.title).join(" ; ");
  item.append(title, element("p", about), element("p", stateOf(referral)));
  return item;
}

function stateOf(referral) {
  if (referral.withdrawn_at) return `Retirée par la personne le ${instant(referral.withdrawn_at)}.`;
  return `${STATUSES[referral.status] ?? referral.status}. Reçue le ${instant(referral.received_at)}.`;
}

// --- one referral

async function openReferral(referralId) {
  const referral = await call("GET", `${INBOX}/${referralId}`);
  if (referral === null) return;
  say("");
  showReferral(referral);
  show("one", "one-title");
}

function showReferral(referral) {
  shown = referral;
  sent = null;
  $("one-title").replaceChildren(`Demande ${referral.case_reference}`);
  if (referral.urgent) $("one-title").append(" ", element("strong", "– urgent", "urgent"));
  $("one-state").textContent = stateOf(referral);
  $("one-demarches").replaceChildren(...referral.demarches.map((each) => element("li", each.title)));
  $("one-text").textContent = referral.text;
  $("one-text").lang = referral.language ?? "";
  const channel = CHANNELS[referral.channel] ?? referral.channel;
  $("one-about").textContent = `Dite ${channel}, le ${instant(referral.taken_at)}.`;
  $("one-visitor").replaceChildren(...visitorLines(referral.visitor));
  $("one-exchange").hidden = referral.messages.length === 0;
  $("one-messages").replaceChildren(...referral.messages.map(messageLine));
  showAnswers(referral);
}

function visitorLines(visitor) {
  const lines = Object.entries(visitor).flatMap(([name, value]) => {
    const said = typeof value === "object" ? Object.values(value).join(", ") : value;
    return said ? [element("dt", FIELDS[name] ?? name), element("dd", said)] : [];
  });
  return lines.length ? lines : [element("dt", "Rien n’est dit d’elle"), element("dd", "—")];
}

function messageLine({ at, written_by: author, text }) {
  const line = element("li");
  const who = author === "agency" ? "Vous" : "La personne";
  line.append(element("p", `${who}, le ${instant(at)} :`), element("p", text, "text"));
  line.lastChild.dir = "auto";
  return line;
}

function showAnswers(referral) {
  const possible = referral.withdrawn_at ? [] : (NEXT[referral.status] ?? []);
  $("answer").hidden = possible.length === 0;
  $("answer-choices").replaceChildren(
    ...possible.map(([status, words]) => {
      const label = element("label", "", "choice");
      const radio = document.createElement("input");
      radio.type = "radio";
      radio.name = "status";
      radio.value = status;
      label.append(radio, element("span", words));
      return label;
    }),
  );
  $("words").value = $("reason").value = $("answer-error").textContent = "";
  fitAnswer();
}

const chosen = () => document.querySelector('#answer input[name="status"]:checked')?.value;

function fitAnswer() {
  const status = chosen();
  $("reason-line").hidden = status !== "refused";
  $("words-label").textContent =
    status === "needs_information"
      ? "Question à poser à la personne"
      : "Message à la personne (facultatif)";
}

// What is missing, and where to say it; null when the answer can be sent.
function missing(status) {
  if (!status) return ["Choisissez où en est la demande.", document.querySelector('[name="status"]')];
  if (status === "refused" && !$("reason").value) return ["Choisissez le motif du refus.", $("reason")];
  if (status === "needs_information" && !$("words").value.trim()) {
    return ["Écrivez la question à poser.", $("words")];
  }
  return null;
}

async function send() {
  const status = chosen();
  const fault = missing(status);
  if (fault !== null) {
    $("answer-error").textContent = fault[0];
    return fault[1].focus();
  }
  const body = { status };
  if (status === "refused") body.reason = $("reason").value;
  if ($("words").value.trim()) body.message = $("words").value.trim();
  if (sent?.body !== JSON.stringify(body)) sent = { body: JSON.stringify(body), key: newKey() };
  $("send").disabled = true;
  const { referral_id: referralId, case_reference: reference } = shown;
  const answer = await call("POST", `${INBOX}/${referralId}/status`, body, {
    key: sent.key,
    tell: (fault) => ($("answer-error").textContent = fault),
  });
  $("send").disabled = false;
  if (answer === null) return;
  await backToList();
  say(`Réponse envoyée pour la demande ${reference} : ${STATUSES[status].toLowerCase()}.`);
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function backToList() {
  const last = shown?.referral_id;
  shown = null;
  show("inbox", "inbox-title");
  await refresh();
  document.querySelector(`[data-referral="${last}"]`)?.focus();
}

$("reason").append(...REASONS.map(([value, words]) => new Option(words, value)));
$("which").addEventListener("change", () => {
  pages = 1;
  $("inbox-title").textContent = $("which").selectedOptions[0].dataset.title;
  refresh();
});
$("more").addEventListener("click", () => {
  pages += 1;
  refresh();
});
$("back").addEventListener("click", backToList);
$("answer").addEventListener("change", fitAnswer);
$("answer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
$("resume").addEventListener("click", refresh);
refresh();
