"""A telephone in this process, where SIPp is too stiff: several lines, keys (RFC 4733), REFER, and ears.

It answers what a node sends within a call (re-INVITE, UPDATE, NOTIFY, OPTIONS) by itself.
"""
from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

KEYS = "0123456789*#"
EVENT_TYPE, PCMA = 101, 8
FRAME_SECONDS = 0.02
_SILENCE = b"\xd5\x55\x54\xd4"  # quietest values of A-law
_TONE, _QUIET = bytes((0x15, 0x95) * 80), b"\xd5" * 160  # 20 ms


class Talk:
    """One call on the phone. `heard` are the keys that came in."""

    def __init__(self, phone: SoftPhone, call_id: str) -> None:
        self.phone, self.call_id = phone, call_id
        self.tag, self.cseq = secrets.token_hex(4), 1
        self.ours = self.theirs = self.target = ""  # From and To of our requests; where they go
        self.invite: Message | None = None  # the last one received
        self.code = 0  # final answer to our INVITE
        self.answered, self.ended, self.heard = asyncio.Event(), asyncio.Event(), ""
        self.answered_at = self.ended_at = 0.0
        self.notified: list[str] = []  # sipfrag lines: progress of our REFER
        self.replies: dict[tuple[int, str], asyncio.Future[Message]] = {}
        self.rtp = socket.socket(type=socket.SOCK_DGRAM)
        self.rtp.setblocking(False)
        self.rtp.bind((phone.address, 0))
        self.remote: tuple[str, int] | None = None
        self.loud_at: list[float] = []
        self.frames: deque[bytes] = deque(maxlen=25)  # the last half second of loud sound
        self._stamp, self._sequence, self._last_event = secrets.randbelow(2**31), 0, -1
        self._singer: asyncio.Task | None = None
        asyncio.get_running_loop().add_reader(self.rtp, self._listen)

    # ------------------------------------------------------------------ sound

    def _listen(self) -> None:
        packet = self.rtp.recv(2048)
        kind, body = packet[1] & 127, packet[12:]
        stamp = struct.unpack("!I", packet[4:8])[0]
        if kind == EVENT_TYPE and len(body) >= 4 and stamp != self._last_event:
            self._last_event = stamp
            self.heard += KEYS[body[0]] if body[0] < len(KEYS) else "?"
        elif kind == PCMA and sum(one not in _SILENCE for one in body) > len(body) // 2:
            self.loud_at.append(time.monotonic())
            self.frames.append(body)

    @property
    def pitch(self) -> float:
        """Of a pure tone, in Hz: the sign bit of A-law turns twice in a period. 0 before half a second was heard."""
        if len(self.frames) < (self.frames.maxlen or 0):
            return 0.0
        sound = b"".join(self.frames)
        turns = sum((one ^ other) & 0x80 != 0 for one, other in pairwise(sound))
        return turns / 2 / (len(sound) / 8000)

    def _send(self, kind: int, body: bytes, stamp: int, mark: bool = False) -> None:
        self._sequence += 1
        if self.remote:
            self.rtp.sendto(struct.pack("!BBHII", 128, kind | (128 if mark else 0), self._sequence & 0xFFFF,
                                        stamp & 0xFFFFFFFF, 7) + body, self.remote)

    async def keys(self, text: str, pause: float = 0.08) -> None:
        """Press the keys; one takes 60 ms and `pause`."""
        for key in text:
            self._stamp += 1600
            for step in range(1, 4):
                self._send(EVENT_TYPE, struct.pack("!BBH", KEYS.index(key), 10, step * 160), self._stamp, step == 1)
                await asyncio.sleep(FRAME_SECONDS)
            for _ in range(3):
                self._send(EVENT_TYPE, struct.pack("!BBH", KEYS.index(key), 0x8A, 640), self._stamp)
            await asyncio.sleep(pause)

    def sing(self, *, loud: bool = True) -> None:
        """A loud tone, or the sound of a quiet room, until the end of the call."""
        frame = _TONE if loud else _QUIET
        if self._singer:
            self._singer.cancel()
        async def run() -> None:
            while not self.ended.is_set():
                self._stamp += 160
                self._send(PCMA, frame, self._stamp)
                await asyncio.sleep(FRAME_SECONDS)

        self._singer = asyncio.create_task(run())

    async def hears(self, wanted: bool = True, *, within: float = 6.0, lasting: float = 0.4) -> None:
        """Wait until sound (or silence) has lasted so long."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            await asyncio.sleep(0.05)
            recent = sum(at > time.monotonic() - lasting for at in self.loud_at)
            if (recent > lasting / FRAME_SECONDS * 0.6) if wanted else (recent == 0):
                return
        raise AssertionError(f"{self.phone.login} does not hear {'sound' if wanted else 'silence'}")

    # ------------------------------------------------------------------ signalling

    @property
    def talk_seconds(self) -> float:
        return self.ended_at - self.answered_at if self.answered_at and self.ended_at else 0.0

    def description(self) -> str:
        port = self.rtp.getsockname()[1]
        return (f"v=0\r\no=phone 1 1 IN IP4 {self.phone.address}\r\ns=-\r\nc=IN IP4 {self.phone.address}\r\nt=0 0\r\n"
                f"m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
                "a=fmtp:101 0-15\r\n")

    def learn_media(self, body: str) -> None:
        host, port = re.search(r"c=IN IP4 (\S+)", body), re.search(r"m=audio (\d+)", body)
        if host and port:
            self.remote = host[1], int(port[1])

    async def request(self, method: str, headers: dict[str, str] | None = None, *, timeout: float = 10.0) -> Message:
        """A request within the call and its final answer."""
        self.cseq += 1
        return await self.phone.ask(self, method, self.target, self.cseq, headers or {}, timeout=timeout)

    async def refer(self, number: str, *, replaces: Talk | None = None, domain: str = "") -> int:
        """Transfer the other party; the code that the node gave."""
        uri = f"sip:{number}@{domain or self.phone.domain}"
        if replaces is not None:
            mine, other = re.search(r"tag=([^;>]+)", replaces.ours), re.search(r"tag=([^;>]+)", replaces.theirs)
            assert mine
            assert other
            uri += f"?Replaces={replaces.call_id.replace('@', '%40')}%3Bto-tag%3D{other[1]}%3Bfrom-tag%3D{mine[1]}"
        answer = await self.request("REFER", {"Refer-To": f"<{uri}>", "Referred-By": f"<sip:{self.phone.login}"
                                                          f"@{self.phone.domain}>"})
        return answer.code

    async def bye(self) -> None:
        if not self.ended.is_set():
            await self.request("BYE")
            self.finish()

    def finish(self) -> None:
        if self.ended.is_set():
            return
        self.ended_at = time.monotonic()
        self.ended.set()
        self.answered.set()
        asyncio.get_running_loop().remove_reader(self.rtp)
        if self._singer:
            self._singer.cancel()
        self.rtp.close()

    async def over(self, timeout: float = 10.0) -> None:
        await asyncio.wait_for(self.ended.wait(), timeout)


class Message:
    """A SIP message that came in."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.decode(errors="replace").partition("\r\n\r\n")
        self.first_line, *lines = head.split("\r\n")
        self.lines = lines

    @property
    def code(self) -> int:
        return int(self.first_line.split(" ")[1]) if self.first_line.startswith("SIP/2.0") else 0

    def all(self, name: str) -> list[str]:
        return [line.partition(":")[2].strip() for line in self.lines
                if line.partition(":")[0].strip().lower() == name.lower()]

    def header(self, name: str) -> str:
        return next(iter(self.all(name)), "")


class SoftPhone(asyncio.DatagramProtocol):
    """`login` of `domain`, at an address of its own. Takes calls when `answers` is set, else lets them ring."""

    def __init__(self, login: str, domain: str, password: str, server: tuple[str, int], address: str,
                 account: str = "") -> None:
        self.login, self.domain, self.password, self.server, self.address = login, domain, password, server, address
        self.account = account or login  # what it signs in as
        self.told: list[str] = []  # events of NOTIFY outside of calls
        self.port, self.answers, self.refuses = 0, True, 0
        self.talks: dict[str, Talk] = {}
        self.incoming: asyncio.Queue[Talk] = asyncio.Queue()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def _write(self, *lines: str, body: str = "") -> None:
        extra = ["Content-Type: application/sdp"] if body else []
        text = "\r\n".join([*lines, *extra, f"Content-Length: {len(body)}", "", body])
        self._transport.sendto(text.encode(), self.server)

    # ------------------------------------------------------------------ asking

    async def ask(self, talk: Talk, method: str, uri: str, cseq: int, headers: dict[str, str], *, body: str = "",
                  timeout: float = 30.0, authorisation: str = "") -> Message:
        branch = f"z9hG4bK{secrets.token_hex(6)}"
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        talk.replies[cseq, method] = future
        extra = [f"{name}: {value}" for name, value in headers.items()] + ([authorisation] if authorisation else [])
        self._write(f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP {self.address}:{self.port};rport;branch={branch}",
                    f"From: {talk.ours}", f"To: {talk.theirs}", f"Call-ID: {talk.call_id}", f"CSeq: {cseq} {method}",
                    f"Contact: <sip:{self.login}@{self.address}:{self.port}>", "Max-Forwards: 70", *extra, body=body)
        answer = await asyncio.wait_for(future, timeout)
        if answer.code == 401 and not authorisation:
            if method == "INVITE":
                self._acknowledge(talk, answer, uri, cseq)
            talk.cseq = cseq + 1
            return await self.ask(talk, method, uri, talk.cseq, headers, body=body, timeout=timeout,
                                  authorisation=self._digest(answer.header("WWW-Authenticate"), method, uri))
        if method == "INVITE":
            if answer.code < 300:
                talk.theirs = answer.header("To")
                talk.target = (re.search(r"<([^>]+)>", answer.header("Contact")) or [uri, uri])[1]
                talk.learn_media(answer.body)
                self._acknowledge(talk, answer, talk.target, cseq)
            else:
                self._acknowledge(talk, answer, uri, cseq)
        return answer

    def _acknowledge(self, talk: Talk, answer: Message, uri: str, cseq: int) -> None:
        via = answer.header("Via") if answer.code >= 300 else (
            f"SIP/2.0/UDP {self.address}:{self.port};branch=z9hG4bK{secrets.token_hex(6)}")
        self._write(f"ACK {uri} SIP/2.0", f"Via: {via}", f"From: {talk.ours}", f"To: {answer.header('To')}",
                    f"Call-ID: {talk.call_id}", f"CSeq: {cseq} ACK", "Max-Forwards: 70")

    def _digest(self, challenge: str, method: str, uri: str) -> str:
        facts = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
        ha1 = hashlib.md5(f"{self.account}:{facts['realm']}:{self.password}".encode()).hexdigest()
        ha2 = hashlib.md5(f"{method}:{uri}".encode()).hexdigest()
        nonce, fresh = facts["nonce"], secrets.token_hex(4)
        proof = hashlib.md5(f"{ha1}:{nonce}:00000001:{fresh}:auth:{ha2}".encode()).hexdigest()
        return (f'Authorization: Digest username="{self.account}", realm="{facts["realm"]}", nonce="{nonce}", '
                f'uri="{uri}", response="{proof}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{fresh}"'
                + (f', opaque="{facts["opaque"]}"' if "opaque" in facts else ""))

    def _new_talk(self, uri: str) -> Talk:
        talk = Talk(self, f"{secrets.token_hex(8)}@{self.address}")
        talk.ours, talk.theirs = f"<sip:{self.login}@{self.domain}>;tag={talk.tag}", f"<{uri}>"
        self.talks[talk.call_id] = talk
        return talk

    async def register(self) -> int:
        uri = f"sip:{self.domain}"
        talk = self._new_talk(f"sip:{self.login}@{self.domain}")
        try:
            return (await self.ask(talk, "REGISTER", uri, 1, {"Expires": "600"})).code
        finally:
            talk.finish()

    async def call(self, number: str, *, timeout: float = 30.0, headers: dict[str, str] | None = None) -> Talk:
        """The call when it is answered or refused: see `code`."""
        uri = f"sip:{number}@{self.domain}"
        talk = self._new_talk(uri)
        answer = await self.ask(talk, "INVITE", uri, 1, headers or {}, body=talk.description(), timeout=timeout)
        talk.code = answer.code
        if answer.code >= 300:
            talk.finish()
        else:
            talk.answered_at = time.monotonic()
            talk.answered.set()
        return talk

    async def taken(self, timeout: float = 10.0) -> Talk:
        """The next call that came in, answered."""
        talk = await asyncio.wait_for(self.incoming.get(), timeout)
        await asyncio.wait_for(talk.answered.wait(), timeout)
        return talk

    # ------------------------------------------------------------------ being asked

    def datagram_received(self, data: bytes, _address: tuple) -> None:
        if not data.strip():
            return
        message = Message(data)
        number, _, method = message.header("CSeq").partition(" ")
        talk = self.talks.get(message.header("Call-ID"))
        if message.code:
            future = talk.replies.get((int(number), method)) if talk else None
            if future and not future.done() and message.code >= 200:
                future.set_result(message)
            return
        handlers: dict[str, Callable[[Message, Talk], None]] = {
            "BYE": self._on_bye, "NOTIFY": self._on_notify, "CANCEL": self._on_cancel}
        if method == "INVITE":
            self._on_invite(message, talk)
        elif method == "ACK":
            return
        elif talk is None and method == "NOTIFY":
            self.told.append(message.header("Event"))
            self._reply(message, "200 OK")
        elif talk is None and method != "OPTIONS":
            self._reply(message, "481 No such call")
        elif talk is not None and method in handlers:
            handlers[method](message, talk)
        else:
            self._reply(message, "200 OK")

    def _reply(self, message: Message, status: str, *, tag: str = "", body: str = "") -> None:
        to = message.header("To")
        self._write(f"SIP/2.0 {status}", *(f"Via: {via}" for via in message.all("Via")),
                    f"From: {message.header('From')}", f"To: {to}" + (f";tag={tag}" if tag and "tag=" not in to else ""),
                    f"Call-ID: {message.header('Call-ID')}", f"CSeq: {message.header('CSeq')}",
                    f"Contact: <sip:{self.login}@{self.address}:{self.port}>", body=body)

    def _on_invite(self, message: Message, talk: Talk | None) -> None:
        if talk is not None and talk.ended.is_set():
            self._reply(message, "481 No such call")
            return
        if talk is not None:  # within the call: another far side, another name
            talk.invite = message
            talk.learn_media(message.body)
            self._reply(message, "200 OK", body=talk.description())
            return
        talk = Talk(self, message.header("Call-ID"))
        self.talks[talk.call_id] = talk
        talk.invite = message
        talk.ours, talk.theirs = f"{message.header('To')};tag={talk.tag}", message.header("From")
        talk.target = (re.search(r"<([^>]+)>", message.header("Contact")) or ["", ""])[1]
        talk.learn_media(message.body)
        if self.refuses:
            self._reply(message, f"{self.refuses} No", tag=talk.tag)
            talk.finish()
            return
        self._reply(message, "180 Ringing", tag=talk.tag)
        self.incoming.put_nowait(talk)
        if self.answers:
            self.answer(talk)

    def answer(self, talk: Talk) -> None:
        assert talk.invite is not None
        self._reply(talk.invite, "200 OK", tag=talk.tag, body=talk.description())
        talk.answered_at = time.monotonic()
        talk.answered.set()

    def _on_bye(self, message: Message, talk: Talk) -> None:
        self._reply(message, "200 OK")
        talk.finish()

    def _on_cancel(self, message: Message, talk: Talk) -> None:
        self._reply(message, "200 OK", tag=talk.tag)
        if talk.invite is not None and not talk.answered_at:
            self._reply(talk.invite, "487 Cancelled", tag=talk.tag)
        talk.finish()

    def _on_notify(self, message: Message, talk: Talk) -> None:
        talk.notified.append(message.body.strip())
        self._reply(message, "200 OK")


@asynccontextmanager
async def softphone(login: str, domain: str, password: str, server: tuple[str, int], *, address: str = "127.0.0.1",
                    port: int = 0, registered: bool = True, account: str = "") -> AsyncIterator[SoftPhone]:
    """A phone that is there while the block runs."""
    phone = SoftPhone(login, domain, password, server, address, account)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: phone, (address, port))
    try:
        if registered:
            code = await phone.register()
            assert code == 200, f"{login}@{domain}: {code}"
        yield phone
    finally:
        for talk in list(phone.talks.values()):
            talk.finish()
        transport.close()
