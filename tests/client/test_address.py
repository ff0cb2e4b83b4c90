"""Which server is meant."""

import json
import socket
from pathlib import Path

import pytest

from segue.client.address import DEFAULT_URL, find_url, is_here, plain_url
from segue.errors import InvalidParameter
from segue.settings import read_settings


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:6006", "http://127.0.0.1:6006"),
        ("http://127.0.0.1:6006/", "http://127.0.0.1:6006"),
        ("127.0.0.1:7000", "http://127.0.0.1:7000"),
        ("gpu-box", "http://gpu-box:6006"),
        ("localhost:80", "http://localhost:80"),
        ("https://speech.example.org", "https://speech.example.org"),
        ("https://example.org:8443/speech/", "https://example.org:8443/speech"),
        ("HTTP://Example.ORG", "http://example.org"),
        ("[::1]:6006", "http://[::1]:6006"),
        ("[::1]", "http://[::1]:6006"),
    ],
)
def test_an_address_with_or_without_its_scheme(given: str, url: str) -> None:
    """Host, host and port, or a URL: each becomes a URL; without a scheme http, and then port 6006 if none is given."""
    assert plain_url(given) == url


@pytest.mark.parametrize(
    "given",
    [
        "ftp://x",
        "ws://x",
        "http://",
        "http://x:port",
        "http://x:99999",
        "a b",
        "http://[::1",
        "x?y",
        "x#y",
        "/",
        "x..y",
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    """Anything else is one line that says what an address looks like."""
    with pytest.raises(InvalidParameter, match="server: "):
        plain_url(given)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    """Who writes a secret into the address learns where the token goes, and the secret is not printed."""
    for given in ("http://me:secret@host", "me:secret@host:6006", "http://me:secret@host:port"):
        with pytest.raises(InvalidParameter) as refused:
            plain_url(given)
        assert "secret" not in str(refused.value)


def test_the_first_that_is_given_counts(tmp_path: Path) -> None:
    """What the caller names, the setting, what a server here has written, then the usual address."""
    settings = read_settings(home=tmp_path)
    assert find_url(None, settings) == DEFAULT_URL
    (tmp_path / "server.json").write_text(json.dumps({"pid": 1, "url": "http://127.0.0.1:7001"}))
    assert find_url(None, settings) == "http://127.0.0.1:7001"
    settings = read_settings(home=tmp_path, server="elsewhere")
    assert find_url(None, settings) == "http://elsewhere:6006"
    assert find_url("there:1", settings) == "http://there:1"


@pytest.mark.parametrize("written", [b"", b"{", b"[]", b"3", b"{}", b'{"url": 3}', b'{"url": ""}', b"\xff\xfe"])
def test_a_damaged_server_json_counts_for_nothing(tmp_path: Path, written: bytes) -> None:
    """Whatever is in the file, the usual address stands."""
    (tmp_path / "server.json").write_bytes(written)
    assert find_url(None, read_settings(home=tmp_path)) == DEFAULT_URL


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:6006", True),
        ("https://localhost", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:6006", True),
        ("http://192.0.2.7:6006", False),
        ("http://[2001:db8::7]", False),
        ("http://example.org", False),
        ("http://localhost.example.org", False),
    ],
)
def test_an_address_of_this_machine_is_known(url: str, here: bool) -> None:
    """Loopback is here; documentation's addresses are nowhere, and a name may lead anywhere."""
    assert is_here(url) is here


def test_the_address_that_this_machine_has_in_its_network_is_here() -> None:
    """A server that listens on the machine's own address is on this machine too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.7", 9))  # sends nothing: asks which of its addresses the system would use
        except OSError:
            pytest.skip("no network here")
        own = probe.getsockname()[0]
    assert is_here(f"http://{own}:6006")
