"""A service that recognises speech, as far as it is asked here: it says what it was told to, side by side."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Stub:
    """`says`: texts of the user's side, then of the other's, one second each; `status` other than 200 refuses."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.status = 200
        self.says: list[list[str]] = [["Добрый день, компания Ромашка"], ["Здравствуйте"]]
        self.bodies: list[bytes] = []

    def answer(self) -> dict:
        texts = self.says[(len(self.bodies) - 1) % len(self.says)]
        return {"segments": [{"start": float(place), "end": place + 1.0, "text": text}
                             for place, text in enumerate(texts)]}


@contextmanager
def recogniser() -> Iterator[Stub]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            stub.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(stub.answer()).encode()
            self.send_response(stub.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = Stub(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
