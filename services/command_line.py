"""The `aiguillage` command: the table of its commands; what each does is in `commands/`.

Bodies are imported when they are asked for, so that `--help` answers at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.commands.options import EXIT_CODES, Json
from services.commands.outcome import CommandFailed
from services.commands.partners_table import partners

# Read when numpy is first imported. Our matrices are small: threads would only spin on cores that
# the other services need.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = typer.Typer(
    help="A need said once reaches every agency concerned, and every answer comes back.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
topics = typer.Typer(help="Kafka topics, as declared.", no_args_is_help=True, epilog=EXIT_CODES)
dead_letters = typer.Typer(
    help="Messages that could not be handled.", no_args_is_help=True, epilog=EXIT_CODES
)
router = typer.Typer(epilog=EXIT_CODES)
app.add_typer(router, name="router")
app.add_typer(topics, name="topics")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(partners, name="partners")

PortsFrom = Annotated[
    int | None,
    typer.Option(
        min=1024,
        max=65_000,
        help="Open all ports in a row from this one, instead of 8000…8002, 8100…8106, 9092…9094.",
    ),
]
FreePorts = Annotated[bool, typer.Option("--free-ports", help="Open any ports that are free.")]
Pace = Annotated[
    float, typer.Option(min=0, help="Seconds between two steps of a simulated agency.")
]


@app.command(epilog=EXIT_CODES)
def up(
    ports_from: PortsFrom = None,
    free_ports: FreePorts = False,
    pace: Pace = 2.0,
) -> None:
    """Start PostgreSQL, Kafka, the services and simulated agencies, until Ctrl-C.

    Everything is kept in $AIGUILLAGE_HOME (else ~/.local/share/aiguillage): data, secrets made
    once, logs.
    """
    from services.commands.addresses import choose_ports
    from services.commands.state_folder import default_state_folder
    from services.commands.up import up as body

    ports = choose_ports(ports_from=ports_from, free=free_ports)
    raise typer.Exit(body(default_state_folder(), ports=ports, pace=pace))


@app.command(epilog=EXIT_CODES)
def demo(
    pace: Pace = 0.5,
    keep: Annotated[
        Path | None, typer.Option(help="Keep data and logs in this folder, instead of nowhere.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send 60 varied requests through everything, show them live, and count what was lost.

    Exit code 0 only if nothing was lost and nothing arrived twice.
    """
    from services.commands.demo import demo as body

    raise typer.Exit(body(pace=pace, keep=keep, as_json=as_json))


@app.command(epilog=EXIT_CODES)
def intake() -> None:
    """Run the intake service (settings: AIGUILLAGE_… in the environment)."""
    _serve("intake")


@router.callback(invoke_without_command=True, epilog=EXIT_CODES)
def router_service(context: typer.Context) -> None:
    """Run the router service (settings: AIGUILLAGE_… in the environment), or a command on it."""
    if context.invoked_subcommand is None:
        _serve("router")


@router.command("retrain", epilog=EXIT_CODES)
def router_retrain(
    reports: Annotated[
        Path, typer.Option(file_okay=False, help="Where the comparison is written.")
    ] = Path("build/retraining"),
    model: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            envvar="AIGUILLAGE_MODEL_FILE",
            help="The model's file; without it, the installed one.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on what people decided too, compare with the present model, keep the better one.

    Reads the database and the key ring (AIGUILLAGE_DATABASE_URL, AIGUILLAGE_KEY_RING, or a
    running `up`). The router takes a new model when it starts again.
    """
    from services.commands.retrain import retrain

    retrain(model_file=model, reports=reports, as_json=as_json)


@app.command("partner-adapters", epilog=EXIT_CODES)
def partner_adapters() -> None:
    """Run the partner_adapters service (settings: AIGUILLAGE_… in the environment)."""
    _serve("partner_adapters")


@app.command(epilog=EXIT_CODES)
def simulators() -> None:
    """Run the simulated agencies; never in production."""
    from services.commands.serve import simulate

    simulate()


@app.command(epilog=EXIT_CODES)
def migrate(as_json: Json = False) -> None:
    """Bring the database to the version this code needs."""
    from services.commands.migrate import migrate as body

    body(as_json=as_json)


@topics.command("create", epilog=EXIT_CODES)
def topics_create(
    replication: Annotated[int, typer.Option(min=1, help="Copies of each partition.")] = 1,
    min_in_sync: Annotated[int, typer.Option(min=1, help="Copies that must confirm.")] = 1,
    as_json: Json = False,
) -> None:
    """Create the topics that are missing, and the Kafka accounts of agencies.

    An agency's password is read from AIGUILLAGE_SECRET_<ID>_KAFKA_PASSWORD; without one, its
    account is left as it is.
    """
    from services.commands.topics import create

    create(replication=replication, min_in_sync=min_in_sync, as_json=as_json)


@topics.command("verify", epilog=EXIT_CODES)
def topics_verify(as_json: Json = False) -> None:
    """Compare the topics with their declaration."""
    from services.commands.topics import verify

    verify(as_json=as_json)


@app.command(epilog=EXIT_CODES)
def submit(  # noqa: PLR0917 - typer reads its options from a plain signature
    text: Annotated[str, typer.Argument(help="The need, in the visitor's words; - reads stdin.")],
    site: Annotated[str, typer.Option(help="Where it is taken.")] = "pimms-paris-19",
    channel: Annotated[str, typer.Option(help="kiosk, agent, bus or api.")] = "api",
    postcode: Annotated[str | None, typer.Option(help="The visitor's.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP 47, such as fr.")] = None,
    confirm: Annotated[
        list[str] | None,
        typer.Option(help="An agency the visitor confirmed; consent then covers those alone."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key; the same key gives the same case.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Post one request to intake (AIGUILLAGE_INTAKE_URL, AIGUILLAGE_TOKEN, or a running `up`)."""
    from services.commands.submit import submit as body

    body(
        sys.stdin.read() if text == "-" else text,
        site_id=site,
        channel=channel,
        postcode=postcode,
        language=language,
        confirmed=tuple(confirm or ()),
        key=key,
        as_json=as_json,
    )


@app.command(epilog=EXIT_CODES)
def show(
    case: Annotated[str, typer.Argument(help="A case's reference or id.")], as_json: Json = False
) -> None:
    """Show a case of the token's site: needs and why, agencies, timeline."""
    from services.commands.show import show as body

    body(case, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def classify(
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line, in and out.")],
) -> None:
    """Read {"id","text"} lines, write which agencies are concerned and why."""
    from services.commands.classify import classify as body

    if not jsonl:
        raise typer.BadParameter("only --jsonl is known")
    body()


@dead_letters.command("list", epilog=EXIT_CODES)
def dead_letters_list(
    replayed: Annotated[bool, typer.Option("--replayed", help="Those already replayed.")] = False,
    as_json: Json = False,
) -> None:
    """List the dead letters of the three services."""
    from services.commands.dead_letters import list_letters

    list_letters(replayed=replayed, as_json=as_json)


@dead_letters.command("show", epilog=EXIT_CODES)
def dead_letters_show(
    letter: Annotated[str, typer.Argument(help="Such as router/12.")], as_json: Json = False
) -> None:
    """Show one dead letter: where it lay, its headers, its error."""
    from services.commands.dead_letters import show as body

    body(letter, as_json=as_json)


@dead_letters.command("replay", epilog=EXIT_CODES)
def dead_letters_replay(
    letters: Annotated[list[str] | None, typer.Argument(help="Such as router/12.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    by: Annotated[str, typer.Option(envvar="USER", help="Who is noted.")] = "command line",
    as_json: Json = False,
) -> None:
    """Publish dead letters again; twice does no harm."""
    from services.commands.replay_dead_letters import replay

    replay(letters or [], everything=everything, by=by, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def conformance(
    partner: Annotated[
        str | None, typer.Argument(help="The partner's id, such as caf; not needed with --list.")
    ] = None,
    *,
    address: Annotated[
        str | None, typer.Option(help="Where its test system is, instead of what is configured.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Print every check, one a line, and run none.")
    ] = False,
    only: Annotated[
        list[int] | None, typer.Option(help="Run this check alone; may be repeated.")
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0.1, help="Seconds given to the agency for each status.")
    ] = 60,
    callback_host: Annotated[
        str, typer.Option(help="Where agencies that come to us can come.")
    ] = "127.0.0.1",
    callback_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="At which port; 0 takes a free one.")
    ] = 8190,
    folder: Annotated[
        Path | None, typer.Option(help="More partner files.", exists=True, file_okay=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Try an agency's test system in our place, with invented visitors.

    Never against a system in use: files are opened there. Exit code 0 when every check passed,
    1 when one failed, 2 when they cannot run.
    """
    from services.commands.conformance import conformance as body
    from services.commands.conformance import list_checks

    if list_:
        list_checks(partner, folder=folder, as_json=as_json)
        return
    if partner is None:
        raise typer.BadParameter("Which partner? Or --list.")
    raise typer.Exit(
        body(
            partner,
            address=address,
            folder=folder,
            only=only or (),
            wait=wait,
            callback_host=callback_host,
            callback_port=callback_port,
            as_json=as_json,
        )
    )


@app.command(epilog=EXIT_CODES)
def doctor(as_json: Json = False) -> None:
    """Say what is reachable, in which version, and what to do about the rest."""
    from services.commands.doctor import doctor as body

    raise typer.Exit(body(as_json=as_json))


def main() -> None:
    """Run the command line; failures are told on standard error, with an exit code."""
    try:
        app()
    except CommandFailed as failure:
        sys.stderr.write(f"aiguillage: {failure.message}\n")
        if failure.hint:
            sys.stderr.write(f"  → {failure.hint}\n")
        sys.exit(int(failure.code))
    except BrokenPipeError:  # `aiguillage … | head`
        sys.stderr.close()
        sys.exit(1)


def _serve(service: str) -> None:
    from services.commands.serve import serve

    serve(service)


if __name__ == "__main__":
    main()
