// What people read instead of the API's words.

export const WHAT = { referral: "le dossier", answer: "une réponse", withdrawal: "un retrait" };
export const DELIVERY_STATE = {
  due: "en attente",
  sending: "en cours d’envoi",
  delivered: "remis",
  uncertain: "incertain",
  parked: "bloqué",
  cancelled: "annulé",
};
export const STATUS = {
  issued: "émis",
  delivered: "remis",
  acknowledged: "pris en compte",
  in_progress: "en cours",
  needs_information: "attend une information",
  resolved: "résolu",
  refused: "refusé",
  withdrawn: "retiré",
  expired: "expiré",
};
export const MAPPED_STATUSES = [
  "acknowledged",
  "in_progress",
  "needs_information",
  "resolved",
  "refused",
];
export const REFUSALS = {
  not_competent: "refus : pas compétent",
  outside_area: "refus : pas son secteur",
  duplicate: "refus : déjà reçu",
  incomplete: "refus : incomplet",
  other: "refus : autre motif",
};
export const OUTCOME = {
  accepted: "reçu",
  unavailable: "non pris, à réessayer",
  unknown: "on ne sait pas s’il l’a reçu",
  refused: "refusé tel quel",
  needs_attention: "le partenaire est à réparer",
  not_there: "cherché là-bas : jamais reçu",
};
export const MEANING = {
  moved: "a fait avancer le dossier",
  message: "message transmis",
  kept: "déjà connu ou dépassé",
  unknown_word: "mot inconnu, à traduire",
};
export const ACTION = {
  paused: "mise en pause",
  resumed: "reprise",
  retried: "nouvel essai demandé",
  replayed: "envois bloqués relancés",
  decided: "envoi incertain tranché",
  mapped: "mot traduit",
  looked_at_words: "a lu ce que le partenaire a écrit",
};

export const meaningOf = (word) => STATUS[word] ?? REFUSALS[word] ?? word;

const REASON = {
  connection_refused: "connexion refusée",
  content_cannot_be_opened: "notre clé manque pour l’ouvrir",
  line_cut: "ligne coupée",
  sender_lost: "notre envoi s’est interrompu",
  timed_out: "pas de réponse à temps",
  too_large: "trop volumineux pour ce partenaire",
};

// Why, in the static words of the service: those that are not here are shown as they are.
export function reason(word) {
  if (!word) return "";
  const [, gaveUp] = word.match(/^gave_up_(.*)$/) ?? [];
  if (gaveUp) return `abandonné après tous les essais : ${reason(gaveUp)}`;
  const [, status] = word.match(/^http_(\d+)$/) ?? [];
  return status ? `réponse HTTP ${status}` : (REASON[word] ?? word);
}

const PARIS = "Europe/Paris";

export function when(instant) {
  if (!instant) return "";
  const at = new Date(instant);
  const today = at.toDateString() === new Date().toDateString();
  const style = today ? { timeStyle: "medium" } : { dateStyle: "short", timeStyle: "short" };
  return at.toLocaleString("fr-FR", style);
}

// A moment to come, as people there say it.
function atParis(instant) {
  const day = (at) =>
    at.toLocaleDateString("fr-FR", { weekday: "long", day: "numeric", month: "long", timeZone: PARIS });
  const at = new Date(instant);
  const time = at.toLocaleTimeString("fr-FR", { timeStyle: "short", timeZone: PARIS });
  return day(at) === day(new Date()) ? `à ${time}` : `${day(at)} à ${time}`;
}

export const count = (number, one, many) =>
  `${number.toLocaleString("fr-FR")} ${number < 2 ? one : many}`;

export function stateOf(partner) {
  const said = [];
  if (partner.paused) said.push(`en pause depuis ${when(partner.paused_at)}, par ${partner.paused_by}`);
  if (partner.needs_attention) said.push(`à réparer : ${partner.needs_attention}`);
  if (partner.breaker === "open") said.push(`appels suspendus depuis ${when(partner.breaker_since)}`);
  if (partner.breaker === "half_open") said.push("un appel d’essai est en cours");
  if (partner.opens_at) said.push(`fermé en ce moment, rouvre ${atParis(partner.opens_at)}`);
  if (!partner.accepting) said.push("ne prend pas de nouveau dossier");
  return said.join(" ; ") || "marche";
}

export const inTrouble = (partner) =>
  partner.paused || partner.needs_attention !== null || partner.breaker !== "closed";

// What an action was about, beside its name.
export function detailsOf({ details }) {
  const said = [];
  if (details.count !== undefined) said.push(count(details.count, "envoi", "envois"));
  if (details.reasons) {
    const found = Object.values(details.reasons).reduce((sum, each) => sum + each, 0);
    said.push(count(found, "envoi", "envois"));
  }
  if (details.reason) said.push(reason(details.reason));
  if (details.was_received !== undefined) said.push(details.was_received ? "reçu" : "pas reçu");
  if (details.word !== undefined) said.push(`« ${details.word} » : ${meaningOf(details.meaning)}`);
  return said.join(", ");
}
