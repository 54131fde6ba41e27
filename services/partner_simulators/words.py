"""How each agency speaks: its status words, its refusal words, and its sentences in French."""

from services.partner_simulators.casework import REASONS, Reason, Stage, number_of

_SPOKEN_STAGES = (
    Stage.ACKNOWLEDGED,
    Stage.IN_PROGRESS,
    Stage.NEEDS_INFORMATION,
    Stage.RESOLVED,
    Stage.REFUSED,
)


def _words(spoken: str) -> dict[Stage, str]:
    return dict(zip(_SPOKEN_STAGES, spoken.split(), strict=True))


STATUS_WORDS: dict[str, dict[Stage, str]] = {
    #                acknowledged     in_progress   needs_information resolved refused
    "caf": _words("ACCUSE EN_COURS PIECE_DEMANDEE TRAITE REJETE"),
    "cpam": _words("RECU INSTRUCTION COMPLEMENT CLOS REFUS"),
    "edf": _words("ENREGISTREE EN_TRAITEMENT INFO_CLIENT TERMINEE REFUSEE"),
    "engie": _words("received processing customer_input done rejected"),
    "laposte": _words("PRISE_EN_COMPTE EN_ENQUETE PRECISION CLOTUREE IRRECEVABLE"),
    "sncf": _words("accuse_reception en_cours en_attente_voyageur regle refuse"),
    "casvp": _words("accuse en_cours a_completer accorde refuse"),
}
"""The portal's people (mairie, accompagnement) click our words: they have none of their own."""

_PORTAL_WORDS = {stage: stage.value for stage in _SPOKEN_STAGES}

_FRENCH_REASONS: dict[Reason, str] = {
    "not_competent": "hors_competence",
    "outside_area": "hors_secteur",
    "duplicate": "doublon",
    "incomplete": "incomplet",
    "other": "autre",
}
_SAME_REASONS: dict[Reason, str] = {reason: reason for reason in REASONS}


def status_word(partner_id: str, stage: Stage) -> str:
    """The agency's own word for a stage."""
    return STATUS_WORDS.get(partner_id, _PORTAL_WORDS)[stage]


def reason_word(partner_id: str, reason: Reason) -> str:
    """The agency's own word for a refusal reason; engie and the portal keep the English ones."""
    speaks_english = partner_id == "engie" or partner_id not in STATUS_WORDS
    return (_SAME_REASONS if speaks_english else _FRENCH_REASONS)[reason]


QUESTIONS: dict[str, tuple[str, ...]] = {
    "caf": (
        "Pouvez-vous nous transmettre vos trois derniers bulletins de salaire ?",
        "Merci de nous envoyer une attestation de loyer signée par votre propriétaire.",
        "Depuis quelle date vivez-vous seule ou seul dans ce logement ?",
    ),
    "cpam": (
        "Votre employeur a-t-il envoyé l'attestation de salaire pour cet arrêt de travail ?",
        "Pouvez-vous nous transmettre un RIB à votre nom ?",
        "Merci d'indiquer le nom de votre médecin traitant.",
    ),
    "edf": (
        "Pouvez-vous nous donner le relevé affiché sur votre compteur aujourd'hui ?",
        "Quel est le numéro de point de livraison (14 chiffres) inscrit sur votre facture ?",
    ),
    "engie": (
        "Quel est le numéro PCE (14 chiffres) inscrit sur votre facture de gaz ?",
        "À quelle date êtes-vous entrée ou entré dans le logement ?",
    ),
    "laposte": (
        "Pouvez-vous nous donner le numéro de suivi inscrit sur l'avis de passage ?",
        "Votre nom est-il bien inscrit sur la boîte aux lettres ?",
    ),
    "sncf": (
        "Pouvez-vous nous envoyer une copie du billet ou sa référence de dossier ?",
        "Quel était le numéro du train et sa date de départ ?",
    ),
    "casvp": (
        "Merci de nous transmettre un justificatif de domicile à Paris pour chacune "
        "des trois dernières années.",
        "Pouvez-vous nous envoyer votre dernier avis d'imposition ?",
    ),
    "mairie": (
        "Pouvez-vous préciser le nom et la date de naissance de l'enfant à inscrire ?",
        "Merci d'apporter un justificatif de domicile de moins de trois mois.",
    ),
    "accompagnement": (
        "Quel jour vous conviendrait pour un rendez-vous à la maison de services ?",
        "Avez-vous le courrier avec vous, et pouvez-vous nous en donner l'en-tête ?",
    ),
}

REFUSALS: dict[Reason, str] = {
    "not_competent": "Cette demande ne relève pas de notre organisme.",
    "outside_area": "Votre adresse dépend d'un autre secteur que le nôtre.",
    "duplicate": "Une demande identique est déjà en cours de traitement chez nous.",
    "incomplete": "Les éléments transmis ne nous permettent pas de traiter votre demande.",
    "other": "Les conditions d'attribution ne sont pas remplies à ce jour.",
}

RESOLUTIONS: dict[str, str] = {
    "caf": "Votre dossier est à jour. Un courrier vous confirme le montant de vos droits.",
    "cpam": "Votre demande est traitée. Vous pouvez consulter votre compte ameli.",
    "edf": "Votre demande est traitée. Le détail figure sur votre prochaine facture.",
    "engie": "Votre demande est traitée. Le détail figure sur votre prochaine facture.",
    "laposte": "L'enquête est close. Un courrier vous en donne le résultat.",
    "sncf": "Votre réclamation est réglée. La réponse vous est envoyée par courriel.",
    "casvp": "L'aide demandée vous est accordée. Une notification vous est adressée.",
    "mairie": "Votre demande est enregistrée. Vous pouvez vous présenter en mairie.",
    "accompagnement": "Nous avons fait le nécessaire avec vous. Revenez quand vous voulez.",
}


def sentence(
    partner_id: str, stage: Stage, *, referral_id: str, reason: Reason | None
) -> str | None:
    """What the agency writes with a status, in French; None when it writes nothing."""
    if stage is Stage.NEEDS_INFORMATION:
        questions = QUESTIONS[partner_id]
        return questions[number_of(referral_id) // 12 % len(questions)]
    if stage is Stage.REFUSED and reason is not None:
        return REFUSALS[reason]
    if stage is Stage.RESOLVED:
        return RESOLUTIONS[partner_id]
    return None
