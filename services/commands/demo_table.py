"""How the demonstration is shown: every case with its agencies, then the summary.

The command speaks English; agencies and statuses are the domain's French words.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from services.commands.demo_summary import Spread, Summary, is_settled

CASE_STATUSES = {
    "received": ("reçu", "dim"),
    "in_triage": ("à décider", "magenta"),
    "out_of_scope": ("hors périmètre", "blue"),
    "with_agencies": ("en cours", "yellow"),
    "answer_needed": ("réponse attendue", "cyan"),
    "closed": ("terminé", "green"),
    "withdrawn": ("retiré", "dim"),
}
REFERRAL_STATUSES = {
    "issued": ("émis", "dim"),
    "delivered": ("remis", "white"),
    "acknowledged": ("pris en compte", "yellow"),
    "in_progress": ("en cours", "yellow"),
    "needs_information": ("question posée", "cyan"),
    "resolved": ("réglé", "green"),
    "refused": ("refusé", "red"),
    "withdrawn": ("retiré", "dim"),
    "expired": ("expiré", "red"),
}
TEXT_SHOWN = 48
ROWS_AROUND = 8
"""Lines of a terminal that the table's frame and title take."""


def cases_table(
    cases: Sequence[Mapping[str, Any]], *, texts: Mapping[str, str], height: int | None
) -> Table:
    """The cases, unsettled first when not all fit in `height` lines; `texts` by case id."""
    room = max(height - ROWS_AROUND, 5) if height is not None else len(cases)
    shown = sorted(cases, key=lambda case: case["received_at"])
    hidden = max(len(shown) - room, 0)
    if hidden:
        shown = sorted(shown, key=is_settled)[:room]
    table = Table(title=_title(cases), title_justify="left", header_style="bold", expand=False)
    for column in ("case", "channel", "request", "status", "agencies"):
        table.add_column(column, no_wrap=column != "agencies")
    for case in shown:
        table.add_row(
            case["reference"],
            case["channel"],
            Text(_shortened(texts.get(case["case_id"], "")), style="dim"),
            _case_status(case),
            _agencies(case),
        )
    if hidden:
        table.caption = f"… and {hidden} more"
    return table


def progress_line(cases: Sequence[Mapping[str, Any]], *, wanted: int) -> str:
    """One plain line, for where nothing can be redrawn."""
    statuses = Counter(referral["status"] for case in cases for referral in case["referrals"])
    counted = ", ".join(f"{REFERRAL_STATUSES[status][0]} {n}" for status, n in statuses.items())
    settled = sum(map(is_settled, cases))
    return f"{len(cases)} of {wanted} cases, {settled} settled; referrals: {counted or 'none'}"


def summary_table(summary: Summary) -> Table:
    """The figures, one a line."""
    table = Table(title="Summary", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_row("requests in", f"{summary.accepted} of {summary.requests}")
    table.add_row("cases routed", str(summary.routed))
    for partner_id, count in summary.partners.items():
        table.add_row(
            f"  {partner_id}",
            f"{count.delivered} delivered of {count.routed}, {count.answered} answered",
        )
    table.add_row("to a person (triage)", str(summary.triage))
    table.add_row("out of scope, body named", str(summary.out_of_scope))
    table.add_row("lost", _judged(summary.lost))
    table.add_row("duplicates", _judged(summary.duplicates))
    table.add_row("not settled in time", _judged(summary.unsettled))
    table.add_row("202 → accepted by agency", _spread(summary.acceptance_to_delivery))
    table.add_row("agency's word → timeline", _spread(summary.callback_to_timeline))
    return table


def services_table(ready_seconds: Mapping[str, float], memory: Mapping[str, int | None]) -> Table:
    """Ready time and resident memory (bytes) of each process."""
    table = Table(title="Services", title_justify="left", header_style="bold")
    for column in ("process", "ready in", "resident"):
        table.add_column(column, justify="left" if column == "process" else "right")
    for name, seconds in ready_seconds.items():
        resident = memory.get(name)
        table.add_row(
            name, f"{seconds:.1f} s", f"{resident / 1_000_000:.0f} MB" if resident else "?"
        )
    return table


def _title(cases: Sequence[Mapping[str, Any]]) -> str:
    return f"{len(cases)} cases, {sum(map(is_settled, cases))} settled"


def _case_status(case: Mapping[str, Any]) -> Text:
    words, style = CASE_STATUSES.get(case["status"], (case["status"], ""))
    text = Text(words, style=style)
    if case.get("danger"):
        text.append(f" danger {case['danger']}", style="bold red")
    elif case.get("urgent"):
        text.append(" urgent", style="bold red")
    return text


def _agencies(case: Mapping[str, Any]) -> Text:
    parts = []
    for referral in case["referrals"]:
        words, style = REFERRAL_STATUSES.get(referral["status"], (referral["status"], ""))
        parts.append(Text.assemble((referral["partner_id"], "bold"), " ", (words, style)))
    return Text(", ").join(parts)


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"


def _judged(count: int) -> Text:
    return Text(str(count), style="bold green" if count == 0 else "bold red")


def _spread(spread: Spread) -> str:
    if spread.p50 is None or spread.p95 is None:
        return "none"
    return f"p50 {spread.p50 * 1000:.0f} ms, p95 {spread.p95 * 1000:.0f} ms (of {spread.count})"
