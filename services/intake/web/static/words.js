// What people read instead of the API's words.

const NBSP = "\u00a0";

export const CASE_STATUS = {
  received: "Reçu",
  in_triage: "En attente d’une décision",
  out_of_scope: "Hors de nos organismes",
  with_agencies: "Chez les organismes",
  answer_needed: "Une réponse est attendue",
  closed: "Clos",
  withdrawn: "Retiré",
};
export const REFERRAL_STATUS = {
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
export const DIAL = {
  gaz: { before: `odeur de gaz, appelez le${NBSP}`, number: "0 800 47 33 33".replaceAll(" ", NBSP) },
};

export const dialOf = (danger) => DIAL[danger] ?? { before: `appelez le${NBSP}`, number: danger };
export const colon = (name, value) => `${name}${NBSP}: ${value}`;
