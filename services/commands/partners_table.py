"""The table of `aiguillage partners …`; what each does is in `partners.py` and `partner_files.py`.

Bodies are imported when they are asked for, as everywhere on the command line.
"""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from services.commands.options import EXIT_CODES, Json

partners = typer.Typer(help="The agencies.", no_args_is_help=True, epilog=EXIT_CODES)

Partner = Annotated[str, typer.Argument(help="The partner's id, such as caf.")]


@partners.command("list", epilog=EXIT_CODES)
def partners_list(as_json: Json = False) -> None:
    """List the partners and how their deliveries go."""
    from services.commands.partners import list_partners

    list_partners(as_json=as_json)


@partners.command("check", epilog=EXIT_CODES)
def partners_check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Partner files, or folders of them; all of them without.", exists=True),
    ] = None,
    as_json: Json = False,
) -> None:
    """Validate the partner files, without connecting to anything."""
    from services.commands.partner_files import check

    check(files or [], as_json=as_json)


@partners.command("add", epilog=EXIT_CODES)
def partners_add(
    partner: Partner,
    kind: Annotated[str, typer.Option(help="How it is talked to: rest, soap, sftp, email…")],
    name: Annotated[str | None, typer.Option(help="As people know it.")] = None,
    folder: Annotated[
        Path, typer.Option(help="Of partner files.", envvar="AIGUILLAGE_PARTNERS_FOLDER")
    ] = Path("partners"),
    catalogue_folder: Annotated[
        Path, typer.Option(help="Of catalogue files.", envvar="AIGUILLAGE_CATALOGUE_FOLDER")
    ] = Path("catalogue"),
) -> None:
    """Write the files of a new partner, to be filled in, and say what to set next."""
    from services.commands.partner_files import add

    add(partner, kind=kind, name=name, folder=folder, catalogue_folder=catalogue_folder)


@partners.command("pause", epilog=EXIT_CODES)
def partners_pause(partner: Partner, as_json: Json = False) -> None:
    """Hand nothing more to a partner until it is resumed."""
    from services.commands.partners import pause

    pause(partner, as_json=as_json)


@partners.command("resume", epilog=EXIT_CODES)
def partners_resume(partner: Partner, as_json: Json = False) -> None:
    """Hand things to a partner again."""
    from services.commands.partners import resume

    resume(partner, as_json=as_json)


@partners.command("retry", epilog=EXIT_CODES)
def partners_retry(partner: Partner, as_json: Json = False) -> None:
    """Try everything that waits for a partner now."""
    from services.commands.partners import retry

    retry(partner, as_json=as_json)


@partners.command("replay", epilog=EXIT_CODES)
def partners_replay(
    partner: Partner,
    reason: Annotated[str | None, typer.Option(help="Only those parked for this reason.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: Json = False,
) -> None:
    """Let a partner's parked deliveries go on; twice does no harm."""
    from services.commands.partners import replay

    replay(partner, reason=reason, dry_run=dry_run, as_json=as_json)


@partners.command("uncertain", epilog=EXIT_CODES)
def partners_uncertain(partner: Partner, as_json: Json = False) -> None:
    """List a partner's deliveries that may have arrived: ask it, then decide."""
    from services.commands.partners import uncertain

    uncertain(partner, as_json=as_json)


@partners.command("decide", epilog=EXIT_CODES)
def partners_decide(
    delivery: Annotated[UUID, typer.Argument(help="A delivery's id; `uncertain` lists them.")],
    received: Annotated[
        bool,
        typer.Option(
            "--received/--not-received", help="What the partner says; not received: sent again."
        ),
    ],
    reference: Annotated[
        str | None, typer.Option(help="The partner's own for it, when it says one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether the partner has an uncertain delivery; your account is noted."""
    from services.commands.partners import decide

    decide(str(delivery), received=received, reference=reference, as_json=as_json)


@partners.command("words", epilog=EXIT_CODES)
def partners_words(partner: Partner, as_json: Json = False) -> None:
    """List the words of a partner that nobody has mapped, and those people mapped."""
    from services.commands.partners import words

    words(partner, as_json=as_json)


@partners.command("map", epilog=EXIT_CODES)
def partners_map(
    partner: Partner,
    word: Annotated[str, typer.Argument(help="As the partner writes it.")],
    meaning: Annotated[
        str, typer.Argument(help="A referral status, such as in_progress, or a refusal reason.")
    ],
    is_reason: Annotated[
        bool, typer.Option("--reason", help="The word is the reason of a refusal.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a partner's word means, and repair all referrals that had it."""
    from services.commands.partners import map_word

    map_word(partner, word, meaning, kind="reason" if is_reason else "status", as_json=as_json)


@partners.command("referral", epilog=EXIT_CODES)
def partners_referral(
    referral: Annotated[UUID, typer.Argument(help="A referral's id.")],
    opened: Annotated[
        bool, typer.Option("--open", help="What the partner wrote too; your name is noted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a referral's whole life: handed over, tried, said, done."""
    from services.commands.partners import referral as body

    body(str(referral), opened=opened, as_json=as_json)
