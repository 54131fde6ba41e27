// What people at an agency read instead of the API's words.

export const STATUSES = {
  issued: "À traiter",
  delivered: "À traiter",
  acknowledged: "Reçue, accusée",
  in_progress: "En cours",
  needs_information: "En attente d’une réponse de la personne",
  resolved: "Terminée",
  refused: "Refusée",
  withdrawn: "Retirée",
  expired: "Sans suite dans le délai",
};

const STEPS = {
  acknowledged: ["acknowledged", "Nous l’avons bien reçue"],
  in_progress: ["in_progress", "Nous nous en occupons"],
  needs_information: ["needs_information", "Il nous manque une information"],
  resolved: ["resolved", "C’est fait"],
  refused: ["refused", "Nous ne pouvons pas la prendre"],
};
const { acknowledged, in_progress, needs_information, resolved, refused } = STEPS;
const BEGINNING = [acknowledged, in_progress, needs_information, resolved, refused];
const UNDER_WAY = [in_progress, needs_information, resolved, refused];

// What may be said next, as the table of statuses allows it (shared/contracts/referral_status.py).
export const NEXT = {
  issued: BEGINNING,
  delivered: BEGINNING,
  acknowledged: UNDER_WAY,
  in_progress: [needs_information, resolved, refused],
  needs_information: [in_progress, resolved, refused],
};

export const REASONS = [
  ["not_competent", "Ce n’est pas de notre compétence"],
  ["outside_area", "Ce n’est pas notre secteur"],
  ["duplicate", "Nous l’avons déjà"],
  ["incomplete", "Elle est incomplète"],
  ["other", "Autre motif"],
];

export const CHANNELS = {
  kiosk: "à la borne",
  agent: "à un agent",
  bus: "dans le bus",
  api: "par un logiciel",
};

export const FIELDS = {
  given_name: "Prénom",
  family_name: "Nom",
  birth_date: "Date de naissance",
  postcode: "Code postal",
  phone: "Téléphone",
  email: "Courriel",
  identifiers: "Numéro chez vous",
};
