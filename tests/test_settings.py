"""Settings: which source wins, and what a mistake in one of them says."""

from pathlib import Path

import platformdirs
import pytest
from pydantic import ValidationError

from segue.errors import InvalidParameter
from segue.settings import Settings, is_loopback, read_settings
from segue.speech.audio import MAX_AUDIO_S


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``SEGUE_HOME``, and no other setting in the environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SEGUE_{name.upper()}", raising=False)
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    return tmp_path


def write(home: Path, toml: str) -> None:
    (home / "settings.toml").write_text(toml, encoding="utf-8")


def test_defaults(home: Path) -> None:
    """Without file, environment and flags: the default model, 3 s to connect, 10 minutes to fetch, a day of audio."""
    settings = read_settings()
    assert settings.home == home
    assert settings.model == "fsmn-vad"
    assert settings.connect_timeout_s == 3
    assert settings.fetch_timeout_s == 600
    assert settings.max_audio_s == 86_400


def test_the_limit_of_audio_is_that_of_the_decoder() -> None:
    """Who decodes without settings has the same limit; the settings cannot import it, because that loads NumPy."""
    assert read_settings().max_audio_s == MAX_AUDIO_S


def test_flags_win_over_the_environment_and_that_over_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source wins over the ones below it, value by value."""
    write(home, 'model = "file"\nconnect_timeout_s = 1\nfetch_timeout_s = 1\n')
    monkeypatch.setenv("SEGUE_MODEL", "environment")
    monkeypatch.setenv("SEGUE_CONNECT_TIMEOUT_S", "2")
    settings = read_settings(model="flag")
    assert (settings.model, settings.connect_timeout_s, settings.fetch_timeout_s) == ("flag", 2, 1)
    assert settings.max_audio_s == 86_400


def test_a_flag_that_was_not_given_does_not_count(home: Path) -> None:
    """None is what a flag is that nobody gave: the source below it stands."""
    write(home, 'model = "file"\n')
    assert read_settings(model=None).model == "file"


@pytest.mark.parametrize("name", ["SEGUE_MODEL", "SEGUE_MAX_AUDIO_S"])
def test_an_empty_variable_does_not_count(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """``SEGUE_X=`` in a unit file or a container means: not set."""
    expected = read_settings()
    monkeypatch.setenv(name, "")
    assert read_settings() == expected


@pytest.mark.parametrize("empty", [True, False])
def test_home_is_the_users_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty: bool) -> None:
    """Without ``SEGUE_HOME``, or with an empty one, the store is where the system keeps users' data; never in "."."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SEGUE_HOME", "") if empty else monkeypatch.delenv("SEGUE_HOME")
    assert read_settings().home == platformdirs.user_data_path("segue")
    assert read_settings().home.is_absolute()


def test_the_file_may_move_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where ``SEGUE_HOME`` is not set, ``home`` in the settings of the users' data directory says where models live."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("SEGUE_HOME")
    (tmp_path / "segue").mkdir()
    write(tmp_path / "segue", f'home = "{tmp_path / "large-disk"}"\n')
    assert read_settings().home == tmp_path / "large-disk"


def test_a_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``SEGUE_HOME=~/x`` from a file that no shell reads means the home directory, for the settings file too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEGUE_HOME", "~/x")
    (tmp_path / "x").mkdir()
    write(tmp_path / "x", 'model = "there"\n')
    assert read_settings().home == tmp_path / "x"
    assert read_settings().model == "there"
    assert read_settings(home="~/y").home == tmp_path / "y"


def test_the_home_of_an_unknown_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """``~nobody-here`` is no directory to make in the current one."""
    monkeypatch.setenv("SEGUE_HOME", "~nobody-here/x")
    assert "~nobody-here/x" in refusal()


@pytest.mark.parametrize(
    ("toml", "field", "given"),
    [
        ("model = 3", "model", "3"),
        ("[model]\na = 1", "model", "{'a': 1}"),
        ("connect_timeout_s = 'soon'", "connect_timeout_s", "'soon'"),
        ("connect_timeout_s = 0", "connect_timeout_s", "0"),
        ("fetch_timeout_s = -1.5", "fetch_timeout_s", "-1.5"),
        ("max_audio_s = nan", "max_audio_s", "nan"),
        ("max_audio_s = inf", "max_audio_s", "inf"),
        ("connect_timeout_s = inf", "connect_timeout_s", "inf"),
        ("fetch_timeout_s = nan", "fetch_timeout_s", "nan"),
    ],
)
def test_a_wrong_value_in_the_file_is_named(home: Path, toml: str, field: str, given: str) -> None:
    """A value of another type or out of range is refused with its name and what was given, on one line."""
    write(home, toml)
    message = refusal()
    assert f"setting {field}: " in message
    assert f"(given: {given})" in message


def refusal(**flags: object) -> str:
    with pytest.raises(InvalidParameter) as caught:
        read_settings(**flags)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_a_wrong_value_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a wrong value of a variable."""
    monkeypatch.setenv("SEGUE_MAX_AUDIO_S", "a day")
    assert "setting max_audio_s: " in refusal()


def test_a_wrong_flag_is_named() -> None:
    """So is a wrong value of a flag."""
    assert "setting connect_timeout_s: " in refusal(connect_timeout_s=-1)


def test_an_unknown_key_of_the_file_is_refused(home: Path) -> None:
    """A misspelt key is refused with the names that there are, instead of being ignored."""
    write(home, "max_audio = 3\n")
    assert "setting max_audio: there is none of that name; there are home, model," in refusal()


def test_an_unknown_flag_is_refused() -> None:
    """So is an unknown flag."""
    assert "setting colour: there is none of that name" in refusal(colour="red")


def test_other_variables_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """``SEGUE_…`` variables of other programs are left alone."""
    monkeypatch.setenv("SEGUE_BUILD_NUMBER", "7")
    assert read_settings().model == "fsmn-vad"


@pytest.mark.parametrize("content", [b"model = ", b"= =", b"model = 'a'\nmodel = 'b'", b"\xff\xfe", b"\x00"])
def test_a_file_that_is_not_toml_is_named(home: Path, content: bytes) -> None:
    """A settings.toml that cannot be parsed is refused with its path."""
    (home / "settings.toml").write_bytes(content)
    assert str(home / "settings.toml") in refusal()


def test_settings_are_frozen() -> None:
    """Nobody changes settings after they were read; they are shared between threads."""
    settings = read_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.model = "other"


@pytest.mark.parametrize(
    ("text", "expected"), [("a.example, b.example", ("a.example", "b.example")), ("*", ("*",)), (" , ", ())]
)
def test_a_list_is_one_text_of_a_variable(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: tuple[str, ...]
) -> None:
    """With commas in a variable, as a list in the file."""
    monkeypatch.setenv("SEGUE_ALLOWED_HOSTS", text)
    assert read_settings().allowed_hosts == expected
    monkeypatch.delenv("SEGUE_ALLOWED_HOSTS")
    write(home, f"allowed_hosts = {list(expected)}\n")
    assert read_settings().allowed_hosts == expected


def test_directories_of_a_list_may_have_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the home may."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEGUE_MODEL_DIRECTORIES", "~/models,/srv/models")
    assert read_settings().model_directories == (tmp_path / "models", Path("/srv/models"))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[(host, True) for host in ("127.0.0.1", "127.8.9.1", "::1", "localhost", "LocalHost")],
        *[(host, False) for host in ("0.0.0.0", "::", "192.168.0.1", "::1]", "")],
        *[(host, False) for host in ("localhost.example.org", "127.0.0.1.nip.io")],
    ],
)
def test_loopback_is_an_address_or_the_one_name(host: str, expected: bool) -> None:
    """And no name that merely looks like one."""
    assert is_loopback(host) is expected
