// What people read instead of the API's words.

export const WHY_HERE = {
  vague: "La demande est trop vague pour que l’outil choisisse.",
  low_confidence: "L’outil n’est pas assez sûr.",
  danger: "Un danger est peut-être dit : d’abord appeler.",
  returned: "Un organisme a répondu que ce n’est pas pour lui.",
  nothing_confirmed: "La personne n’a confirmé aucun organisme.",
  no_candidate_left: "Aucun organisme possible ne reste.",
  partner_not_served: "L’organisme choisi ne prend pas de demande en ce moment.",
  out_of_scope_by_person_but_no_body_known:
    "La demande est dite hors de nos organismes, sans que l’outil sache qui est compétent.",
};
export const REASONS = {
  names: "mots de cette démarche",
  names_and_agency: "mots de cette démarche et nom de l’organisme",
  agency_named: "organisme nommé",
  likeness: "ressemble à des demandes de ce genre",
  clear_likeness: "ressemble nettement à des demandes de ce genre",
  vague: "demande vague",
  danger: "danger",
  chosen_by_person: "choisi par une personne",
};
export const REFUSALS = {
  not_competent: "dit ne pas être compétent",
  outside_area: "dit que ce n’est pas son secteur",
};
export const CHANNELS = {
  kiosk: "à la borne",
  agent: "par un agent",
  bus: "dans le bus",
  api: "par un logiciel",
};
export const DIAL = { gaz: ["Urgence Sécurité Gaz : 0 800 47 33 33", "0800473333"] };
export const LETTERS = {
  caf: "c",
  cpam: "p",
  edf: "e",
  engie: "g",
  laposte: "l",
  sncf: "s",
  casvp: "v",
  mairie: "m",
  accompagnement: "a",
  hors_perimetre: "h",
};

export const why = (reason) => WHY_HERE[reason.split(":")[0]] ?? reason;
