from __future__ import annotations

import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from elmo_xlstm.errors import UserError
from tasks.indonlu import fetch
from tasks.indonlu.fetch import DataLocation, cache_directory, locate


class Quiet(SimpleHTTPRequestHandler):
    requests: list[str] = []

    def log_message(self, *arguments):
        self.requests.append(self.path)


@pytest.fixture
def serve(monkeypatch):
    """Serve a directory on this machine in place of the public repository."""
    servers = []

    def serve(directory):
        Quiet.requests = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        monkeypatch.setattr(fetch, "BASE_URL", f"http://127.0.0.1:{server.server_port}")
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
        monkeypatch.setattr(fetch, "BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        yield


def files_below(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


def test_the_commit_is_pinned_in_full():
    assert len(fetch.COMMIT) == 40
    assert f"/{fetch.COMMIT}/" in fetch.BASE_URL


def test_a_given_directory_is_used_and_never_the_network(declare, put, unreachable):
    declare()
    directory = put()
    assert locate("tiny", "test", DataLocation(data_dir=directory)) == directory / "tiny/test.txt"
    assert not cache_directory().exists()


def test_the_setting_goes_before_the_environment(declare, put, monkeypatch, tmp_path, unreachable):
    declare()
    directory = put()
    monkeypatch.setenv("ELMO_XLSTM_INDONLU", str(directory))
    assert locate("tiny", "train") == directory / "tiny/train.txt"
    with pytest.raises(UserError, match=r"elsewhere/tiny/train.txt: no such file; data_dir should"):
        locate("tiny", "train", DataLocation(data_dir=tmp_path / "elsewhere"))
    monkeypatch.setenv("ELMO_XLSTM_INDONLU", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"nowhere/tiny/train.txt: no such file; \$ELMO_XLSTM_INDONLU should"):
        locate("tiny", "train")


def test_another_content_is_refused_with_both_checksums(declare, put):
    declare()
    directory = put()
    path = directory / "tiny/test.txt"
    path.write_bytes(path.read_bytes().replace(b"B-PPL", b"O"))
    with pytest.raises(UserError) as caught:
        locate("tiny", "test", DataLocation(data_dir=directory))
    expected = fetch.dataset("tiny").files["test"].sha256
    for part in (str(path), expected, fetch.sha256(path)):
        assert part in str(caught.value)


def test_files_are_fetched_once_and_kept(declare, put, serve):
    declare()
    source = put()
    requests = serve(source)
    path = locate("tiny", "test")
    assert path.is_relative_to(cache_directory())
    assert path.read_bytes() == (source / "tiny/test.txt").read_bytes()
    assert locate("tiny", "test") == path
    assert requests == ["/tiny/test.txt"]


def test_a_damaged_cached_file_is_fetched_again(declare, put, serve):
    declare()
    requests = serve(put())
    path = locate("tiny", "test")
    good = path.read_bytes()
    path.write_bytes(good[:-3])
    assert locate("tiny", "test").read_bytes() == good
    assert len(requests) == 2


def test_a_download_with_another_checksum_is_refused_and_leaves_no_file(declare, put, serve):
    declare()
    source = put()
    (source / "tiny/test.txt").write_bytes(b"<html>sign in</html>")
    serve(source)
    with pytest.raises(UserError, match=r"cannot fetch http.*tiny/test.txt: SHA256 hash"):
        locate("tiny", "test")
    assert files_below(cache_directory()) == []


def test_without_network_one_message_names_both_ways_and_no_file_is_left(declare, unreachable):
    declare()
    with pytest.raises(UserError) as caught:
        locate("tiny", "train")
    message = str(caught.value)
    for part in ("cannot fetch http", "ELMO_XLSTM_INDONLU", "data_dir", "raw.githubusercontent.com"):
        assert part in message
    assert caught.value.__cause__ is None
    assert files_below(cache_directory()) == []


def test_a_file_that_the_server_lacks_is_the_same_error(declare, put, serve):
    declare()
    source = put()
    (source / "tiny/test.txt").unlink()
    serve(source)
    with pytest.raises(UserError, match="404"):
        locate("tiny", "test")
    assert files_below(cache_directory()) == []


def test_the_cache_is_the_users_own_unless_it_is_set(monkeypatch, tmp_path):
    assert cache_directory() == tmp_path / "cache"
    monkeypatch.delenv("ELMO_XLSTM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_directory().name == "elmo-xlstm"
    assert cache_directory() != Path("elmo-xlstm")


def test_an_unknown_task_is_refused():
    with pytest.raises(UserError, match="no IndoNLU data set"):
        locate("none", "train")
