from __future__ import annotations

import hashlib
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data import repository
from elmo_xlstm.tasks.data.examples import TaggedSentence
from elmo_xlstm.tasks.data.repository import DataFile, Repository, cache_directory, check_file, sha256

CONTENT = b"ani\tB-PPL\n\nkerja sama\tO\n"
FILE = DataFile("tiny/test.txt", 2, hashlib.sha256(CONTENT).hexdigest())
LATER = DataFile("tiny/test.txt", 2, hashlib.sha256(CONTENT).hexdigest(), commit="b" * 40)
TINY = Repository("Tiny", "owner/tiny", "a" * 40, "dataset", "ELMO_XLSTM_TINY", "tiny")


class Quiet(SimpleHTTPRequestHandler):
    requests: list[str] = []

    def log_message(self, *arguments):
        self.requests.append(self.path)


@pytest.fixture
def copy(tmp_path):
    """A local copy of the folder of data."""
    path = tmp_path / "copy" / FILE.path
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return tmp_path / "copy"


@pytest.fixture
def serve(monkeypatch, tmp_path):
    """Serve given bytes (or nothing) on this machine in place of the public repositories."""
    servers = []

    def serve(content=CONTENT, commit="a" * 40):
        Quiet.requests = []
        directory = tmp_path / "served"
        if content is not None:
            path = directory / "owner/tiny" / commit / "dataset" / FILE.path
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        monkeypatch.setattr(repository, "RAW_FILES", f"http://127.0.0.1:{server.server_port}")
        return Quiet.requests

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def unreachable(monkeypatch):
    with socket.socket() as taken:  # bound, not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(repository, "RAW_FILES", f"http://127.0.0.1:{taken.getsockname()[1]}")
        yield


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch, tmp_path):
    monkeypatch.delenv(TINY.variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("ELMO_XLSTM_CACHE", str(tmp_path / "cache"))


def files_below(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


def test_a_file_has_an_address_at_a_commit() -> None:
    assert TINY.url(FILE) == f"https://raw.githubusercontent.com/owner/tiny/{'a' * 40}/dataset/tiny/test.txt"
    assert TINY.url(LATER) == TINY.url(FILE).replace("a" * 40, "b" * 40)


def test_a_given_directory_is_used_and_never_the_network(copy, unreachable) -> None:
    assert TINY.locate(FILE, copy) == copy / FILE.path
    assert not cache_directory().exists()


def test_the_setting_goes_before_the_environment(copy, monkeypatch, tmp_path, unreachable) -> None:
    monkeypatch.setenv(TINY.variable, str(copy))
    assert TINY.given_directory() == copy
    assert TINY.locate(FILE) == copy / FILE.path
    with pytest.raises(UserError, match=r"elsewhere/tiny/test.txt: no such file; data_dir should"):
        TINY.locate(FILE, tmp_path / "elsewhere")
    monkeypatch.setenv(TINY.variable, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"nowhere/tiny/test.txt: no such file; \$ELMO_XLSTM_TINY should"):
        TINY.locate(FILE)


def test_another_content_is_refused_with_both_checksums(copy) -> None:
    path = copy / FILE.path
    path.write_bytes(CONTENT.replace(b"B-PPL", b"O"))
    with pytest.raises(UserError) as caught:
        TINY.locate(FILE, copy)
    for part in (str(path), FILE.sha256, sha256(path), "aaaaaaa"):
        assert part in str(caught.value)


@pytest.mark.parametrize("file", [FILE, LATER])
def test_files_are_fetched_once_and_kept_by_commit(serve, file) -> None:
    commit = file.commit or TINY.commit
    requests = serve(commit=commit)
    path = TINY.locate(file)
    assert path == cache_directory() / "tiny" / commit / file.path
    assert path.read_bytes() == CONTENT
    assert TINY.locate(file) == path
    assert requests == [f"/owner/tiny/{commit}/dataset/tiny/test.txt"]


def test_a_damaged_cached_file_is_fetched_again(serve) -> None:
    requests = serve()
    path = TINY.locate(FILE)
    path.write_bytes(CONTENT[:-3])
    assert TINY.locate(FILE).read_bytes() == CONTENT
    assert len(requests) == 2


def test_a_download_with_another_checksum_is_refused_and_leaves_no_file(serve) -> None:
    serve(b"<html>sign in</html>")
    with pytest.raises(UserError, match=r"cannot fetch http.*tiny/test.txt: SHA256 hash"):
        TINY.locate(FILE)
    assert files_below(cache_directory()) == []


def test_without_network_one_message_names_both_ways_and_no_file_is_left(unreachable) -> None:
    with pytest.raises(UserError) as caught:
        TINY.locate(FILE)
    message = str(caught.value)
    for part in ("cannot fetch http", TINY.variable, "data_dir", "https://github.com/owner/tiny", "'dataset'"):
        assert part in message
    assert caught.value.__cause__ is None
    assert files_below(cache_directory()) == []


def test_a_file_that_the_server_lacks_is_the_same_error(serve) -> None:
    serve(None)
    with pytest.raises(UserError, match="404"):
        TINY.locate(FILE)
    assert files_below(cache_directory()) == []


def test_the_cache_is_the_users_own_unless_it_is_set(monkeypatch, tmp_path) -> None:
    assert cache_directory() == tmp_path / "cache"
    monkeypatch.delenv("ELMO_XLSTM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_directory().name == "elmo-xlstm"
    assert cache_directory() != Path("elmo-xlstm")


def examples(*tags: str) -> list[TaggedSentence]:
    return [TaggedSentence(("a",), (tag,), "f:1") for tag in tags]


def test_another_number_of_rows_is_refused() -> None:
    check_file(Path("f"), FILE, examples("O", "B"), "test", "")
    with pytest.raises(UserError, match=r"some/f.txt: 3 rows, expected 2"):
        check_file(Path("some/f.txt"), FILE, examples("O", "B", "O"), "train", "")


def test_labels_that_are_all_the_same_are_refused() -> None:
    check_file(Path("f"), FILE, examples("O", "O"), "train", "")
    with pytest.raises(UserError, match=r"f: every label is 'O': .* masked; use the other file"):
        check_file(Path("f"), FILE, examples("O", "O"), "test", "the other file")
    with pytest.raises(UserError, match=r"f: every label is missing: .* masked"):
        check_file(Path("f"), FILE, [TaggedSentence(("a",), None, "f:1")] * 2, "test", "")
