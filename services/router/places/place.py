"""A postcode or an INSEE code → the place it means.

The table is packaged (`reduce_places.py` makes it) and read once, at the first question: some
30 ms, 3.4 MB. After that a question is a bisection in memory.
"""

import gzip
import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent

_POSTCODE = re.compile(r"[0-9]{5}")
_ARRONDISSEMENT = re.compile(r"(Paris|Lyon|Marseille) (\d+er?) Arrondissement")
_DEPARTMENT_DIGITS = 2
_OVERSEAS_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune, or an arrondissement of Paris, Lyon or Marseille ("75119")."""

    insee: str
    name: str  # "Montreuil", "Paris 19e Arrondissement"

    @property
    def department(self) -> str:
        """ "93", "2A", "974"."""
        return _department_of(self.insee)

    @property
    def arrondissement(self) -> tuple[str, str] | None:
        """("Paris", "19e"), or None for a whole commune."""
        found = _ARRONDISSEMENT.fullmatch(self.name)
        return (found[1], found[2]) if found else None


@dataclass(frozen=True, slots=True)
class Place:
    """What a code says of where somebody lives: several communes may share a postcode."""

    communes: tuple[Commune, ...]
    department: str | None  # None where one postcode lies in two départements

    @property
    def commune(self) -> Commune | None:
        """The commune, when there is no doubt which."""
        return self.communes[0] if len(self.communes) == 1 else None

    @property
    def in_paris(self) -> bool:
        return self.department == "75"


NOWHERE = Place((), None)


def place_of(*, postcode: str | None = None, insee: str | None = None) -> Place:
    """The place of an INSEE code, or failing that of a postcode; NOWHERE when neither is known.

    The two look alike and mean different places ("01400"), so each has its own name here. A
    postcode that is nobody's home (CEDEX) still says its département. Raises nothing.
    """
    if insee is not None and (communes := _table().with_insee(insee)):
        return _place(communes)
    if postcode is None or not _POSTCODE.fullmatch(postcode):
        return NOWHERE
    communes = _table().with_postcode(postcode)
    return _place(communes) if communes else Place((), _department_of_unknown(postcode))


def department_name(department: str) -> str:
    """ "Seine-Saint-Denis" for "93"; raises KeyError for what is no département."""
    return _table().departments[department]


def _place(communes: tuple[Commune, ...]) -> Place:
    departments = {commune.department for commune in communes}
    return Place(communes, departments.pop() if len(departments) == 1 else None)


def _department_of(insee: str) -> str:
    overseas = insee.startswith(("97", "98"))
    return insee[: _OVERSEAS_DIGITS if overseas else _DEPARTMENT_DIGITS]


def _department_of_unknown(postcode: str) -> str | None:
    """By its first digits, except where they say two départements (Corsica)."""
    department = _department_of(postcode)
    return department if department in _table().departments else None


class _Table:
    """Lines `postcode TAB INSEE TAB name`, once by postcode and once by INSEE code."""

    def __init__(self, folder: Path) -> None:
        text = gzip.decompress((folder / "communes.tsv.gz").read_bytes()).decode()
        self._by_postcode = text.split("\n")
        self._by_insee = sorted(self._by_postcode, key=_insee_in)
        names = (folder / "departements.tsv").read_text(encoding="utf-8").splitlines()
        self.departments = dict(line.split("\t", 1) for line in names)

    def with_postcode(self, postcode: str) -> tuple[Commune, ...]:
        start = bisect_left(self._by_postcode, postcode)
        return _communes(self._by_postcode, start, lambda line: line.startswith(postcode))

    def with_insee(self, insee: str) -> tuple[Commune, ...]:
        start = bisect_left(self._by_insee, insee, key=_insee_in)
        return _communes(self._by_insee, start, lambda line: _insee_in(line) == insee)


def _insee_in(line: str) -> str:
    return line[6:11]


def _communes(lines: list[str], start: int, belongs: Callable[[str], bool]) -> tuple[Commune, ...]:
    """Those of the lines from `start` on that belong, each commune once."""
    end = start
    while end < len(lines) and belongs(lines[end]):
        end += 1
    found = (line.split("\t") for line in lines[start:end])
    return tuple(dict.fromkeys(Commune(insee, name) for _, insee, name in found))


@lru_cache(maxsize=1)
def _table() -> _Table:
    return _Table(FOLDER)
