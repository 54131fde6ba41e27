"""A new partner's files, to be filled in; `partners check` accepts them as they are. PURE."""

from collections.abc import Mapping

_CREDENTIALS: Mapping[str, str] = {
    "rest": """\
[credentials]
# Or way = "oauth2" with client_id and client_secret.
way = "api_key"
api_key = "{ID}_API_KEY"
""",
    "webhook": """\
[credentials]
way = "signing_keys"
signing_keys = "{ID}_SIGNING_KEYS"
""",
    "soap": """\
[credentials]
way = "password"
username = "{ID}_USERNAME"
password = "{ID}_PASSWORD"
""",
    "email": """\
[credentials]
way = "password"
username = "{ID}_MAIL_USER"
password = "{ID}_MAIL_PASSWORD"
""",
    "sftp": """\
[credentials]
way = "ssh_key"
username = "aiguillage"
private_key = "{ID}_PRIVATE_KEY"
host_key = "{ID}_HOST_KEY"
""",
    "kafka_queue": """\
[credentials]
way = "public_key"
public_key = "{ID}_PUBLIC_KEY"
""",
    "portal": "",
}
_BY_CALLBACK = """\
[status_return]
way = "callback"
secret = "{ID}_CALLBACK_SECRET"
"""
_BY_POLLING = """\
[status_return]
way = "polling"
every_seconds = 60
"""
_RETURNS: Mapping[str, str] = {
    "rest": _BY_CALLBACK.replace("way =", '# Or way = "polling" with every_seconds.\nway =', 1),
    "webhook": _BY_CALLBACK,
    "soap": _BY_POLLING,
    "email": _BY_POLLING + 'address = "imap://courrier.{id}.invalid"\n',
    "sftp": _BY_POLLING,
    "kafka_queue": '[status_return]\nway = "topic"\n',
    "portal": '[status_return]\nway = "portal"\n',
}
_SETTINGS: Mapping[str, str] = {
    "sftp": """\
# Folders of the agency's server; they must exist.
[settings]
inbox = "depot"
done = "depot/traites"
returns = "retour"
archive = "retour/lus"
# A file of theirs that is not whole so long after its last change is told to a person.
half_file_seconds = 3600
""",
    "email": """\
[settings]
sender = "aiguillage@aiguillage.invalid"
recipient = "orientations@{id}.invalid"
reply_key = "{ID}_REPLY_KEY"
""",
}
_SCHEMES = {"sftp": "sftp", "email": "smtp"}
_WITHOUT_ADDRESS = frozenset({"kafka_queue", "portal"})
_AFTER_UNKNOWN = {"soap": "look_up", "sftp": "look_up", "email": "uncertain"}

_FILE = """\
id = "{id}"
name = "{name}"
kind = "{kind}"
{address}\
# When nobody knows whether the agency took it: resend (it recognises repetitions), look_up (it can
# be asked), or uncertain (a person decides).
after_unknown = "{after_unknown}"
# What of the visitor may leave for this agency; nothing else ever does.
permitted_fields = ["given_name", "family_name", "postcode", "phone", "email"]
# What it cannot do without, from its own identifiers (permitted_fields must have "identifiers").
# needed_identifiers = ["{id}"]

{credentials}
{returns}
{settings}\
# The agency's own words, left, and what they mean. A word that is not here needs a person.
[statuses]
acknowledged = "acknowledged"
in_progress = "in_progress"
needs_information = "needs_information"
resolved = "resolved"
refused = "refused"

[refusal_reasons]
not_competent = "not_competent"
outside_area = "outside_area"
duplicate = "duplicate"
incomplete = "incomplete"
other = "other"

[limits]
{limits}\
# per_minute = 60
# largest_body_bytes = 262144

# [retry]
# Seconds before each attempt, counted from the failure before it.
# delays_seconds = [0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]

# When the agency takes deliveries, in Paris; closed on public holidays.
# [hours]
# monday = ["09:00-12:00", "13:30-17:00"]

# [deadline]
# acknowledge_business_days = 5

# [expiry]
# days = 180

# [[units]]
# unit_id = "75119"
# name = "Antenne du 19e arrondissement"
# postcodes = ["75019"]
"""

_CATALOGUE = """\
[partner]
id = "{id}"
name = "{name}"
# Which unit acts: that of the visitor's home, of where it happened (event), or any (anywhere).
place = "home"
# As visitors call it.
names = ["{name_in_lower_case}"]

# One of these per procedure; `names` alone point to it, `hints` only beside another sign.
# [[demarche]]
# id = "{id}.facture"
# title = "Contester une facture"
# plain = "Vous n’êtes pas d’accord avec une facture."
# names = ["facture {name_in_lower_case}"]

[[demarche]]
id = "{id}.autre"
title = "Autre démarche : {name}"
plain = "Une autre demande à cet organisme."
names = ["{name_in_lower_case}"]
"""


def partner_file_text(partner_id: str, *, kind: str, name: str) -> str:
    """The partner's own file; raises KeyError for a kind that has no scaffold."""
    words = {"id": partner_id, "ID": partner_id.upper()}
    settings = _SETTINGS.get(kind, "").format(**words)
    return _FILE.format(
        id=partner_id,
        name=_quoted(name),
        kind=kind,
        address=_address(partner_id, kind),
        after_unknown=_AFTER_UNKNOWN.get(kind, "resend"),
        credentials=_CREDENTIALS[kind].format(**words),
        returns=_RETURNS[kind].format(**words),
        settings=f"{settings}\n" if settings else "",
        limits=_limits(kind),
    )


def catalogue_file_text(partner_id: str, *, name: str) -> str:
    """What visitors bring to it, for the router."""
    quoted = _quoted(name)
    return _CATALOGUE.format(id=partner_id, name=quoted, name_in_lower_case=quoted.lower())


def _address(partner_id: str, kind: str) -> str:
    if kind in _WITHOUT_ADDRESS:
        return ""
    scheme = _SCHEMES.get(kind, "https")
    return (
        f"# The real one comes from AIGUILLAGE_PARTNER_ADDRESS_{partner_id.upper()}.\n"
        f'address = "{scheme}://{partner_id}.invalid"\n'
    )


def _limits(kind: str) -> str:
    if kind == "sftp":
        return (
            "# One batch every five minutes.\nevery_seconds = 300\nbatch = 100\nconcurrency = 1\n"
        )
    return "concurrency = 8\nrequest_timeout_seconds = 10\n"


def _quoted(name: str) -> str:
    """As it stands between quotation marks in TOML."""
    return name.replace("\\", "\\\\").replace('"', '\\"')
