"""Stripe's HTTP API as far as card payments use it, on a local port, with the shapes of the real one.

    with running() as stub: gateway = StripeGateway(KEY, WEBHOOK_SECRET, stub.url)

Nothing is decided here but by the test: `stub.pay(session)` is a person who types a card, `stub.refund(intent, 500)` a
member of staff in Stripe's own console. `stub.event(type, object)` gives the body that Stripe would call us with and
`signed(body)` its signature, computed here by Stripe's published rule and not by their package.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

KEY = "sk_test_stub"
WEBHOOK_SECRET = "whsec_stub"
_count = itertools.count(1)


def _id(kind: str) -> str:
    return f"{kind}_{next(_count):08d}{int(time.time())}"


def signed(body: bytes, secret: str = WEBHOOK_SECRET, at: float = 0) -> str:
    """`Stripe-Signature`: HMAC-SHA256 of "timestamp.body"."""
    moment = int(at or time.time())
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
    return f"t={moment},v1={mac},v0={'0' * 64}"


class Declined(Exception):
    def __init__(self, intent: dict[str, Any], code: str) -> None:
        self.body = {"error": {"type": "card_error", "code": code, "decline_code": "generic_decline",
                               "message": "Your card was declined.", "payment_intent": intent}}


class StripeStub:
    """State in memory; `requests` are (method, path, form) as they came in."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.sessions: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.charges: dict[str, dict[str, Any]] = {}
        self.attached: set[str] = set()
        self.declines = ""  # code with which saved cards are refused
        self.is_away = False  # every answer is a 503
        self.loses_answers = 0  # so many requests are carried out, and the line is cut before the answer
        self._answers: dict[str, tuple[str, int, dict[str, Any]]] = {}  # idempotency key → request, answer

    # --- what people and staff do --------------------------------------------------------------------

    def pay(self, session_id: str, last4: str = "4242") -> dict[str, Any]:
        """A card is typed on the payment page; the session, completed."""
        session = self.sessions[session_id]
        if session["status"] != "open":  # the page of a session shows nothing to press any more
            return session
        form = session["_form"]
        customer = session["customer"] or (_id("cus") if session["_creates_customer"] else None)
        intent = self._new_intent(session["amount_total"], session["currency"], _nested(
            form, "payment_intent_data[metadata]"), customer)
        self._charge(intent, _id("pm"), last4)
        if form.get("payment_intent_data[setup_future_usage]"):
            self.attached.add(intent["payment_method"])
        session |= {"status": "complete", "payment_status": "paid", "payment_intent": intent["id"],
                    "customer": customer, "url": None}
        return session

    def expire(self, session_id: str) -> dict[str, Any]:
        self.sessions[session_id] |= {"status": "expired", "url": None}
        return self.sessions[session_id]

    def refund(self, intent_id: str, amount: int, status: str = "succeeded") -> dict[str, Any]:
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] >= charge["amount"]
        return {"id": _id("re"), "object": "refund", "amount": amount, "currency": charge["currency"], "metadata": {},
                "charge": charge["id"], "payment_intent": intent_id, "status": status, "reason": None}

    def dispute(self, intent_id: str, amount: int, status: str = "needs_response") -> dict[str, Any]:
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        return {"id": _id("du"), "object": "dispute", "amount": amount, "currency": charge["currency"], "metadata": {},
                "charge": charge["id"], "payment_intent": intent_id, "status": status, "reason": "fraudulent"}

    def charge_of(self, intent_id: str) -> dict[str, Any]:
        return self.charges[self.intents[intent_id]["latest_charge"]]

    @staticmethod
    def event(kind: str, thing: dict[str, Any]) -> bytes:
        """A webhook's body, with the object as it is now."""
        shown = {name: value for name, value in thing.items() if not name.startswith("_")}
        return json.dumps({
            "id": _id("evt"), "object": "event", "api_version": "2026-10-28.endive", "created": int(time.time()),
            "livemode": False, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": kind,
            "data": {"object": shown}}, indent=2).encode()

    # --- objects -------------------------------------------------------------------------------------

    def _new_intent(self, amount: int, currency: str, metadata: dict[str, str], customer: str | None) -> dict[str, Any]:
        intent = {"id": _id("pi"), "object": "payment_intent", "amount": amount, "amount_received": 0,
                  "currency": currency, "metadata": metadata, "customer": customer, "status": "requires_payment_method",
                  "latest_charge": None, "payment_method": None, "last_payment_error": None, "livemode": False}
        self.intents[intent["id"]] = intent
        return intent

    def _charge(self, intent: dict[str, Any], method: str, last4: str = "4242") -> None:
        charge = {"id": _id("ch"), "object": "charge", "amount": intent["amount"], "amount_captured": intent["amount"],
                  "amount_refunded": 0, "captured": True, "paid": True, "status": "succeeded", "refunded": False,
                  "currency": intent["currency"], "metadata": intent["metadata"], "customer": intent["customer"],
                  "payment_intent": intent["id"], "payment_method": method, "payment_method_details": {
                      "type": "card", "card": {"brand": "visa", "last4": last4, "exp_month": 4, "exp_year": 2031,
                                               "funding": "credit", "country": "US"}}}
        self.charges[charge["id"]] = charge
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"],
                   "payment_method": method, "last_payment_error": None}

    def _expanded(self, intent_id: str) -> dict[str, Any]:
        intent = dict(self.intents[intent_id])
        if intent["latest_charge"]:
            intent["latest_charge"] = dict(self.charges[intent["latest_charge"]])
        return intent

    # --- HTTP ----------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, form: dict[str, str], key: str) -> tuple[int, dict[str, Any]]:
        self.requests.append((method, path, form))
        if self.is_away:
            return 503, {"error": {"type": "api_error", "message": "away"}}
        asked = json.dumps([method, path, sorted(form.items())])
        if key in self._answers:
            known, status, body = self._answers[key]
            if known != asked:
                return 400, {"error": {"type": "idempotency_error", "message": "Keys for idempotent requests can only "
                                       "be used with the same parameters they were first used with."}}
            return status, body
        try:
            status, body = self._carry_out(method, path, form)
        except Declined as declined:
            status, body = 402, declined.body
        except KeyError:
            status, body = 404, {"error": {"type": "invalid_request_error", "code": "resource_missing",
                                           "message": f"No such object: {path}"}}
        if key and method == "POST":
            self._answers[key] = (asked, status, json.loads(json.dumps(body)))
        return status, body

    def _carry_out(self, method: str, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        match [method, *path.removeprefix("/v1/").split("/")]:
            case ["POST", "checkout", "sessions"]:
                return self._new_session(form)
            case ["GET", "checkout", "sessions", session_id]:
                session = dict(self.sessions[session_id])
                if session["payment_intent"]:
                    session["payment_intent"] = self._expanded(session["payment_intent"])
                return 200, session
            case ["GET", "payment_intents", intent_id]:
                return 200, self._expanded(intent_id)
            case ["POST", "payment_intents"]:
                return self._charge_saved(form)
            case ["POST", "payment_methods", method_id, "detach"]:
                if method_id not in self.attached:
                    raise KeyError(method_id)
                self.attached.discard(method_id)
                return 200, {"id": method_id, "object": "payment_method", "customer": None}
        return 404, {"error": {"type": "invalid_request_error", "message": f"Unrecognized request URL {path}"}}

    def _new_session(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        left = int(form["expires_at"]) - time.time()
        if not 30 * 60 <= left <= 24 * 3600:
            return 400, {"error": {"type": "invalid_request_error", "param": "expires_at", "message":
                                   "The `expires_at` timestamp must be between 30 minutes and 24 hours from now."}}
        session_id = _id("cs_test")
        self.sessions[session_id] = {
            "id": session_id, "object": "checkout.session", "status": "open", "payment_status": "unpaid",
            "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
            "currency": form["line_items[0][price_data][currency]"], "client_reference_id": form["client_reference_id"],
            "metadata": _nested(form, "metadata"), "payment_intent": None, "customer": form.get("customer"),
            "mode": "payment", "url": f"{self.url}/c/pay/{session_id}", "success_url": form["success_url"],
            "expires_at": int(form["expires_at"]), "livemode": False, "_form": form,
            "_creates_customer": form.get("customer_creation") == "always"}
        return 200, self.sessions[session_id]

    def _charge_saved(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if form["payment_method"] not in self.attached:
            raise KeyError(form["payment_method"])
        intent = self._new_intent(int(form["amount"]), form["currency"], _nested(form, "metadata"), form["customer"])
        if self.declines:
            intent["last_payment_error"] = {"code": self.declines, "decline_code": "generic_decline"}
            raise Declined(dict(intent), self.declines)
        self._charge(intent, form["payment_method"])
        return 200, intent

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["path"].startswith("/c/"):
            await self._show_page(scope["path"], send)
            return
        if not headers.get("authorization", "").endswith(KEY):
            status, answer = 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}
        else:
            status, answer = self.answer(scope["method"], scope["path"], dict(parse_qsl(body.decode())),
                                         headers.get("idempotency-key", ""))
            if self.loses_answers and status < 500:
                self.loses_answers -= 1
                raise ConnectionResetError("cut")  # the server answers 500 for it, with nothing in it
        shown = {name: value for name, value in answer.items() if not name.startswith("_")}
        await send({"type": "http.response.start", "status": status, "headers": [
            (b"content-type", b"application/json"), (b"request-id", b"req_stub")]})
        await send({"type": "http.response.body", "body": json.dumps(shown).encode()})


    async def _show_page(self, path: str, send: Any) -> None:
        """The payment page: one link that pays and leads back."""
        step, session_id = path.split("/")[2:]
        headers, body = [(b"content-type", b"text/html")], f'<a id="pay" href="/c/paid/{session_id}">Pay</a>'
        if step == "paid":
            headers, body = [(b"location", self.pay(session_id)["success_url"].encode())], ""
        await send({"type": "http.response.start", "status": 303 if step == "paid" else 200, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})


def _nested(form: dict[str, str], name: str) -> dict[str, str]:
    return {key[len(name) + 1:-1]: value for key, value in form.items() if key.startswith(f"{name}[")}


@contextmanager
def running() -> Iterator[StripeStub]:
    """The stub on a free port, in a thread of its own."""
    stub = StripeStub()
    server = uvicorn.Server(uvicorn.Config(stub, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    stub.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield stub
    server.should_exit = True
    thread.join(5)
