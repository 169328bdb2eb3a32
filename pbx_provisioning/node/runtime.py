"""Run one Asterisk: write its configuration, start it, wait until it is up, stop it.

Several instances live side by side (demo, tests, simulated public network), each with a state
directory of its own; the programs, modules and sounds are shared and stay untouched.
"""
from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path

from pbx_provisioning.node import melody
from pbx_provisioning.node.root import DEBIAN_SOUNDS, Asterisk, AsteriskMissing, ensure_root, locate

__all__ = ["Asterisk", "AsteriskConfig", "AsteriskFailed", "AsteriskMissing", "AsteriskNode", "ensure_root", "locate"]

TEMPLATES = Path(__file__).parent / "templates"
STATE_IN_ROOT = Path("srv/switchroom")
DIRECTORIES = ("etc/pjsip.d", "etc/extensions.d", "etc/globals.d", "etc/musiconhold.d", "spool/outgoing",
               "spool/media", "spool/fax", "spool/tmp", "lib/audio", "lib/sounds", "lib/moh",
               "log/cdr-custom", "log/cel-custom", "run", "keys")
LANGUAGES = {"ru": "ru_RU_f_IvrvoiceRU", "en": "en_US_f_Allison"}
_PLACE = re.compile(r"@([a-z0-9_]+)@")
_PLAIN = re.compile(r"[A-Za-z0-9 _.,:/+\-]*")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class AsteriskFailed(Exception):
    """Asterisk ended or did not come up; the message carries the end of its log."""


@dataclass(frozen=True, slots=True)
class AsteriskConfig:
    """What differs between instances. Times are seconds.

    `key1`, `key2` sign the questions to the panel and must be letters and digits only, like
    every value that enters a configuration file.
    """

    instance: str
    node_id: str
    bind_address: str = "127.0.0.1"
    sip_port: int = 5060
    ami_port: int = 5038
    ami_user: str = "switchroom"
    ami_secret: str = field(default="", repr=False)
    http_port: int = 0  # 0: no HTTP server
    rtp_first: int = 10000
    rtp_last: int = 19999
    odbc_host: str = "127.0.0.1"
    odbc_port: int = 5432
    odbc_database: str = "switchroom"
    odbc_user: str = "switchroom_node"
    odbc_password: str = field(default="", repr=False)
    panel_url: str = "http://127.0.0.1:8000"
    key1: str = field(default="", repr=False)
    key2: str = field(default="", repr=False)
    language: str = "ru"
    realm: str = "switchroom"  # answers to requests for unknown domains
    connect_timeout_seconds: float = 0.3  # panel: TCP connection
    authorise_timeout_seconds: float = 1.5  # panel: the whole answer
    trunk_ring_seconds: int = 90
    database_timeout_seconds: int = 2
    database_retry_seconds: int = 1  # a failed connection is not tried again for so long

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.instance):
            raise ValueError("instance: small letters, digits and hyphens")
        for item in fields(self):
            if not _PLAIN.fullmatch(str(getattr(self, item.name))):
                raise ValueError(f"{item.name}: character that a configuration file cannot carry")


class AsteriskNode:
    """One instance of Asterisk on this machine."""

    def __init__(self, config: AsteriskConfig, asterisk: Asterisk, *, state: Path | None = None,
                 overlay: Path | None = None, extra: Mapping[str, str] | None = None) -> None:
        """`state` is only for an Asterisk of the PATH; a private root keeps the state inside itself.

        `overlay` is a folder of templates that come instead of those of the same name; `extra` are
        values for them beside the fields of `config`.
        """
        if asterisk.root is not None:
            state = asterisk.root / STATE_IN_ROOT / config.instance
        if state is None:
            raise ValueError("state directory needed")
        self.config, self.asterisk, self.state = config, asterisk, state.absolute()
        self._folders = [TEMPLATES, overlay] if overlay else [TEMPLATES]
        self._extra = dict(extra or {})
        self._process: asyncio.subprocess.Process | None = None

    @property
    def etc(self) -> Path:
        """Configuration directory; the agent writes below `pjsip.d`, `extensions.d`, `globals.d`."""
        return self.state / "etc"

    @property
    def cdr_file(self) -> Path:
        return self.state / "log/cdr-custom/switchroom.csv"

    @property
    def cel_file(self) -> Path:
        return self.state / "log/cel-custom/switchroom.csv"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def write_config(self) -> None:
        """Write the static files; files of the agent and the spool are left as they are."""
        for name in DIRECTORIES:
            (self.state / name).mkdir(parents=True, exist_ok=True)
        values = self._values()
        found = {path.name: path for folder in self._folders for path in folder.iterdir()
                 if path.suffix in (".conf", ".ini")}
        for name, template in sorted(found.items()):
            _write_beside(self.etc / name, _PLACE.sub(lambda place: values[place[1]], template.read_text()))
        _write_beside(self.etc / "features_codes.conf", _feature_codes())
        if not (self.state / "lib/moh/melody.wav").exists():
            (self.state / "lib/moh/melody.wav").write_bytes(melody.wav())
        self._link_shared_data()
        if self.asterisk.root is not None:
            self._prepare_root()

    def _values(self) -> dict[str, str]:
        config = self.config
        values = {item.name: str(getattr(config, item.name)) for item in fields(config)}
        for name, value in self._extra.items():
            if not _PLAIN.fullmatch(value):
                raise ValueError(f"{name}: character that a configuration file cannot carry")
            values[name] = value
        values["state"] = str(self.asterisk.inside(self.state))
        values["http_enabled"] = "yes" if config.http_port else "no"
        values["modules_dir"] = str(self._modules())
        return values

    def _modules(self) -> Path:
        root = self.asterisk.root or Path("/")
        for pattern in ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules", "usr/local/lib/asterisk/modules"):
            for found in sorted(root.glob(pattern)):
                return Path("/") / found.relative_to(root)
        raise AsteriskMissing("Asterisk's modules were not found.", "Install the package asterisk-modules.")

    def _link_shared_data(self) -> None:
        sounds = Path("/") / DEBIAN_SOUNDS
        links = {f"lib/sounds/{language}": sounds / name for language, name in LANGUAGES.items()}
        links["lib/documentation"] = Path("/usr/share/asterisk/documentation")
        for name, target in links.items():
            link = self.state / name
            if not link.is_symlink():
                link.symlink_to(target)

    def _prepare_root(self) -> None:
        """Name resolution as on this machine; the state belongs to the account Asterisk runs under."""
        root = self.asterisk.root
        assert root is not None
        for name in ("etc/hosts", "etc/resolv.conf"):
            if Path("/", name).exists():
                shutil.copyfile(Path("/", name), root / name)
        account = next(line for line in (root / "etc/passwd").read_text().splitlines()
                       if line.startswith("asterisk:")).split(":")
        for folder, _, names in os.walk(self.state):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(path, int(account[2]), int(account[3]), follow_symlinks=False)
        self.etc.chmod(0o750)

    async def start(self, timeout: float = 30.0) -> float:
        """Start in the foreground and wait until fully booted; seconds it took.

        Raises:
            AsteriskFailed: it ended or did not come up in time.
        """
        if self._process is not None and self._process.returncode is None:
            raise AsteriskFailed("already running")
        began = time.monotonic()
        (self.state / "run/asterisk.ctl").unlink(missing_ok=True)
        with (self.state / "log/console.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self.asterisk.command("-f", "-C", self._main_file()), env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        while time.monotonic() - began < timeout:
            if self._process.returncode is not None:
                raise AsteriskFailed(f"ended with {self._process.returncode}: {self._log_end()}")
            listening = (self.state / "run/asterisk.ctl").exists()
            with suppress(TimeoutError):  # a large node takes its time: the outer limit counts
                if listening and "fully booted" in await self.rx("core waitfullybooted"):
                    return time.monotonic() - began
            await asyncio.sleep(0.05)
        await self.stop(grace=1.0)
        raise AsteriskFailed(f"not up after {timeout} s: {self._log_end()}")

    async def stop(self, grace: float = 5.0) -> None:
        """End it: politely, after `grace` seconds by force. Calls in progress are hung up."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def kill(self) -> None:
        """End it without warning, as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def rx(self, command: str, timeout: float = 10.0) -> str:
        """Run a command of Asterisk's console and give its output."""
        process = await asyncio.create_subprocess_exec(
            *self.asterisk.command("-C", self._main_file(), "-rx", command), env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        try:
            output, _ = await asyncio.wait_for(process.communicate(), timeout)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return output.decode(errors="replace")

    def _main_file(self) -> str:
        return str(self.asterisk.inside(self.etc / "asterisk.conf"))

    def _environment(self) -> dict[str, str]:
        """ODBC data sources of this instance only; nothing else of our environment reaches Asterisk."""
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.asterisk.inside(self.state / "lib")),
                "LANG": "C.UTF-8", "TERM": "dumb",
                "ODBCINI": str(self.asterisk.inside(self.etc / "odbc.ini"))}

    def _log_end(self) -> str:
        lines: list[str] = []
        for name in ("log/console.log", "log/messages.log"):
            path = self.state / name
            if path.exists():
                lines += path.read_text(errors="replace").splitlines()[-15:]
        return "\n".join(lines)


def _feature_codes() -> str:
    """Every command that a domain may choose, `#<1 to 4 digits>#`: a call switches on the five of its domain by name,
    so a changed code needs no reload. While it is carried out the other party hears the domain's melody."""
    codes = (f"{code:0{length}}" for length in range(1, 5) for code in range(10**length))
    return "\n".join(f"c{code} => #{code}#,self/both,Gosub(sw-feature,{code},1),default" for code in codes) + "\n"


def _write_beside(path: Path, text: str) -> None:
    """Replace at once: a reader sees the old file or the new one."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    beside.chmod(0o640)  # passwords and keys
    beside.replace(path)
