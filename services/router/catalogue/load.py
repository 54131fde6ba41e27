"""Reads the packaged TOML files, once, at start-up; a mistake in them stops the start."""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from services.router.catalogue.entries import (
    PARTNER_IDS,
    Body,
    Catalogue,
    Danger,
    Demarche,
    Entry,
    ForeignTheme,
    LetterSender,
    LetterTrap,
    LetterWish,
    LetterWords,
    Partner,
)

FOLDER = Path(__file__).parent
E = TypeVar("E", bound=Entry)


class CatalogueError(ValueError):
    """The catalogue cannot be used; the message starts with `file:line:`."""


def load_catalogue(folder: Path = FOLDER, *, more: Path | None = None) -> Catalogue:
    """Every entry, validated; `more` holds files of further partners, nothing else.

    Raises CatalogueError with the file and the line.
    """
    partners: dict[str, Partner] = {}
    demarches: dict[str, Demarche] = {}
    sources: list[_Source] = []
    for path in [*sorted(folder.glob("*.toml")), *sorted(more.glob("*.toml") if more else ())]:
        source = _Source(path)
        if "partner" not in source.data:
            continue
        partner = source.parse(Partner, source.data["partner"], table="partner", index=0)
        if partner.id not in PARTNER_IDS and path.parent == folder:
            source.fail("partner", 0, f"unknown partner {partner.id!r}")
        if partner.id in partners:
            source.fail("partner", 0, f"duplicate id {partner.id!r}")
        partners[partner.id] = partner
        sources.append(source)
        _add_demarches(source, partner.id, demarches)
    missing = [partner for partner in PARTNER_IDS if partner not in partners]
    if missing:
        raise CatalogueError(f"{folder}:0: no file for the partners {', '.join(missing)}")
    bodies = _bodies(_Source(folder / "out_of_scope.toml"))
    for source in sources:
        _check_also_checks(source, demarches, bodies)
    dangers = tuple(_Source(folder / "danger.toml").entries("danger", Danger))
    spelling = _Source(folder / "spelling.toml")
    return Catalogue(
        partners=partners,
        demarches=demarches,
        bodies=bodies,
        dangers=dangers,
        foreign_themes=(
            *_foreign(_Source(folder / "foreign_terms.toml"), demarches, bodies),
            *_foreign_dangers(_Source(folder / "foreign_dangers.toml"), dangers),
        ),
        letters=_letters(_Source(folder / "letters.toml"), demarches, bodies),
        shorthand=spelling.data["shorthand"],
        common_words=frozenset(" ".join(spelling.data["common_words"]).split()),
    )


class _Source:
    """One TOML file, and where its tables start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._text = path.read_text(encoding="utf-8")
            self.data: dict[str, Any] = tomllib.loads(self._text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CatalogueError(f"{path.name}:0: {error}") from error

    def line_of(self, table: str, index: int) -> int:
        header = re.compile(rf"^\[{{1,2}}{table}\]{{1,2}}", re.MULTILINE)
        starts = [match.start() for match in header.finditer(self._text)]
        return self._text.count("\n", 0, starts[index]) + 1 if index < len(starts) else 0

    def fail(self, table: str, index: int, message: str) -> None:
        """Raise CatalogueError with the place of the table that is wrong."""
        raise CatalogueError(f"{self.path.name}:{self.line_of(table, index)}: {message}")

    def parse(self, kind: type[E], entry: object, *, table: str, index: int) -> E:
        try:
            return kind.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or kind.__name__
            line = self.line_of(table, index)
            raise CatalogueError(f"{self.path.name}:{line}: {field}: {first['msg']}") from error

    def entries(self, table: str, kind: type[E]) -> list[E]:
        return [
            self.parse(kind, entry, table=table, index=index)
            for index, entry in enumerate(self.data.get(table, []))
        ]


def _add_demarches(source: _Source, partner: str, demarches: dict[str, Demarche]) -> None:
    for index, demarche in enumerate(source.entries("demarche", Demarche)):
        if demarche.partner != partner:
            stranger = f"{demarche.id!r} belongs to an unknown partner here: {partner!r}"
            source.fail("demarche", index, stranger)
        if demarche.id in demarches:
            source.fail("demarche", index, f"duplicate id {demarche.id!r}")
        demarches[demarche.id] = demarche
    if f"{partner}.autre" not in demarches:
        source.fail("partner", 0, f"no {partner}.autre")


def _check_also_checks(
    source: _Source, demarches: dict[str, Demarche], bodies: dict[str, Body]
) -> None:
    """Another right to check must exist, and be another one."""
    for index, entry in enumerate(source.data.get("demarche", [])):
        for also in demarches[entry["id"]].also_check:
            if not _is_known(also.demarche, demarches, bodies) or also.demarche == entry["id"]:
                dead = f"dead also_check {also.demarche!r} of {entry['id']!r}"
                source.fail("demarche", index, dead)


def _is_known(meant: str, demarches: dict[str, Demarche], bodies: dict[str, Body]) -> bool:
    """`meant`: a démarche, or `body:<id>`."""
    return meant in demarches or (
        meant.startswith("body:") and meant.removeprefix("body:") in bodies
    )


def _bodies(source: _Source) -> dict[str, Body]:
    bodies: dict[str, Body] = {}
    for index, body in enumerate(source.entries("body", Body)):
        if body.id in bodies:
            source.fail("body", index, f"duplicate id {body.id!r}")
        unknown = [one for one in body.instead_of if one.split(".")[0] not in PARTNER_IDS]
        if unknown:
            source.fail("body", index, f"unknown partner {unknown[0]!r}")
        bodies[body.id] = body
    return bodies


def _foreign(
    source: _Source, demarches: dict[str, Demarche], bodies: dict[str, Body]
) -> tuple[ForeignTheme, ...]:
    themes = source.entries("theme", ForeignTheme)
    for index, theme in enumerate(themes):
        if not _is_known(theme.means, demarches, bodies):
            source.fail("theme", index, f"means unknown {theme.means!r}")
    return tuple(themes)


def _foreign_dangers(source: _Source, dangers: tuple[Danger, ...]) -> tuple[ForeignTheme, ...]:
    numbers = {f"danger:{danger.number}" for danger in dangers}
    themes = source.entries("theme", ForeignTheme)
    for index, theme in enumerate(themes):
        if theme.means not in numbers:
            source.fail("theme", index, f"means unknown {theme.means!r}")
    return tuple(themes)


def _letters(
    source: _Source, demarches: dict[str, Demarche], bodies: dict[str, Body]
) -> LetterWords:
    senders = source.entries("sender", LetterSender)
    seen: set[str] = set()
    for index, sender in enumerate(senders):
        if sender.id not in PARTNER_IDS and not _is_known(sender.id, {}, bodies):
            source.fail("sender", index, f"unknown sender {sender.id!r}")
        if sender.id in seen:
            source.fail("sender", index, f"duplicate id {sender.id!r}")
        seen.add(sender.id)
        for topic in sender.topics:
            if topic.demarche not in demarches:
                source.fail("sender", index, f"unknown démarche {topic.demarche!r}")
    return LetterWords(
        senders=tuple(senders),
        wishes=tuple(source.entries("wish", LetterWish)),
        traps=tuple(source.entries("trap", LetterTrap)),
    )
