"""One settings object, read once: defaults < ``$SEGUE_HOME/settings.toml`` < ``SEGUE_*`` variables < flags."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from segue.errors import InvalidParameter


def _home() -> Path:
    given = os.environ.get("SEGUE_HOME")
    return _expanded(given) if given else platformdirs.user_data_path("segue")


def _expanded(path: str | Path) -> Path:
    return Path(os.path.expanduser(path))  # Path.expanduser raises RuntimeError for a user that does not exist


def _listed(value: object) -> object:
    """A variable has one text for all of a list."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
_Directories = Annotated[tuple[Annotated[Path, AfterValidator(_expanded)], ...], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """Everything that an operator may set. Frozen; share it freely between threads."""

    model_config = SettingsConfigDict(
        env_prefix="SEGUE_", frozen=True, extra="forbid", env_ignore_empty=True, allow_inf_nan=False
    )

    home: Annotated[Path, AfterValidator(_expanded)] = Field(
        default_factory=_home, description="Where models, the journal and the token live."
    )
    model: str = Field(default="fsmn-vad", description="The model used where none is named.")
    connect_timeout_s: float = Field(
        default=3.0, gt=0, le=3600, description="Longest wait for a connection to an origin."
    )
    fetch_timeout_s: float = Field(
        default=600.0, gt=0, le=86400, description="Longest time that fetching one model may take."
    )
    # speech/audio.py says the same to those who use it alone; to import it from there would load NumPy. A test holds
    # the two together.
    max_audio_s: float = Field(
        default=24 * 3600.0, gt=0, description="Longer audio is refused, however small its file."
    )

    # -- the service: segue serve
    host: str = Field(default="127.0.0.1", description="The address that segue serve listens on.")
    port: int = Field(default=6006, ge=0, le=65535, description="Its port; 0 lets the system choose.")
    page: bool = Field(default=True, description="Serve the web page too.")
    open: bool = Field(default=False, description="Detection without the token though not on loopback.")
    bake_s: float = Field(default=600.0, ge=0, description="How long a replaced version stays warm.")
    max_resident: int = Field(default=8, ge=1, le=64, description="Most versions loaded at once.")
    isolate: bool = Field(default=False, description="Models run in processes of their own, unless a version says not.")
    isolated_memory_bytes: int | None = Field(
        default=None, gt=0, description="Such a process is killed when it takes more memory."
    )
    stall_s: float = Field(default=30.0, gt=0, description="A call that makes no progress for so long is given up.")
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="Lines for people or for programs; auto is text on a terminal, else JSON."
    )
    drain_s: float = Field(default=30.0, ge=0, description="How long a stopping server waits for work in flight.")
    max_body_bytes: int = Field(default=2 * 2**30, gt=0, description="Larger bodies are refused.")
    body_idle_s: float = Field(default=20.0, gt=0, description="A body that brings nothing for so long is refused.")
    body_total_s: float = Field(default=600.0, gt=0, description="A body that takes longer than this is refused.")
    max_requests: int = Field(default=64, ge=1, description="Most recordings uploading, waiting and detected at once.")
    max_requests_per_client: int = Field(default=48, ge=1, description="Of these, most of one address.")
    max_streams: int = Field(default=1000, ge=1, description="Most live streams at once.")
    max_streams_per_client: int = Field(default=750, ge=1, description="Of these, most of one address.")
    stream_idle_s: float = Field(default=120.0, gt=0, description="A stream that brings nothing for so long is closed.")
    max_starts_per_s: float | None = Field(
        default=None, gt=0, description="Most recordings and streams that one address may begin a second."
    )
    max_connections: int | None = Field(
        default=None, ge=8, description="Most connections at once; else as many as the system has descriptors for."
    )
    head_s: float = Field(default=15.0, gt=0, description="The head of a request that takes longer is refused.")
    unread_s: float = Field(default=15.0, gt=0, description="A client that reads nothing of its answer so long is cut.")
    keep_alive_s: int = Field(default=5, ge=1, description="A connection without a request for so long is closed.")
    allowed_hosts: _Texts = Field(default=(), description="Names that requests may call this server by; * is any.")
    allowed_origins: _Texts = Field(default=(), description="Sites whose pages may use this server; * is any.")
    model_directories: _Directories = Field(
        default=(), description="Where directories may be that are named over HTTP; / is anywhere."
    )

    # -- the commands that talk to it
    server: str | None = Field(default=None, description="The address of the service; else the one on this machine.")
    token: str | None = Field(default=None, repr=False, description="Its token, where it is on another machine.")

    @property
    def is_loopback(self) -> bool:
        """Whether the service listens where only this machine reaches it."""
        return is_loopback(self.host)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic-settings passes all four by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over environment over file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _home() / "settings.toml")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address means this machine and no other."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_settings(**flags: object) -> Settings:
    """Read the settings; ``flags`` whose value is None count as not given. Raises InvalidParameter with the field."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]  # pydantic validates
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            raise InvalidParameter(f"setting {field}: there is none of that name; there are {known}") from error
        raise InvalidParameter(f"setting {field}: {first['msg']} (given: {first['input']!r})") from error
    except (ValueError, OSError, RuntimeError) as error:  # not TOML, may not be read, in the home of no user
        raise InvalidParameter(f"{_home() / 'settings.toml'} cannot be read: {error}") from error
