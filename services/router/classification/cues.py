"""PURE: words that name an agency or a paper without being a need, and why.

The patterns read the folded words with one space between; a word of an agency's name starts with
`@`, so that a pattern can say "an agency" without naming one. What a cue covers is muted: it counts
only when the text holds nothing else.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from services.router.classification.matching import Match, Reading

_FEW = r"(?:[^ ,.]+ ){0,3}"
# A "word" of 5,000 letters would make the patterns below slow.
_LONGEST_SPOKEN = 40
_AGENCY = r"(?:@\S+ (?:(?:et|ou|ni) (?=@))?)+"
_SHOWN = r"(?:la |le |l |les |du |de |des |d |a |au |aux |chez )*"
_PAPER = (
    r"(?:@?(?:acte|extrait|attestation|justificatif|certificat|quotient|qf|copie|duplicata"
    r"|avis d imposition|facture|bulletin|preuve"
    r"|releve|livret|rib|papier|piece|carte)s?)"
)

# The group `mute` is what does not count.
_CUES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(pattern))
    for reason, pattern in (
        # ce n'est pas pour la CAF, rien à voir avec EDF, pas la CPAM, ni EDF ni Engie
        (
            "negated",
            r"\b(?:pas pour|pas a propos|pas besoin|pas d un|n est pas|rien a voir|il s agit pas"
            r"|veux pas|pas question|est pas|pas concerne|pas chez) "
            r"(?P<mute>(?:(?!(?:mais|et|je|j|il|elle|on|c|ma|mon|qui|que) )[^ ,.]+ ?){1,5})",
        ),
        ("negated", rf"\b(?:ni|sauf|et non|et pas|mais pas) (?P<mute>{_SHOWN}{_AGENCY})"),
        ("negated", rf"(?<!ai )\bpas (?P<mute>(?:la |le |l |les |a la |chez )*{_AGENCY})"),
        (
            "negated",
            r"(?<!ai )(?<! a )\b(?:pas pour|ni|pas besoin d|pas besoin de|pas) (?P<mute>(?:la |le "
            r"|l |mon |ma |mes |un |une )(?:[^ ,.]+ ?){1,5}?)(?=[,.] |mais|c est|hein)",
        ),
        # je travaille à la SNCF, mon mari est agent EDF, retraité de La Poste
        (
            "employer",
            r"\b(?:travaill\w+|bosse\w*|boulot|employ\w+|salari\w+|embauch\w+|job|stage|interim\w*"
            r"|agent|conduct\w+|ancien\w*|alternan\w+|apprenti\w*|collegue\w*|patron\w*|chef|cadre"
            rf"|chauffeur|retraite\w*|ouvrier\w*|poste de \w+|vigile|menage|mutation|logee?|conduis"
            rf"|\d+ ans|bureaux|locaux|quais?|camions?)(?: ,)?"
            rf" (?:a |{_FEW}(?:la |l |chez |du |de |d |des |au |pour ))?(?P<mute>{_AGENCY})",
        ),
        (
            "employer",
            r"\b(?:suis|est|etait|etais|comme|metier de|fils|mari|femme) (?:un |une |ancien )?"
            r"(?P<mute>#\S+)",
        ),
        # la CAF m'a dit que, on m'a envoyé à la mairie, d'après la sécu
        (
            "told",
            rf"(?P<mute>{_AGENCY})(?:qui )?(?:m|nous|lui|l) (?:a|ont|as) (?:\w+ )?(?:dit|envoye\w*"
            rf"|oriente\w*"
            r"|conseille\w*|explique|repondu|renvoye\w*|adresse\w*|redirige\w*)"
            r"(?! (?:un|une|ma|mon|mes|la|le|les|des|ce|cette|ca)\b)",
        ),
        (
            "told",
            rf"(?P<mute>{_AGENCY})(?:me |nous )?(?:dit|dise|disent|renvoie\w*|envoie) (?:que|vers|a"
            rf"|d|de|ici|chez)",
        ),
        (
            "told",
            rf"\b(?:d apres|selon|conseiller de|dame de|monsieur de|assistante sociale de) "
            rf"{_SHOWN}(?P<mute>{_AGENCY})",
        ),
        (
            "told",
            r"\b(?:m|nous|lui) (?:a|ont) (?:dit|envoye|renvoye|oriente|conseille)\w* (?:d aller "
            r"|de voir "
            rf"|d appeler |de demander )?(?:a |vers |chez |que c est |que c etait"
            rf" ){_SHOWN}(?P<mute>{_AGENCY})",
        ),
        # on m'envoie à la mairie, EDF dit non, j'ai cru que c'était EDF
        (
            "told",
            r"\b(?:m|me|nous|lui) (?:a |ont |avait |avaient )?(?:dit|envoi\w+|envoy\w+|renvoi\w+"
            r"|renvoy\w+|adress\w+|orient\w+)(?: ,)? (?:va |aller |d aller |voir )?"
            rf"(?:a |vers |chez ){_SHOWN}(?P<mute>{_AGENCY})",
        ),
        ("told", rf"(?P<mute>{_AGENCY})(?:me |m |nous )?(?:a |ont )?(?:dit|dis|disent|dise) "),
        (
            "told",
            r"\b(?:cru|croyais|croire|pensais|pretend|dis toujours|pas dit) (?:que |qu )?"
            rf"(?:c etait |c est |il venait )?{_SHOWN}(?P<mute>{_AGENCY})",
        ),
        # mon frère à la CPAM, la voisine de La Poste
        (
            "employer",
            r"\b(?:frere|soeur|voisine?|cousine?|amie?|copine?|copain|gendre|neveu|niece|oncle"
            r"|tante) (?:, )?(?:celui |celle |qui est )?(?:a |de |d |chez )"
            rf"{_SHOWN}(?P<mute>{_AGENCY})",
        ),
        # un poste de caissière n'est pas La Poste
        (
            "word",
            r"\b(?:dernier|nouveau|le|il|elle|ce|un|au|mon|perdu) (?P<mute>@?post\w* )",
        ),
        # la MDPH a accepté, accordé par la MDPH
        (
            "told",
            rf"(?P<mute>{_AGENCY})(?:qui )?(?:a|ont|avait|vient de|viennent de) (?:deja |bien "
            rf"|enfin )?"
            r"(?:accept|renouvel|valid|accord|notifi|reconn)\w*",
        ),
        (
            "told",
            r"\b(?:accept|renouvel|valid|accord|notifi|reconnu)\w* (?:par|a) "
            rf"{_SHOWN}(?P<mute>{_AGENCY})",
        ),
        # j'étais chez EDF avant, La Poste m'a bien livré, EDF ne me demande rien
        ("done", rf"\b(?:etais|etait|etions|avant) (?:chez |a |au ){_SHOWN}(?P<mute>{_AGENCY})"),
        ("done", rf"(?P<mute>{_AGENCY})(?:m|nous|l) (?:a|ont) bien \w+"),
        (
            "negated",
            rf"(?P<mute>{_AGENCY})(?:ne |n )?(?:me |m |nous )?(?:\w+ )?(?:demande|a|doit) rien\b",
        ),
        # je suis en arrêt maladie, je touche le RSA : a situation, not a need
        (
            "status",
            r"\b(?:suis|est|etant|sommes|sont|ai|touche|touchant|percois|percoit|percevons"
            r"|beneficiaire\w*"
            r"|allocataire\w*|titulaire|vis|vit|vivant|beneficie\w*|avec|malgre) (?:actuellement "
            r"|deja |bien "
            r"|juste )?"
            r"(?P<mute>(?:en |au |a la |a l |le |la |du |de l |de la |d une |une |mon |ma |avec l "
            r"|avec le )"
            r"(?:@?(?:rsa|aah|chomage|invalidite|arret|maladie|retraite|pension|conge|maternite"
            r"|ald|apl|allocs"
            r"|allocations|ass|are|aspa|cmu|c2s|ame|100|longue|hebergee?|prime d activite|petite)"
            r" ?){1,3})",
        ),
        (
            "told",
            r"(?P<mute>(?:assistante? sociale?|travailleur social|conseiller\w*|mediateur\w*"
            r"|medecin"
            r"|infirmiere?|docteur|avocate?))(?: [^ ,.]+){0,4}?(?: ,)?(?: qui| elle| il)? "
            r"(?:m|nous|me) (?:(?:a|ont) )?(?:dit|envoye\w*|conseill\w*|oriente\w*|parle|explique)",
        ),
        (
            "status",
            r"\b(?:allocataire|beneficiaire|titulaire)s? (?P<mute>(?:du |de l |de la |d )?"
            r"@?(?:rsa|aah|apl|cmu|c2s|ame|aspa|pension)\b)",
        ),
        # hier la CAF, non là c'est ma carte de train : what is asked comes after
        (
            "told",
            r"^(?P<mute>.{1,300}?) (?:non (?:la |l idee )?c est|(?:ce que je (?:veux|demande)"
            r"|ce qu il (?:me |nous )?faut|ce qui (?:m inquiete|me manque|manque|ne vient pas)"
            r"|(?:mon|le) (?:souci|sujet|probleme)|ma question)(?: ,)? c est"
            r"|donc c est ca|c est donc|(?:ne |n )?manque (?:plus )?(?:que|un seul)|il n y a que"
            r"|je viens (?:juste |seulement |donc )?pour|je (?:voudrais|veux) (?:donc|maintenant)"
            r"|maintenant (?:je (?:veux|voudrais)|il me faut)|c est juste"
            r"|[,.] (?:il )?(?:ne )?reste (?:plus )?(?:que |seulement |juste )?"
            r"(?=(?:la|le|les|l|mon|ma|mes) ))",
        ),
        # … mais moi c'est pour
        (
            "told",
            r"^(?P<mute>.{1,250}?) mais (?:moi |en fait |la |maintenant |aujourd hui )*"
            r"(?:c est pour|ma question|je viens pour|moi c est|c est juste|je veux (?:juste"
            r"|seulement)|je voudrais (?:juste|seulement))",
        ),
        # depuis mon mariage, après un arrêt: when it began, not what is asked
        (
            "status",
            r"\b(?:depuis|apres|suite a|avant) "
            r"(?P<mute>(?:mon |ma |mes |notre |le |la |l |un |une |d |de )(?:[^ ,.]+ ?){1,2})",
        ),
        # un recommandé que je n'arrive pas à lire
        (
            "carrier",
            r"(?P<mute>(?:lettre |courrier )?(?:en )?@?recommande\w*)(?: [^ .]+){0,10}? "
            r"(?:comprend\w* (?:pas|rien)|lire)",
        ),
        # devant la poste, à côté de la mairie
        (
            "place",
            r"\b(?:devant|a cote|en face|face|au dessus|pres|derriere|au coin|sortie|rue|place"
            r"|arret|quartier"
            r"|metro"
            rf"|sortant) {_SHOWN}(?P<mute>{_AGENCY})",
        ),
        # un recommandé de la CAF, un courrier des impôts arrivé à la poste
        (
            "carrier",
            r"(?P<mute>(?:lettre )?@?(?:recommande|avis de passage|courrier|lettre|accuse de"
            r" reception)\w*)"
            rf" (?:\w+ )?(?:du|de|des|d|venant de|par) (?:la |le |l )?(?={_AGENCY}|#)",
        ),
        # pour prendre mon colis il me faut une carte d'identité, la CAF en veut une
        (
            "asked_by_another",
            r"\bpour (?P<mute>(?:[^ ,.]+ ){1,8}?)(?:, )?(?:il (?:me |m |nous )?(?:en )?faut"
            r"|on (?:me |m |nous )?(?:demande|reclame)) ",
        ),
        (
            "asked_by_another",
            r"^(?P<mute>.{1,200}?)(?:parce que|car|,) (?:ma|mon) (?:carte d identite|passeport"
            r"|piece(?: d identite)?|cni) (?:est|n est) ",
        ),
        ("asked_by_another", rf"(?P<mute>{_AGENCY})(?:m |nous |l )?en (?:veut|demande|exige)"),
        ("asked_by_another", rf"\b(?:demand|reclam|exig)\w+ par {_SHOWN}(?P<mute>{_AGENCY})"),
        # un acte de naissance pour la CAF : the paper is the need, the CAF only wants it
        (
            "asked_by_another",
            rf"\b{_PAPER} (?:(?!mais |et )[^ ,.]+ ){{0,5}}?(?:pour|afin de|demande\w* par"
            rf"|reclame\w* par"
            rf"|exige\w* par) "
            r"(?P<mute>(?:(?!et |mais )[^ ,.]+ ?){1,6})",
        ),
        (
            "asked_by_another",
            rf"(?P<mute>{_AGENCY})(?:veut|exige|demande|reclame|a besoin d) "
            rf"(?:[^ ,.]+ ){{0,2}}?{_PAPER}\b",
        ),
        # j'ai déjà fait la CAF, c'est réglé pour EDF
        (
            "done",
            r"\b(?:deja (?:fait|vu|envoye|eu|regle|demande|appele|prevenu|declare|recu|change|donne"
            r"|signale|obtenu|rempli)\w*|c est regle|regle pour|c est bon pour|c est fait pour|ok"
            r" pour"
            r"|tout est bon|suis a jour|en regle) "
            r"(?P<mute>(?:(?!(?:mais|et|je|j|il|maintenant|par contre) )[^ ,.]+ ?){1,6})",
        ),
        # EDF, je paie ; la CAF c'est fait ; les APL je les ai
        (
            "done",
            rf"(?P<mute>{_AGENCY})(?:(?:,|je|j|l|la|le|les|ai|est|c|a|on|en|tout|deja|bien|aussi"
            r"|sont|ont) ){0,4}(?:fait\w*(?= [,.]| et|$)|payee?s?|paie|reglee?s?"
            r"|prevenue?s?|resiliee?s?|au courant|clos\w*|ok|en ordre|roule|bon|attendra"
            r"|suivre|aussi(?= [,.]))"
            r"(?! (?:deux|plus|pas|trop|rien|pour|mais))",
        ),
        (
            "done",
            r"\bj ai (?:deja |bien )(?:le|la|les|l|mon|ma|mes|un|une) "
            r"(?P<mute>(?:(?!(?:et|mais) )[^ ,.]+ ?){1,5})",
        ),
        ("done", rf"(?P<mute>{_AGENCY})n y (?:est|sont|peut|peuvent)"),
        # la CAF m'a aidée, c'est réglé ; EDF m'a fait l'échéancier, ça roule
        (
            "done",
            r"(?:^|[,.] )(?P<mute>(?:[^ ,.]+ ){1,10})(?:, )(?:et )?(?:c est (?:bon|regle|fait|ok)"
            r"|ca roule|ca marche|ca va|rien a dire|pas de (?:probleme|souci)|tout va bien|merci"
            r"|ceux la (?:vont|fonctionnent|marchent))(?= )",
        ),
        # agent à la cantine, infirmière à la crèche, aide à domicile : one's trade
        (
            "employer",
            r"\b(?:je suis|suis|comme|etais|est|emploi|poste) (?:agent|animatrice|cantiniere"
            r"|employee?|atsem|auxiliaire|aide|assistante) "
            r"(?P<mute>(?:a |de |en |au )(?:la |l )?[^ ,.]+)",
        ),
        (
            "employer",
            r"\b(?:emploi|poste|stage|travail|travaille|motivation) (?:en |a |dans |pour )"
            r"(?:la |le |l |une? )?(?P<mute>(?:creche|cantine|ecole|maternelle|mairie|poste)\b)",
        ),
        ("negated", rf"(?P<mute>{_AGENCY})(?:non|j ai) [,.]"),
        (
            "negated",
            r"\bpas (?:aller|ecrire|appeler|voir|contester|une histoire|une procuration) "
            rf"(?P<mute>{_SHOWN}(?:[^ ,.]+ ?){{1,4}})",
        ),
        (
            "negated",
            rf"(?P<mute>{_AGENCY})(?:, )?(?:aucun rapport|rien a voir|pas concerne\w*)",
        ),
        (
            "done",
            rf"(?P<mute>{_AGENCY})(?:\w+ )?(?:c est (?:bon|regle|fait|ok)|ca va|ok|est regle\w*"
            rf"|deja fait|a deja)",
        ),
    )
)


_CUES_OF_NO_AGENCY = tuple(cue for cue in _CUES if _AGENCY not in cue[1].pattern)

# Here it is the few words before that do not count: up to so many, back to a pause.
_WORDS_BEFORE: tuple[tuple[str, int, re.Pattern[str]], ...] = tuple(
    (reason, words, re.compile(pattern))
    for reason, words, pattern in (
        # la CAF me demande un acte de naissance
        (
            "asked_by_another",
            4,
            r"\b(?:me |nous |lui |m |t )(?:a |ont |avait )?"
            r"(?:re)?(?:demand\w+|reclam\w+|exig\w+|veut|veulent) "
            rf"(?:[^ ,.]+ ){{0,2}}?{_PAPER}\b",
        ),
        ("done", 3, r"(?<!\bn )\b(?:est|sont) (?:en ordre|en regle|deja regle\w*|bien passe\w*)"),
        # les APL je les ai ; la CAF, que j'ai déjà
        (
            "done",
            4,
            r"\b(?:je|j|on) (?:l|les|la|le) (?:ai|a|touche|avons)"
            r" (?:deja |bien |recue?s? |payee?s? |reglee?s? )*(?=[,.]|mais|rien|c est)",
        ),
        ("done", 3, r"\bque j ai deja\b"),
        # facture EDF qui est payée ; ma Vitale est à jour
        (
            "done",
            3,
            r"\b(?:qui )?(?:est|sont|etait) (?:deja |bien )?(?:payee?s?"
            r"|reglee?s?|a jour|ok|bonne?s?)(?= [,.:])",
        ),
    )
)


def muted_words(reading: Reading) -> dict[int, str]:
    """Index of the word → the reason why it does not count."""
    spoken, starts = _spoken(reading)
    at_start = {start: index for index, start in enumerate(starts)}
    muted: dict[int, str] = {}
    for reason, pattern in _CUES if "@" in spoken else _CUES_OF_NO_AGENCY:
        for match in pattern.finditer(spoken):
            start, end = match.span("mute")
            for place in range(start, end):
                if place in at_start:
                    muted.setdefault(at_start[place], reason)
    for reason, most, pattern in _WORDS_BEFORE:
        for match in pattern.finditer(spoken):
            first = bisect_right(starts, match.start()) - 1
            for index in _words_before(reading, first, most):
                muted.setdefault(index, reason)
    return muted


def _words_before(reading: Reading, index: int, most: int) -> range:
    """The indices of up to `most` words before this one, in the same breath (one comma skipped)."""
    end = index - 1 if index and reading.words[index - 1].form == "," else index
    start = end
    while start > 0 and end - start < most and not reading.words[start - 1].is_pause:
        start -= 1
    return range(start, end)


def spoken_text(reading: Reading) -> str:
    """The folded words with one space between, for patterns on the whole text."""
    return " ".join(word.form[:_LONGEST_SPOKEN] for word in reading.words)


def _spoken(reading: Reading) -> tuple[str, list[int]]:
    """The text with `@` before the words of an agency and `#` before a job, and word starts."""
    marks = dict(_marks(reading.matches))
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for index, word in enumerate(reading.words):
        part = marks.get(index, "") + word.form[:_LONGEST_SPOKEN]
        starts.append(length)
        parts.append(part)
        length += len(part) + 1
    return " ".join(parts) + " ", starts


def _marks(matches: list[Match]) -> Iterator[tuple[int, str]]:
    for match in matches:
        if match.kind == "brand" or (match.entry.is_body and match.kind == "name"):
            for index in match.at:
                yield index, "@"
    for match in matches:
        if match.kind == "job":
            for index in match.at:
                yield index, "#"
