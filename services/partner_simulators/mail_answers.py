"""The answers that an agency's people write: each a mail, to the address the referral came from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from services.partner_simulators.office import Clock, StatusMessage

_POLICY = SMTP.clone(max_line_length=500)
_QUOTED_LINES = 6


@dataclass(frozen=True, slots=True)
class Thread:
    """What an answer about a referral needs of the mail that brought it."""

    subject: str
    reply_to: str
    message_id: str
    beginning: str

    @classmethod
    def begun_by(cls, mail: EmailMessage) -> "Thread":
        text = mail.get_body(("plain",))
        lines = str(text.get_content()).splitlines() if text is not None else []
        return cls(
            subject=str(mail["Subject"]),
            reply_to=str(mail["Reply-To"] or mail["From"]),
            message_id=str(mail["Message-ID"]),
            beginning="\n".join(lines[:_QUOTED_LINES]),
        )


class MailAnswers:
    """Writes answers and has them arrive through `put`."""

    def __init__(
        self,
        *,
        address: str,
        put: Callable[[bytes], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._address = address
        self._put = put
        self._clock = clock
        self._threads: dict[str, Thread] = {}

    def keep_thread(self, referral_id: str, mail: EmailMessage) -> None:
        """Remember what to answer to."""
        self._threads[referral_id] = Thread.begun_by(mail)

    async def send(self, message: StatusMessage) -> None:
        """Answer the mail that brought the referral, as a person would."""
        await self._put(self._written(message, self._threads[message["referral_id"]]))

    def _written(self, message: StatusMessage, thread: Thread) -> bytes:
        mail = EmailMessage(policy=_POLICY)
        mail["Subject"] = f"Re: {thread.subject}"
        mail["From"] = f"Service clientèle <{self._address}>"
        mail["To"] = thread.reply_to
        mail["Date"] = format_datetime(self._clock())
        mail["Message-ID"] = f"<{message['id']}@{self._address.partition('@')[2]}>"
        mail["In-Reply-To"] = thread.message_id
        first = " ".join(filter(None, (message["status"], message["reason"])))
        quoted = "\n".join(f"> {line}" for line in thread.beginning.splitlines())
        mail.set_content(
            f"{first}\n\n{message['message'] or ''}\n\n-- \nLe service clientèle\n\n"
            f"Le {self._clock():%d/%m/%Y à %H:%M}, Aiguillage a écrit :\n{quoted}\n"
        )
        return mail.as_bytes()
