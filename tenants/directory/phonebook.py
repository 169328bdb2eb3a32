"""Address books for phones: secret addresses, and the formats that phones fetch."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b32encode
from collections.abc import Callable, Iterable, Mapping
from xml.sax import saxutils

from app.audit import history
from app.kernel.db import DomainTx, public_transaction
from app.kernel.i18n import _
from app.settings import settings
from tenants.directory.queries import Entry, entries
from tenants.directory.rules import COMPANY, Book, is_login

TOKEN_LENGTH = 32  # 160 bits in base 32
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_LABELS = {"ip": "SIP", "work": "Work", "mobile": "Mobile", "home": "Home", "other": "Other"}
_GRANDSTREAM_TYPES = {"work": "Work", "ip": "Work", "mobile": "Cell", "home": "Home", "other": "Home"}


# --- addresses -------------------------------------------------------------------------------------------


def token_of(domain_id: int, user_id: int, nonce: str) -> str:
    digest = hmac.new(settings().secret_key, f"phonebook|{domain_id}|{user_id}|{nonce}".encode(), hashlib.sha256)
    return b32encode(digest.digest()).decode().lower()[:TOKEN_LENGTH]


async def token(tx: DomainTx, user_id: int) -> str:
    """The user's, made at the first wish."""
    nonce = await tx.fetchval("SELECT nonce FROM phonebook_key WHERE domain_id = $1 AND user_id = $2",
                              tx.domain_id, user_id)
    return token_of(tx.domain_id, user_id, nonce) if nonce else await renew_token(tx, user_id)


async def renew_token(tx: DomainTx, user_id: int) -> str:
    """A new address; the old one opens nothing any more."""
    nonce = secrets.token_urlsafe(16)
    made = token_of(tx.domain_id, user_id, nonce)
    is_first = await tx.fetchval(
        "INSERT INTO phonebook_key (domain_id, user_id, nonce, token_hash, created_at) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (domain_id, user_id) DO UPDATE SET nonce = EXCLUDED.nonce, token_hash = EXCLUDED.token_hash, "
        "created_at = EXCLUDED.created_at RETURNING xmax = 0", tx.domain_id, user_id, nonce, _hash(made), tx.now)
    if not is_first:
        name = await tx.fetchval("SELECT display_name FROM domain_user WHERE domain_id = $1 AND id = $2",
                                 tx.domain_id, user_id)
        await history.record(tx, "phonebook_renewed", "user", object_id=user_id, object_name=name or "")
    return made


def _hash(made: str) -> str:
    return hashlib.sha256(made.encode()).hexdigest()


async def owner_of(made: str) -> tuple[int, int] | None:
    """(domain, user) of a token."""
    async with public_transaction() as tx:
        row = await tx.fetchrow("SELECT domain_id, user_id FROM find_phonebook($1)", _hash(made))
    return (row["domain_id"], row["user_id"]) if row else None


# --- contents --------------------------------------------------------------------------------------------


async def phone_entries(tx: DomainTx, user_id: int) -> list[Entry]:
    """Personal and shared contacts [ACC-67]."""
    return await entries(tx, Book(user_id), COMPANY)


async def extensions(tx: DomainTx) -> dict[str, str]:
    """What a phone dials for a login or a SIP address of the domain."""
    found: dict[str, str] = {}
    for row in await tx.fetch("SELECT u.login, u.extension, d.name FROM domain_user u JOIN domain d "
                              "ON d.id = u.domain_id WHERE u.domain_id = $1", tx.domain_id):
        found[row["login"]] = found[f"sip:{row['login']}@{row['name']}"] = row["extension"]
    return found


def dialable(entry: Entry, known: Mapping[str, str]) -> list[tuple[str, str]]:
    """(kind, number) that a phone of the domain can dial, in form order."""
    found = []
    for one in entry.numbers:
        number = known.get(one.number, "") if is_login(one.number) or ":" in one.number else one.number
        if number:
            found.append((one.kind, number))
    return found


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(text: str) -> str:
    return saxutils.escape(_NO_XML.sub("", text))


def quoteattr(text: str) -> str:
    return saxutils.quoteattr(_NO_XML.sub("", text))


Contact = tuple[Entry, list[tuple[str, str]]]


def _by_group(contacts: Iterable[Contact]) -> dict[str, list[Contact]]:
    """Heading → contacts: own ones under a heading of their own where they have no group."""
    found: dict[str, list[Contact]] = {}
    for entry, numbers in contacts:
        if numbers:
            heading = entry.group or (_("Personal address book") if entry.owner_key else _("Shared contacts"))
            found.setdefault(heading, []).append((entry, numbers))
    return found


def yealink(contacts: Iterable[Contact], title: str) -> str:
    """Three numbers fit into a unit; a contact with more has several."""
    parts = [f"{_HEAD}<YealinkIPPhoneBook>\n<Title>{escape(title)}</Title>\n"]
    for heading, members in _by_group(contacts).items():
        parts.append(f"<Menu Name={quoteattr(heading)}>\n")
        for entry, numbers in members:
            for at in range(0, len(numbers), 3):
                three = [*(number for _kind, number in numbers[at:at + 3]), "", ""][:3]
                phones = " ".join(f"Phone{n}={quoteattr(number)}" for n, number in enumerate(three, 1))
                parts.append(f'<Unit Name={quoteattr(entry.name)} {phones} default_photo="Resource:"/>\n')
        parts.append("</Menu>\n")
    return "".join((*parts, "</YealinkIPPhoneBook>\n"))


def grandstream(contacts: Iterable[Contact], title: str) -> str:
    groups = _by_group(contacts)
    parts = [f"{_HEAD}<AddressBook>\n<version>1</version>\n"]
    parts += [f"<pbgroup><id>{number}</id><name>{escape(heading)}</name></pbgroup>\n"
              for number, heading in enumerate(groups, 1)]
    for group, members in enumerate(groups.values(), 1):
        for entry, numbers in members:
            phones = "".join(f'<Phone type="{_GRANDSTREAM_TYPES[kind]}"><phonenumber>{escape(number)}</phonenumber>'
                             "<accountindex>0</accountindex></Phone>" for kind, number in numbers)
            parts.append(f"<Contact><id>{entry.id}</id><FirstName>{escape(entry.name)}</FirstName><LastName></LastName>"
                         f"<Frequent>0</Frequent>{phones}<Group>{group}</Group></Contact>\n")
    return "".join((*parts, "</AddressBook>\n"))


def generic(contacts: Iterable[Contact], title: str) -> str:
    """The directory that most other phones read (Cisco's and Yealink's older form)."""
    parts = [f"{_HEAD}<IPPhoneDirectory>\n<Title>{escape(title)}</Title>\n"]
    for members in _by_group(contacts).values():
        for entry, numbers in members:
            phones = "".join(f'<Telephone label="{_LABELS[kind]}">{escape(number)}</Telephone>'
                             for kind, number in numbers)
            parts.append(f"<DirectoryEntry><Name>{escape(entry.name)}</Name>{phones}</DirectoryEntry>\n")
    return "".join((*parts, "</IPPhoneDirectory>\n"))


FORMATS: dict[str, Callable[[Iterable[Contact], str], str]] = {
    "yealink.xml": yealink, "grandstream.xml": grandstream, "generic.xml": generic,
    "phonebook.xml": grandstream, "gs_phonebook.xml": grandstream,  # names that Grandstream adds itself
}


def as_json(contacts: Iterable[Contact]) -> list[dict[str, object]]:
    """What a softphone shows: the same contacts [ABK-01, ACC-67]."""
    return [{"id": entry.id, "name": entry.name, "group": entry.group, "shared": not entry.owner_key,
             "speed_dial": f"*{entry.speed_dial}", "position": entry.position, "email": entry.email,
             "numbers": [{"kind": kind, "number": number} for kind, number in numbers]} for entry, numbers in contacts]
