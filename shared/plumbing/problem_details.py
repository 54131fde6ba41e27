"""Errors as people and machines read them: RFC 9457 `application/problem+json`.

The title and messages are in French, for people; `type` is a stable English name, for programs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
_ERRORS_SHOWN = 100

_BY_STATUS = {
    400: ("bad-request", "La requête est mal formée."),
    401: ("not-signed-in", "Vous devez vous identifier."),
    403: ("not-allowed", "Vous n’avez pas le droit de faire cela."),
    404: ("not-found", "Cette page ou ce dossier n’existe pas."),
    405: ("method-not-allowed", "Cette opération n’est pas possible à cette adresse."),
    408: ("too-slow", "La requête a mis trop de temps à arriver."),
    409: ("conflict", "Cette opération n’est pas possible en ce moment."),
    413: ("too-large", "La requête est trop volumineuse."),
    415: ("unsupported-media-type", "Le contenu doit être du JSON (application/json)."),
    422: ("invalid", "Certaines informations manquent ou sont incorrectes."),
    429: ("too-many-requests", "Trop de requêtes ; patientez un instant."),
    500: ("unexpected", "Une erreur inattendue s’est produite."),
    503: ("unavailable", "Le service est momentanément indisponible ; réessayez bientôt."),
}


@dataclass(frozen=True)
class FieldError:
    """One wrong field, as `visitor.birth_date` or `choices.added.0`, and what is wrong with it."""

    field: str
    message: str


class FieldRefused(ValueError):
    """Raised by a validator of a request model: its text, in French, is shown to the sender.

    The text must not quote the input. Other errors of validators get a general message.
    """


class Problem(Exception):
    """An answer that is an error; raised anywhere below a door.

    `code` is the end of the problem's type, `urn:aiguillage:problem:<code>`; by default it says
    what the status says.
    """

    def __init__(
        self,
        status: int,
        title: str | None = None,
        *,
        code: str | None = None,
        detail: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        instance: UUID | None = None,
    ) -> None:
        usual_code, usual_title = _BY_STATUS.get(status, ("error", "La requête a échoué."))
        self.status = status
        self.title = title or usual_title
        self.code = code or usual_code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.instance = instance
        fields = ", ".join(error.field for error in self.errors)
        super().__init__(f"{status} {self.code}" + (f": {fields}" if fields else ""))

    def as_json(self) -> dict[str, object]:
        """The members of the answer; those that say nothing are left out."""
        members: dict[str, object] = {
            "type": f"urn:aiguillage:problem:{self.code}",
            "title": self.title,
            "status": self.status,
        }
        if self.detail is not None:
            members["detail"] = self.detail
        if self.instance is not None:
            members["instance"] = f"urn:uuid:{self.instance}"
        if self.errors:
            members["errors"] = [
                {"field": error.field, "message": error.message}
                for error in self.errors[:_ERRORS_SHOWN]
            ]
        return members


def problem_response(problem: Problem) -> Response:
    """The HTTP answer that says the problem."""
    return Response(
        content=json.dumps(problem.as_json(), ensure_ascii=False).encode("utf-8", "replace"),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


PROBLEM_SCHEMA = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `type` is stable; `title`, `detail` and messages are in French.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:aiguillage:problem:invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
"""The OpenAPI schema of a problem."""
