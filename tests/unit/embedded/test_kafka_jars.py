"""The download, against a small Maven repository served from a folder by this test."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shared.embedded import kafka_jars as module
from shared.embedded.errors import EmbeddedServerError
from shared.embedded.kafka_jars import Jar, cache_folder, kafka_jars

CONTENT = {"org.demo:first:1.0": b"first" * 1000, "org.demo:second:2.0": b"second" * 1000}


class Repository:
    """A Maven repository of two jars; `served` lists the jars it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.served: list[str] = []
        for coordinate, content in CONTENT.items():
            self.put(coordinate, content)

    def put(self, coordinate: str, content: bytes) -> None:
        path = self._path(coordinate)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, coordinate: str) -> None:
        self._path(coordinate).unlink()

    def _path(self, coordinate: str) -> Path:
        group, artifact, version = coordinate.split(":")
        place = self.folder.joinpath(*group.split("."), artifact, version)
        return place / f"{artifact}-{version}.jar"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository(tmp_path / "repository")

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith(".jar"):
                repository.served.append(self.path.rsplit("/", 1)[1])
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(repository.folder))
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    settings = tmp_path / "jgo.conf"
    settings.write_text(f"[repositories]\ndemo = http://127.0.0.1:{server.server_port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    monkeypatch.setattr(module.time, "sleep", lambda _seconds: None)
    jars = [
        Jar(coordinate=coordinate, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for coordinate, content in CONTENT.items()
    ]
    monkeypatch.setattr(module, "locked_jars", lambda: jars)
    yield repository
    server.shutdown()
    thread.join()
    server.server_close()


def test_jars_are_fetched_once_and_then_taken_from_the_cache(
    repository: Repository, tmp_path: Path
) -> None:
    heard: list[tuple[int, int]] = []
    first = kafka_jars(cache=tmp_path, on_progress=lambda done, total: heard.append((done, total)))
    again = kafka_jars(cache=tmp_path)
    assert [path.read_bytes() for path in first] == list(CONTENT.values())
    assert again == first
    assert sorted(repository.served) == ["first-1.0.jar", "second-2.0.jar"]
    assert heard[-1] == (11_000, 11_000)


def test_a_corrupted_jar_in_the_cache_is_fetched_anew(
    repository: Repository, tmp_path: Path
) -> None:
    first, _ = kafka_jars(cache=tmp_path)
    first.write_bytes(b"wrong" * 1000)  # the same size: only the sum can tell
    repository.served.clear()
    assert kafka_jars(cache=tmp_path)[0].read_bytes() == CONTENT["org.demo:first:1.0"]
    assert repository.served == ["first-1.0.jar"]


def test_a_jar_with_another_sum_is_refused_and_not_kept(
    repository: Repository, tmp_path: Path
) -> None:
    repository.put("org.demo:second:2.0", b"forged" * 1000)
    with pytest.raises(EmbeddedServerError, match=r"org.demo:second:2.0.*SHA-256"):
        kafka_jars(cache=tmp_path)
    assert not (tmp_path / "kafka" / "second-2.0.jar").exists()
    assert not list((tmp_path / "kafka").glob(".fetching-*"))


def test_after_a_failed_download_only_what_is_missing_is_fetched(
    repository: Repository, tmp_path: Path
) -> None:
    repository.remove("org.demo:second:2.0")
    with pytest.raises(EmbeddedServerError, match=r"org.demo:second:2.0") as failure:
        kafka_jars(cache=tmp_path)
    assert "[repositories]" in failure.value.hint
    repository.put("org.demo:second:2.0", CONTENT["org.demo:second:2.0"])
    repository.served.clear()
    assert all(path.exists() for path in kafka_jars(cache=tmp_path))
    assert repository.served == ["second-2.0.jar"]


def test_an_unreachable_repository_is_told_with_the_setting_that_changes_it(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "nowhere.conf"
    settings.write_text("[repositories]\nnowhere = http://127.0.0.1:1\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    with pytest.raises(EmbeddedServerError, match=r"org.demo:first:1.0") as failure:
        kafka_jars(cache=tmp_path)
    assert "HTTPS_PROXY" in failure.value.hint


def test_several_may_fetch_into_one_cache_at_the_same_time(
    repository: Repository, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: kafka_jars(cache=tmp_path), range(4)))
    assert all(result == results[0] for result in results)
    assert [path.read_bytes() for path in results[0]] == list(CONTENT.values())


def test_a_cache_that_cannot_be_written_is_told(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(EmbeddedServerError, match="cannot be kept") as failure:
        kafka_jars(cache=tmp_path / "file")
    assert "AIGUILLAGE_CACHE" in failure.value.hint


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIGUILLAGE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/anne")
    assert cache_folder() == Path("/home/anne/.cache/aiguillage")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/aiguillage")
    monkeypatch.setenv("AIGUILLAGE_CACHE", "/elsewhere")
    assert cache_folder() == Path("/elsewhere")
