"""`aiguillage partners check | add`."""

import tomllib

import pytest
from typer.testing import CliRunner

from services.command_line import app
from services.commands.outcome import CommandFailed

EIGHT_AND_THE_DESK = 9


def run(*arguments):
    return CliRunner().invoke(app, ["partners", *map(str, arguments)])


def added(tmp_path, partner_id="neuvieme", kind="rest", *more):
    folders = ("--folder", tmp_path / "partners", "--catalogue-folder", tmp_path / "catalogue")
    return run("add", partner_id, "--kind", kind, *folders, *more)


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch):
    monkeypatch.delenv("AIGUILLAGE_PARTNERS_FOLDER", raising=False)


def test_all_partners_are_checked_without_connecting_to_anything():
    result = run("check", "--json")
    assert result.exit_code == 0
    assert result.stdout.count('"partner_id"') == EIGHT_AND_THE_DESK


@pytest.mark.parametrize("kind", ["rest", "soap", "sftp", "email", "webhook", "kafka_queue"])
def test_an_added_partner_is_accepted_and_what_it_needs_is_said(tmp_path, kind):
    result = added(tmp_path, "neuvieme", kind, "--name", "L’agence d’à côté")
    assert result.exit_code == 0, result.output
    assert "AIGUILLAGE_SECRET_NEUVIEME_" in result.stdout
    assert "aiguillage topics create" in result.stdout
    assert run("check", tmp_path / "partners").exit_code == 0
    catalogue = tomllib.loads((tmp_path / "catalogue" / "neuvieme.toml").read_text("utf-8"))
    assert catalogue["partner"]["name"] == "L’agence d’à côté"
    assert [each["id"] for each in catalogue["demarche"]] == ["neuvieme.autre"]


def test_the_partners_of_the_environments_folder_count_too(tmp_path, monkeypatch):
    added(tmp_path)
    monkeypatch.setenv("AIGUILLAGE_PARTNERS_FOLDER", str(tmp_path / "partners"))
    assert run("check", "--json").stdout.count('"partner_id"') == EIGHT_AND_THE_DESK + 1


def test_nothing_is_written_over(tmp_path):
    added(tmp_path)
    written = (tmp_path / "partners" / "neuvieme.toml").read_text()
    result = added(tmp_path, "neuvieme", "soap")
    assert isinstance(result.exception, CommandFailed) and "already" in str(result.exception)
    assert (tmp_path / "partners" / "neuvieme.toml").read_text() == written
    assert isinstance(added(tmp_path, "caf").exception, CommandFailed)


@pytest.mark.parametrize(("partner_id", "kind"), [("neuvieme", "telex"), ("9", "rest")])
def test_a_kind_or_an_id_that_cannot_be_is_refused_and_writes_nothing(tmp_path, partner_id, kind):
    assert isinstance(added(tmp_path, partner_id, kind).exception, CommandFailed)
    assert list(tmp_path.iterdir()) == []


def test_every_fault_of_every_file_is_told_with_its_line(tmp_path):
    added(tmp_path, "un")
    added(tmp_path, "deux")
    for name in ("un", "deux"):
        file = tmp_path / "partners" / f"{name}.toml"
        file.write_text(file.read_text().replace("concurrency = 8", "concurrency = 800"))
    faults = str(run("check", tmp_path / "partners").exception).splitlines()
    line = 1 + file.read_text().splitlines().index("concurrency = 800")
    assert [fault.split(": ")[0] for fault in faults] == [
        f"{tmp_path}/partners/deux.toml:{line}",
        f"{tmp_path}/partners/un.toml:{line}",
    ]
