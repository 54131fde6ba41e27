"""PURE: is harm within days or already there."""

import re

# Harm within days or already there (a debt, a delay or anger alone is not urgent).
_SOON = (
    r"(?:demain|ce soir|cette nuit|apres demain|aujourd hui|ce matin|depuis hier|lundi"
    r"|mardi|mercredi"
    r"|jeudi|vendredi|samedi|dimanche|cette semaine|dans (?:un|deux|trois|quatre|cinq|1|2"
    r"|3|4|5|24|48)"
    r"(?: heures?| jours?| h)|semaine prochaine|maintenant|tout de suite)"
)
_NEAR = r"(?: \S+){0,8}? "
_ENERGY = r"(?:electricite|courant|gaz|lumiere|chauffage|eau chaude|jus|edf|engie)"
_CARE = (
    r"(?:insuline|dialyse|chimio\w*|oxygene|traitement\w*|operation\w*|greffe|cancer|medicament\w*"
    r"|ventoline|lithium|anti rejet|antirejet|morphine|tritherapie|hemodialyse|rayons|perfusion"
    r"|anticoagulant\w*|accouche\w*|radiotherapie|hospitalis\w*|soins|operer|opere\w*|opera\w*)"
)
_HOME = r"(?:electricite|courant|chauffage|chaudiere|gaz|edf|engie|lumiere|watts|compteur|ligne)"
_FRAGILE = (
    r"\b(?:bebe|nouveau ne|nourrisson|premature\w*|accouche\w*|enceinte|concentrateur|respirateur"
    r"|monitoring|oxygene|alitee?|reanimation|dialyse|matelas a air|appareil pour respirer"
    r"|(?:enfant|petite?|fille|fils) de (?:\w+ )?(?:mois|semaines)|il gele|(?:9\d|8\d) ans)\b"
)
_SUPPLIER = r"(?:edf|engie|ekwateur|totalenergies|eni|suez|veolia|enedis|grdf)"
_DAY = (
    r"(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|demain|ce matin|aujourd hui"
    r"|semaine prochaine)"
)
# Harm when both are said: no heating and a baby, a treatment on a day and a right closed.
_TOGETHER = tuple(
    (re.compile(first), re.compile(second))
    for first, second in (
        (
            r"\b(?:rsa|allocs?|allocations?|caf|aah|chomage|indemnites?|salaires?|versements?"
            r"|revenus?"
            r"|ressources?|apl)\b(?: \S+){0,6}? (?:suspendue?s?|coupee?s?|arretee?s?|bloquee?s?"
            r"|stopp\w+|plus rien"
            r"|rien|zero|aucune?)\b|\b(?:aucune?|plus|zero|sans) (?:\S+ )?(?:versements?"
            r"|revenus?|ressources?"
            r"|argent|salaire|sou|centime|euro)\b|\breste (?:\S+ )?(?:\d|1\d|deux|trois|cinq|dix"
            r"|douze)"
            r" (?:euros?|centimes?)\b",
            r"\b(?:manger|mangent|nourrir|lait|couches|faim|repas|placards?|frigo|pates|biberon"
            r"|courses)\b",
        ),
        (
            rf"\b{_HOME}\b(?: \S+){{0,6}}? (?:en panne|morte?|coupee?|arretee?|minimum|sautee?"
            rf"|fermee?"
            rf"|securite|ne marche plus)\b|\b(?:plus|sans|aucune?|coupe\w*|panne|reste a) "
            rf"(?:\S+ )?{_HOME}\b",
            _FRAGILE,
        ),
        (
            rf"\b{_CARE}\b(?: \S+){{0,8}}? {_DAY}\b|\b{_DAY}\b(?: \S+){{0,8}}? {_CARE}\b"
            rf"|\breste (?:\S+ ){{0,2}}?jours?(?: \S+){{0,3}}? {_CARE}\b",
            r"\b(?:refus\w+|fermee?s?|bloqu\w+|coupee?s?|finie?|expire\w*|annul\w+|tombes|aucun"
            r"|jamais"
            r"|plus (?:a jour|de droits?|personne|valable)|personne ne)\b",
        ),
    )
)
_SIGNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:coupe|coupee|coupes|couper|coupent|coupure|coupera|limite a|reduit\w*"
        rf"|coupez){_NEAR}{_ENERGY}\b",
        rf"\b{_ENERGY}\b{_NEAR}(?:coupe|coupee|couper|coupure|coupent|coupera|coupes)\b",
        r"\b(?:plus|sans|pas|ni) (?:de |d |du )?(?:electricite|courant|gaz|chauffage|lumiere"
        r"|eau chaude)\b(?! (?:cher|a mon|a notre|a son|au gaz|electrique|dans la cave))",
        r"\b(?:aucune?|zero) (?:electricite|courant|chauffage|eau)\b",
        r"\b(?:compteur|electricite|courant|service|puissance) (?:\S+ ){0,2}?(?:au )?minimum\b"
        r"|\bmille watts?\b|\b(?:[0-9]|1[0-3]|moins (?:un|deux|cinq)) degres\b",
        r"\b(?:gaz|robinet|courant) (?:\S+ ){0,2}?(?:fermee?|scelle\w*|plombe\w*)\b"
        r"|\b(?:scelle|plomb) (?:sur|pose)\b|\binterruption de (?:la )?(?:fourniture|gaz)",
        rf"\b{_SUPPLIER} (?:\S+ ){{0,3}}?(?:coupe\w*|ferme|ferment|interrompt)\b{_NEAR}{_SOON}"
        rf"|\b{_SOON} (?:\S+ ){{0,3}}?{_SUPPLIER} (?:\S+ ){{0,2}}?(?:coupe\w*|ferme|ferment)\b"
        rf"|\bcoup(?:e|ent|era|eront) (?:\S+ ){{0,3}}?{_SOON}",
        rf"\b(?:ferme|fermer|ferment|coup\w+|suspend\w+|retir\w+){_NEAR}(?:compteur|robinet|eau)\b"
        rf"{_NEAR}{_SOON}",
        r"\b(?:fait|font|met|mettent) (?:sortir|dehors) (?:demain|ce soir|lundi|mardi|mercredi"
        r"|jeudi|vendredi|samedi)",
        r"\b(?:avis|menace\w*|risque) (?:de |d une )?(?:coupure|couper)",
        r"\b(?:coupe\w*|ferme|fermee?|ferment) (?:\S+ ){0,3}?(?:l eau|le gaz|de gaz|du gaz"
        r"|l electricite|le"
        r" courant)\b",
        r"\bl eau (?:\S+ ){0,3}?coupee?\b|\b1 ?000 ?(?:w|watts?)\b",
        r"\b(?:reste|restent|quedan|left)\b (?:\S+ ){0,4}?(?:comprimes?|pastilles?"
        r"|medicaments?|pastillas|stylo|doses?)\b",
        r"\bplus (?:de |d )(?:comprimes?|medicaments?|insuline|traitement|oxygene)\b",
        r"\b(?:insuline|traitement|medicaments?)\b (?:\S+ ){0,5}?(?:plus|refuse\w*|ferme\w*)\b",
        r"\b(?:veut|veulent) (?:plus|pas) (?:me |nous |lui )?donner (?:mon|ma|mes|son|le|les)"
        r" (?:traitement|medicaments?)",
        r"\b(?:pas|rien|sans) (?:\S+ ){0,2}?(?:dejeune|dine|mange|soupe)\b|\beau sucree\b",
        r"\bplus (?:de |un |d )(?:lait|euro|centime|sou)\b(?: \S+){0,10}? (?:enfants?|bebe"
        r"|petits?|petite|manger|fils|fille|enf)\b",
        r"\bd(?:or|ort|ors|orment|ormons) (?:\S+ ){0,2}?(?:dan|dans|sous|au|a) (?:un |une |le "
        r"|la |l )?"
        r"(?:parc|hall|cave|gare|cage|metro|rue|tente|pont|square|parking|camion|foret|hopital"
        r"|voiture)\b",
        r"\b(?:jusqu a|avant|pour|d ici) (?:demain|ce soir|apres demain)\b|\breste aujourd hui\b",
        r"\b(?:train|avion|vol|audience|operation) dans (?:une|deux|trois|quelques|1|2|3) heures?\b"
        rf"|\b(?:vol|avion) (?:pour|prevu) {_SOON}|\b48 ?(?:h|heures)\b",
        r"\b(?:pas|plus) de quoi acheter\b|\bnie mam co jesc\b|\bnimic de mancare\b|\byiyecek yok\b"
        r"|\b1000 ?(?:watts?|w)\b"
        r"|\breduction de (?:la )?puissance|\b(?:a la bougie|dans le noir)\b",
        r"\b(?:rien|plus rien|plus|pas|quoi|comment|assez|plus assez) (?:a |de quoi |pour |me "
        r"|nous |donner |leur"
        r" )*(?:manger|nourrir)\b",
        r"\bde quoi (?:manger|nourrir)|\bfrigo (?:est |presque |quasi )*vide|\bn (?:ai|a"
        r"|avons) pas mange"
        r"|\bplus (?:de )?lait\b",
        r"\b(?:placards?|frigo) (?:\S+ ){0,2}?vides?\b|\brien dans (?:les|mon|le"
        r"|mes) (?:placards?|frigo)"
        r"|\brien a (?:(?:leur|lui|nous) (?:donner|faire)|la maison)\b|\b(?:mangent|mange"
        r"|mangeons) chez (?:la"
        r"|le|les|ma|mon)"
        r" (?:voisin|amie?)\w*|\bn (?:a|ont) rien (?:eu|mange)\b"
        r"|\bou (?:\S+ ){0,3}?donne a manger\b",
        r"\bplus une (?:bouffee|dose|goutte|seule dose)\b",
        r"\bdor\w{1,4} (?:\S+ )?dans (?:ma|une|un|notre|sa|la) (?!chambre|salon|lit|canape"
        r"|cuisine|meme"
        r"|studio|piece|maison|resid|foyer|petit)",
        r"\b(?:on|nous) (?:est|sommes) dehors?\b|\b(?:vire|viree?|virent|renvoyee?"
        r"|expulsee?s?) (?:\S+ ){0,2}?"
        rf"(?:du foyer|de l hotel|{_SOON})|\bni chambre\b|\bchambre (?:pour )?ce soir\b"
        r"|\bsur le trottoir (?:avec|depuis|devant)",
        r"\bplus (?:de |d |du )?(?:couches|nourriture)\b|\bmeurt de faim|\bont faim|\b(?:a|ai"
        r"|avons) faim\b",
        r"\b(?:a la rue|dort dehors|dors dehors|dormons dehors|dormir dehors|dehors ce soir"
        r"|plus de toit"
        r"|dans (?:ma|notre|la|sa) voiture|sous (?:une )?tente|nulle part ou|ou dormir|dormir"
        r" ce soir"
        r"|dans la rue avec|sans abri|dort (?:\S+ )?dans la rue|dors (?:\S+ )?dans la rue)\b",
        r"\b(?:expulse\w*|expulsion|mis\w* a la porte|mettre dehors|met dehors|mis dehors|mise"
        r" dehors"
        r"|force publique|jete\w* dehors|commandement de quitter|serrure)\b",
        rf"\b(?:audience|tribunal|juge|convocation|convoque\w*|huissier\w*){_NEAR}{_SOON}",
        rf"\b{_SOON}{_NEAR}(?:audience|tribunal|juge|convocation|huissier\w*)",
        r"\b(?:date limite|dernier delai|dernier jour|delai|avant|expire\w*|se termine|finit"
        r"|cloture\w*|limite)"
        r" (?:\S+ ){0,3}?(?:demain|ce soir|apres demain|aujourd hui|dans (?:un|deux|1|2|24|48)"
        r" (?:jours?|heures?))",
        r"\b(?:demain|ce soir|aujourd hui|apres demain)\b(?: \S+){0,4}? (?:dernier delai"
        r"|dernier jour|date limite|delai|au plus tard)",
        rf"\b(?:plus (?:de |d |du |mon |mes |son |acheter )?|sans (?:mon |ma |mes )?|arret\w*"
        rf" (?:de |du |mon |son |ma )?"
        rf"|refus\w* (?:de |mon |ma |l |son )?|bloqu\w* (?:mon |ma |son )?|peux (?:plus|pas)"
        rf" (?:\S+ ){{0,3}}?"
        rf"|peut (?:plus|pas) (?:\S+ ){{0,3}}?|interromp\w* (?:mon |son )?){_CARE}\b",
        rf"\b{_CARE}{_NEAR}(?:refus\w+|bloqu\w+|annul\w+|interromp\w+|arrete\w*)\b",
        r"\b(?:aucun|plus aucun|sans|zero|plus de|plus d) (?:revenu\w*|ressource\w*|argent|sou"
        r"|rentree d argent|euro)"
        r"(?: \S+){0,12}? (?:enfants?|bebe|fils|fille|manger|vivre|petits?|petite)\b",
        r"\b(?:enfants?|bebe|fils|fille|petits?)\b(?: \S+){0,10}? (?:aucun revenu|plus rien a"
        r"|sans revenu|plus d argent|plus un sou|plus de ressource\w*|sans ressource\w*|aucune"
        r" ressource)\b",
        r"\b(?:plus rien|rien) (?:pour|du tout pour) (?:vivre|les enfants|mes enfants|finir le"
        r" mois|mon bebe|le bebe)\b",
        r"\b(?:violence\w*|menace de mort|peur de rentrer|me frappe|me bat)\b",
        r"\brien ne (?:s allume|marche|fonctionne) (?:plus|chez|a la maison)\b|\btout (?:est "
        r"|s est )?eteint\b"
        r"|\b(?:lampe de poche|lampe torche|bougies?)\b(?: \S+){0,6}? (?:soir|noir|enfants?"
        r"|courant|depuis)\b"
        r"|\b(?:eau froide|douches? froides?|gele\w*|frigorifie\w*"
        r"|caille) (?:\S+ ){0,4}?(?:enfants?|bebe|petits?)\b"
        r"|\bcoupure (?:\S+ ){0,2}?(?:prevue|programmee|annoncee|imminente|sous|dans|pour)\b",
        r"\b(?:saute|sautons|sautent) (?:des|un|les|le) repas\b|\bun (?:seul )?repas (?:par jour"
        r"|sur deux)\b"
        r"|\bventre vide\b|\bbiberons? (?:\S+ ){0,2}?eau\b|\brien avale\b|\b(?:plus|pas"
        r"|rien) (?:\S+ ){0,3}?"
        r"(?:a|de quoi) (?:manger|nourrir|cuisiner|donner a)\b|\bplus de (?:couches|biberons?"
        r"|nourriture|pain)\b",
        r"\b(?:il )?(?:me|nous) (?:reste|restent) (?:plus que )?(?:\d{1,2}|deux|trois|quatre"
        r"|cinq|six|dix|quelques)"
        r" (?:comprimes?|doses?|jours? de|stylos?|gelules?|ampoules?|pastilles?)",
        r"\b(?:partir|quitter|sortir|liberer|vider|rendre)(?: \S+){0,5}? (?:logement|chambre"
        r"|hotel|appartement"
        rf"|foyer|lieux)(?: \S+){{0,3}}? {_SOON}|\b(?:serrurier|change\w* (?:la|les) serrures?)\b"
        rf"|\b(?:huissier|police|expuls\w+)(?: \S+){{0,5}}? {_SOON}"
        r"|\b115\b(?: \S+){0,4}? (?:repond|place|complet|sature|raccroche)|\bplus d hebergement\b",
        r"\b(?:expire|finit|termine|fini|limite|cloture|minuit|delai|recours|contester"
        r"|appel)(?: \S+){0,4}? "
        r"(?:demain|ce soir|aujourd hui|apres demain|minuit)\b"
        r"|\b(?:demain|ce soir|aujourd hui|apres demain)(?: \S+){0,5}? (?:expire|delai|limite"
        r"|trop tard|minuit"
        r"|audience|tribunal|expuls\w+|coup\w+)\b",
        # other languages
        r"\b(?:cut off|no electricity|no food|evict\w*|homeless|nothing to eat|put us out"
        r"|no place to|nowhere to|slept|sleep\w*"
        r" outside|no heating)\b",
        r"\b(?:sin luz|cortaron|cortar la luz|desaloj\w*|desahuci\w*|cortan? (?:el gas|la luz)"
        r"|sin comida|en la calle"
        r"|sem luz|cortaram|despej\w*)\b",
        r"(?:отключ|выселя|на улице|нечего есть|відключ|вулиці|вимкн|виселя|нема що їсти|طرد"
        r"|قطع|الشارع|ننعس برا|يقطعو|انسولين|انسولين|инсулин|инсулін|48小时|断电|停电|没有吃|赶出)",
        r"\b(?:kesti\w*|kesildi|kesecek\w*|kesmis\w*|parkta|taie (?:curentul|gazul)|fi zan9a"
        r"|sokakta|evacua\w*|curent taiat|taiat curentul|in"
        r" strada|sfratt\w*|senza luce|bez pradu|odcieli|odcie\w*|eksmisj\w*)\b",
    )
)


def is_urgent(spoken: str) -> bool:
    """`spoken`: the folded words with one space between."""
    if any(sign.search(spoken) for sign in _SIGNS):
        return True
    return any(first.search(spoken) and second.search(spoken) for first, second in _TOGETHER)
