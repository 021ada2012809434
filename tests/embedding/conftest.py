"""A stand-in for the Hugging Face hub: the requests that its client makes to write and read a model repository."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest


class Hub:
    """Repositories: of each the branches, and of each commit the files."""

    def __init__(self) -> None:
        self.branches: dict[str, dict[str, str]] = {}
        self.commits: dict[str, dict[str, bytes]] = {}

    def create(self, name: str) -> None:
        if name not in self.branches:
            self.branches[name] = {}
            self.commit(name, "main", {})

    def commit(self, name: str, branch: str, files: dict[str, bytes]) -> str:
        before = self.commits.get(self.branches[name].get(branch, ""), {})
        content = {**before, **files}
        oid = hashlib.sha1(repr((name, branch, len(self.commits), sorted(content))).encode()).hexdigest()
        self.commits[oid], self.branches[name][branch] = content, oid
        return oid

    def find(self, name: str, revision: str) -> str | None:
        oid = self.branches.get(name, {}).get(revision, revision)
        return oid if oid in self.commits else None


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def answer(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        self.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def say(self, values: Any) -> None:
        self.answer(200, json.dumps(values).encode())

    def refuse(self, code: str) -> None:
        self.answer(404, X_Error_Code=code)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.split("?")[0]
        if path == "/api/validate-yaml":
            return self.say({})
        if path == "/api/repos/create":
            values = json.loads(body)
            name = "/".join(filter(None, (values.get("organization"), values["name"])))
            name = name if "/" in name else f"someone/{name}"
            self.hub.create(name)
            return self.say({"url": f"http://{self.headers['Host']}/{name}", "name": name})
        if found := re.fullmatch(r"/api/models/(.+)/branch/(.+)", path):
            self.hub.branches[found[1]].setdefault(found[2], self.hub.branches[found[1]]["main"])
            return self.say({})
        if found := re.fullmatch(r"/api/models/(.+)/preupload/(.+)", path):
            files = [{"path": file["path"], "uploadMode": "regular"} for file in json.loads(body)["files"]]
            return self.say({"files": [{**file, "shouldIgnore": False} for file in files]})
        if found := re.fullmatch(r"/api/models/(.+)/commit/(.+)", path):
            lines = [json.loads(line) for line in body.splitlines()]
            files = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            oid = self.hub.commit(found[1], found[2], files)
            url = f"http://{self.headers['Host']}/{found[1]}/commit/{oid}"
            return self.say({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})
        self.refuse("EntryNotFound")

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if found := re.fullmatch(r"/api/models/(.+?)/(revision|tree)/([^/]+)(?:/.*)?", path):
            if (oid := self.hub.find(found[1], found[3])) is None:
                return self.refuse("RevisionNotFound" if found[1] in self.hub.branches else "RepoNotFound")
            files = self.hub.commits[oid]
            if found[2] == "tree":
                return self.say(
                    [{"type": "file", "path": n, "size": len(c), "oid": "0" * 40} for n, c in files.items()]
                )
            siblings = [{"rfilename": file} for file in files]
            return self.say({"id": found[1], "sha": oid, "siblings": siblings, "private": False, "tags": []})
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if (oid := self.hub.find(found[1], found[2])) is None:
                return self.refuse("RevisionNotFound")
            content = self.hub.commits[oid].get(found[3])
            if content is None:
                return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=oid)
            etag = hashlib.sha1(content).hexdigest()
            return self.answer(200, content, ETag=f'"{etag}"', X_Repo_Commit=oid)
        self.refuse("RepoNotFound")

    do_HEAD = do_GET


@pytest.fixture
def hub_server() -> Iterator[tuple[str, Hub]]:
    """The address of a hub that runs, and what it holds."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
