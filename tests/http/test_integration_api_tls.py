"""TLS towards the external system: its certificate is trusted only where it was uploaded [API-44, API-55]."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.http.browser import Browser, text_of
from tests.http.integration_api_world import a_receiver, an_admin, let_private_in, switch_on
from tests.http.test_services import post

pytestmark = pytest.mark.anyio


@cache
def a_certificate(name: str, days: int = 100) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(key, SHA256()))
    return (made.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def server_side(folder: Path, name: str) -> ssl.SSLContext:
    pem, key = a_certificate(name)
    (folder / "cert.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.req("API-55")
async def test_trust(client: Browser, tmp_path: Path) -> None:
    await let_private_in()
    admin = await an_admin()
    client.headers["Accept-Language"] = "ru"
    await client.sign_in(admin.login, admin.domain)
    async with a_receiver(server_side(tmp_path, "localhost")) as receiver:
        await switch_on(admin.actor, receiver.address)
        send = "/integration-api/debugging/send"
        assert "не доверен" in text_of((await post(client, send, test="new")).text)
        assert receiver.requests == []
        for name, trusted in (("crm.example.com", False), ("localhost", True)):
            await switch_on(admin.actor, receiver.address, external_cert=a_certificate(name)[0].decode())
            answer = await post(client, send, test="new")
            assert ("HTTP 200" in answer.text) is trusted, answer.text
    assert len(receiver.bodies()) == 1
