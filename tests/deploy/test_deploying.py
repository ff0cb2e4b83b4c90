"""deploy/ and docs/deploying.md: the options, settings, paths, ports and times that they name are Segue's."""

import json
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from websockets.sync.client import connect

from segue.edges.cli import COMMANDS
from segue.edges.http.app import build
from segue.edges.serve.command import serve
from segue.edges.stream import router
from segue.settings import Settings
from segue.swap.entry import Entry, Kind
from segue.swap.journal import Journal
from tests.edges.http.server import serving
from tests.edges.http.service import answering, loud_service, model, recording

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "segue.service"
DOCKER = ROOT / "deploy" / "docker"
NGINX = ROOT / "deploy" / "nginx" / "segue.conf"
CADDY = ROOT / "deploy" / "caddy" / "Caddyfile"
PAGE = ROOT / "docs" / "deploying.md"
FILES = (UNIT, DOCKER / "Dockerfile", DOCKER / "compose.yaml", NGINX, CADDY, PAGE)


def default(setting: str) -> Any:
    return Settings.model_fields[setting].default


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def directives() -> dict[str, list[str]]:
    """Of the unit: each name with its values, in order."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^([A-Z]\w+)=(.*)$", text_of(UNIT), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def instructions(word: str) -> list[str]:
    """Of the Dockerfile: what follows this word, each time."""
    text = re.sub(r"^#.*\n", "", text_of(DOCKER / "Dockerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    return re.findall(rf"^{word} (.+)$", text, re.MULTILINE)


# -- all of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    """``SEGUE_…`` in any of them is one that ``settings.py`` reads."""
    named = {name.lower() for name in re.findall(r"SEGUE_([A-Z_]+)", text_of(path))}
    assert named <= set(Settings.model_fields)


def test_every_command_is_there() -> None:
    """``segue WORD`` is a command, wherever it stands as one; and each option after ``segue serve`` is its own."""
    known = {option for parameter in serve.params for option in (*parameter.opts, *parameter.secondary_opts)}
    found = 0
    for path in FILES:
        text = re.sub(r'[",\[\]]', "", text_of(path))
        for word, rest in re.findall(
            r"(?:/bin/segue|exec segue segue|`segue|^CMD segue) (\w+)([^`\n]*)", text, re.MULTILINE
        ):
            assert word in COMMANDS
            assert word != "serve" or set(re.findall(r"--[a-z-]+", rest)) <= known
            found += 1
    assert found > 10


def test_every_path_of_the_page_is_there() -> None:
    """Its links, and what its commands take from a clone; and the extras that they install."""
    text, headings = text_of(PAGE), re.findall(r"^## (.+)$", text_of(PAGE), re.MULTILINE)
    paths = [PAGE.parent / link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)]
    paths += [ROOT / name for name in re.findall(r"(?<![\w/(])deploy/[\w./-]+\w", text)]
    assert [path for path in paths if not path.exists()] == []
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"'\.\[([a-z,]+)\]'", text)) | {"huggingface", "otel"} <= extras()


def extras() -> set[str]:
    return set(tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["optional-dependencies"])


def test_the_copy_of_a_journal_is_whole(tmp_path: Path) -> None:
    """The page's command copies it while a service has it; the copy, with nothing beside it, is read and written."""
    (command,) = re.findall(r"VACUUM INTO '([^']+)'", text_of(PAGE))
    assert command.endswith("journal.backup")
    journal = Journal(tmp_path / "journal.db")
    for number in range(300):
        journal.append(Entry(Kind.NOTE, what=f"{number}"))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as other:
        other.execute(f"VACUUM INTO '{tmp_path / 'copy.db'}'")
    journal.close()
    copy = Journal(tmp_path / "copy.db")
    assert copy.notice == ""
    assert [row.what for row in copy.history(1000)] == [f"{number}" for number in reversed(range(300))]
    assert copy.append(Entry(Kind.NOTE, what="after")) == 301
    with pytest.raises(sqlite3.Error), closing(sqlite3.connect(tmp_path / "copy.db")) as other:
        other.execute("DELETE FROM rows")
    copy.close()


# -- systemd -------------------------------------------------------------------------------------------------------


def test_the_unit_suits_the_service() -> None:
    """It waits for longer than the service drains, lets it write where its home is, and takes its statuses as meant."""
    found = directives()
    assert float(found["TimeoutStopSec"][0]) > default("drain_s") + 5
    assert f"SEGUE_HOME=/var/lib/{found['StateDirectory'][0]}" in found["Environment"]
    assert found["Restart"] == ["on-failure"]
    assert found["RestartPreventExitStatus"] == ["2"]
    assert "MemoryDenyWriteExecute" not in found  # cffi's callbacks would fail, and each recording with them
    assert "ProcSubset" not in found
    assert "AF_UNIX" in found["RestrictAddressFamilies"][0].split()


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """It finds nothing wrong; only the program is elsewhere here."""
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / "segue.service"
    unit.write_text(
        text_of(UNIT).replace("/opt/segue/bin/segue", shutil.which("true") or "/bin/true"), encoding="utf-8"
    )
    finished = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


# -- Docker --------------------------------------------------------------------------------------------------------


def test_the_image_has_what_it_copies_and_installs() -> None:
    """All that is copied is in a clone and not ignored; extras, port, user and home are as they should be."""
    copied = [name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    ignored = text_of(DOCKER / "Dockerfile.dockerignore").splitlines()
    assert ignored[0] == "*"
    assert set(copied) == {line[1:] for line in ignored if line.startswith("!")}
    assert set(re.findall(r"'\.\[([a-z,]+)\]'", "".join(instructions("RUN")))[0].split(",")) <= extras()
    assert instructions("EXPOSE") == [str(default("port"))]
    uid = re.findall(r"--uid (\d+)", "".join(instructions("RUN")))[0]
    assert instructions("USER") == [f"{uid}:{uid}"]
    (home,) = re.findall(r"SEGUE_HOME=(\S+)", "".join(instructions("ENV")))
    assert instructions("VOLUME") == [f'["{home}"]']


def test_the_health_check_says_what_readyz_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 1 where nothing answers, or nothing serves yet; then 0."""
    command = json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2])
    assert command[0] == "python"

    def status() -> int:
        return subprocess.run([sys.executable, *command[1:]], capture_output=True, timeout=60, check=False).returncode

    with loud_service(tmp_path / "home", is_open=False) as service:
        with answering(service) as address:
            monkeypatch.setenv("SEGUE_PORT", str(address.port))
            assert status() == 1
            service.serve(model(tmp_path, "first"))
            assert status() == 0
        assert status() == 1


def test_compose_runs_that_image() -> None:
    """From the clone's root, with longer to stop than the service drains, on the port that it has, its home kept."""
    found = yaml.safe_load(text_of(DOCKER / "compose.yaml"))
    service = found["services"]["segue"]
    context = (DOCKER / service["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / service["build"]["dockerfile"]).is_file()
    assert float(service["stop_grace_period"].removesuffix("s")) > default("drain_s") + 5
    assert service["ports"] == [f"127.0.0.1:{default('port')}:{default('port')}"]
    assert [each.partition(":")[2] for each in service["volumes"]] == ["/var/lib/segue", "/tmp"]
    assert set(found["volumes"]) == {each.partition(":")[0] for each in service["volumes"]}


# -- before it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [NGINX, CADDY, PAGE], ids=lambda path: path.name)
def test_behind_a_proxy_one_client_may_have_all(path: Path) -> None:
    """The shares that it names are the whole; the address is the default one; its connections end before Segue's."""
    text = text_of(path)
    for one, all_of_them in (("max_requests_per_client", "max_requests"), ("max_streams_per_client", "max_streams")):
        assert f"SEGUE_{one.upper()}={default(all_of_them)}" in text
    if path != PAGE:
        assert f"127.0.0.1:{default('port')}" in text
        (kept_s,) = re.findall(r"keepalive(?:_timeout)? (\d+)s", text)
        assert int(kept_s) < default("keep_alive_s")


def test_nginx_lets_through_what_segue_takes() -> None:
    """Bodies as large, streams that are quiet for as long, and nothing kept back; Host and Upgrade are passed on.

    A client's share is of ``/v1/`` alone: a browser asks for more than 48 of the page's files at once.
    """
    text = text_of(NGINX)
    assert "client_max_body_size 2g;" in text
    assert default("max_body_bytes") == 2 * 2**30
    assert "proxy_read_timeout 1h;" in text
    assert default("stream_idle_s") < 3600
    assert "limit_conn " not in re.sub(r"location /v1/ \{[^}]+\}", "", text)
    for line in ("proxy_buffering off;", "proxy_request_buffering off;", "Host $http_host;", "Upgrade $http_upgrade;"):
        assert line in text


def test_a_real_nginx_with_it_passes_on_what_it_should(tmp_path: Path) -> None:
    """Recordings by the name that is allowed, live streams; and other sites are refused as they are without it."""
    nginx, openssl = shutil.which("nginx"), shutil.which("openssl")
    if nginx is None or openssl is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    with loud_service(tmp_path / "home", allowed_hosts="vad.example.com") as service:
        service.serve(model(tmp_path, "first"))
        app = build(service)
        app.include_router(router)
        with serving(app) as address, proxy(nginx, openssl, tmp_path, address.port) as port:
            certificate = str(tmp_path / "cert.pem")

            def status(host: str, origin: str) -> int:
                headers = {"Host": f"{host}:{port}", "Origin": f"{origin}:{port}"}
                url = f"https://127.0.0.1:{port}/v1/detect"
                return requests.post(url, recording(), headers=headers, verify=certificate, timeout=30).status_code

            assert status("vad.example.com", "https://vad.example.com") == 200
            assert status("vad.example.com", "https://other.example.com") == 403
            assert status("other.example.com", "https://other.example.com") == 403
            trusted = ssl.create_default_context(cafile=certificate)
            with connect(
                f"wss://127.0.0.1:{port}/v1/stream?sample_rate=16000", ssl=trusted, compression=None
            ) as stream:
                assert json.loads(stream.recv(30))["type"] == "ready"


@contextmanager
def proxy(nginx: str, openssl: str, directory: Path, upstream: int) -> Iterator[int]:
    """nginx with the file before this port, on one of its own, for the length of a block."""
    make = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"]
    make += ["-subj", "/CN=vad.example.com", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(make, cwd=directory, check=True, capture_output=True, timeout=60)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    text = text_of(NGINX).replace("/etc/ssl/segue", str(directory)).replace("listen 443", f"listen 127.0.0.1:{port}")
    (directory / "segue.conf").write_text(text.replace("127.0.0.1:6006", f"127.0.0.1:{upstream}"), encoding="utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    whole = f"daemon off; pid {directory}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; {folders}"
    (directory / "nginx.conf").write_text(f"{whole} include {directory}/segue.conf; }}", encoding="utf-8")
    process = subprocess.Popen([nginx, "-p", str(directory), "-c", str(directory / "nginx.conf")])
    try:
        until_s = time.monotonic() + 30
        while not is_listening(port):
            assert process.poll() is None
            assert time.monotonic() < until_s, "it does not listen"
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def is_listening(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
