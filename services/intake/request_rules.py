"""What a well-formed request must still respect: its times, its place, its partners. Pure."""

from datetime import datetime, timedelta

from services.intake.directory import Directory
from services.intake.request_form import RequestForm
from shared.plumbing.access import Principal
from shared.plumbing.problem_details import FieldError

CLOCKS_MAY_DIFFER = timedelta(minutes=5)
OLDEST_REQUEST = timedelta(days=30)
"""A bus may post what it took while it had no network."""

_IN_THE_FUTURE = "Cette date est dans le futur."

CHANNELS: dict[str, frozenset[str]] = {
    "kiosk": frozenset({"kiosk"}),
    "bus": frozenset({"bus"}),
    "api": frozenset({"api"}),
    "agent": frozenset({"agent", "bus"}),
    "supervisor": frozenset({"agent", "bus"}),
}
"""The channels each role may say a request came by; an agent works aboard a bus too."""

STATION_ROLES = ("kiosk", "bus")


def list_wrong_fields(
    form: RequestForm, *, directory: Directory, now: datetime
) -> list[FieldError]:
    """Name each field that cannot be right, whoever sends it."""
    wrong = list_wrong_times(form, now=now)
    stations = directory.stations_by_site.get(form.site_id)
    if stations is None:
        wrong.append(FieldError("site_id", "Ce lieu est inconnu."))
    elif form.station_id is not None and form.station_id not in stations:
        wrong.append(FieldError("station_id", "Ce poste est inconnu dans ce lieu."))
    for name in ("confirmed", "added", "removed"):
        wrong += list_unknown_partners(
            getattr(form.agencies, name), field=f"agencies.{name}", directory=directory
        )
    wrong += list_unknown_partners(
        tuple(form.visitor.identifiers), field="visitor.identifiers", directory=directory
    )
    return wrong


def list_wrong_times(form: RequestForm, *, now: datetime) -> list[FieldError]:
    """Name the fields whose instant cannot be."""
    wrong: list[FieldError] = []
    if form.taken_at is not None:
        if form.taken_at > now + CLOCKS_MAY_DIFFER:
            wrong.append(FieldError("taken_at", _IN_THE_FUTURE))
        elif form.taken_at < now - OLDEST_REQUEST:
            wrong.append(FieldError("taken_at", "Cette date remonte à plus de 30 jours."))
    if form.consent.given_at is not None and form.consent.given_at > now + CLOCKS_MAY_DIFFER:
        wrong.append(FieldError("consent.given_at", _IN_THE_FUTURE))
    if form.visitor.birth_date is not None and form.visitor.birth_date > now.date():
        wrong.append(FieldError("visitor.birth_date", _IN_THE_FUTURE))
    return wrong


def list_unknown_partners(
    partner_ids: tuple[str, ...], *, field: str, directory: Directory
) -> list[FieldError]:
    """Name the partners nobody described; all are accepted while none was heard of."""
    if not directory.partner_names:
        return []
    return [
        FieldError(field, f"Organisme inconnu : {partner_id}.")
        for partner_id in partner_ids
        if partner_id not in directory.partner_names
    ]


def list_forbidden_fields(form: RequestForm, *, principal: Principal) -> list[FieldError]:
    """Name each field by which the sender speaks for another place, channel or station."""
    forbidden = []
    if form.site_id != principal.site_id:
        forbidden.append(FieldError("site_id", "Votre accès est celui d’un autre lieu."))
    allowed = {channel for role in principal.roles for channel in CHANNELS.get(role, ())}
    if form.channel not in allowed:
        forbidden.append(FieldError("channel", "Votre accès n’est pas celui de ce canal."))
    if form.station_id not in (None, station_of(principal) or form.station_id):
        forbidden.append(FieldError("station_id", "Votre accès est celui d’un autre poste."))
    return forbidden


def station_of(principal: Principal) -> str | None:
    """The station that is speaking, if it is one: a station's account is its id."""
    return principal.account if principal.has_role(*STATION_ROLES) else None
