"""An agency's people who work by mail: they file what is attached to the mails they get."""

from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import structlog

from services.partner_simulators.mail_answers import MailAnswers
from services.partner_simulators.office import Office, StatusMessage
from services.partner_simulators.referral_form import (
    NotAForm,
    parse_object,
    wrong_in_answer,
    wrong_in_referral,
    wrong_in_withdrawal,
)

log = structlog.get_logger()


class MailDesk:
    """Takes mails in; what is attached says what each is about."""

    def __init__(
        self,
        *,
        office: Office,
        answers: MailAnswers,
        announce: Callable[[StatusMessage], None],
        visitor_fields: frozenset[str],
    ) -> None:
        self._office = office
        self._answers = answers
        self._announce = announce
        self._visitor_fields = visitor_fields

    def take(self, raw: bytes) -> None:
        """File a mail's attachment; a mail without a right one is laid aside."""
        mail = message_from_bytes(raw, EmailMessage, policy=default)
        for attachment in mail.iter_attachments():
            body = attachment.get_payload(decode=True)
            if not isinstance(body, bytes):
                continue
            try:
                form = parse_object(body)
            except NotAForm:
                continue
            match attachment.get_filename():
                case "orientation.json":
                    return self._receive(form, body=body, mail=mail)
                case "reponse.json":
                    return self._follow_up("answer", form, body=body)
                case "retrait.json":
                    return self._follow_up("withdrawal", form, body=body)
        log.warning("mail_laid_aside", **self._who)
        return None

    def _receive(self, form: dict[str, Any], *, body: bytes, mail: EmailMessage) -> None:
        referral_id = str(form.get("referral_id", ""))
        self._answers.keep_thread(referral_id, mail)
        wrong = wrong_in_referral(
            form, partner_id=self._office.partner_id, visitor_fields=self._visitor_fields
        )
        if wrong:
            fields = ", ".join(each["field"] for each in wrong)
            because = f"Champs à corriger : {fields}."
            self._announce(self._office.turn_away(referral_id, because=because))
            return
        self._office.open_file(referral_id, body=body)
        if (file := self._office.find_file(referral_id)) is not None:
            self._office.keep_moving(file)

    def _follow_up(self, what: str, form: dict[str, Any], *, body: bytes) -> None:
        file = self._office.find_file(str(form.pop("referral_id", "")))
        wrong = wrong_in_answer(form) if what == "answer" else wrong_in_withdrawal(form)
        if file is None or wrong:
            fields = [each["field"] for each in wrong]
            log.warning("mail_not_usable", what=what, fields=fields, **self._who)
        elif what == "answer":
            self._office.take_answer(file, answer_id=form["answer_id"], body=body)
        else:
            self._office.withdraw(file, body=body)

    @property
    def _who(self) -> dict[str, str]:
        return {"partner_id": self._office.partner_id}
