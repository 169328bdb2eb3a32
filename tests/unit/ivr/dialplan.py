"""Enough of Asterisk's dialplan language to run `sw-ivr.conf` without Asterisk, a key at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

_LINE = re.compile(r"(?:exten => ([^,]+),1|same => n(?:\((\w+)\))?),(\w+)\((.*)\)")
_INNERMOST = re.compile(r"\$\{([^${}]*)\}|\$\[([^$\[\]]*)\]")
Step = tuple[str, str]  # application, arguments
Context = dict[str, list[Step]]


class Over(Exception):
    """The walk has ended, or no keys are left."""


def read(text: str) -> tuple[dict[str, Context], dict[tuple[str, str, str], int]]:
    """Contexts, and places of labels."""
    contexts: dict[str, Context] = {}
    labels: dict[tuple[str, str, str], int] = {}
    name = exten = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("["):
            name = line[1:-1]
            contexts.setdefault(name, {})
        elif found := _LINE.fullmatch(line):
            if found[1]:
                exten = found[1]
                contexts[name][exten] = []
            if found[2]:
                labels[name, exten, found[2]] = len(contexts[name][exten])
            contexts[name][exten].append((found[3], found[4]))
    return contexts, labels


class Machine:
    """`keys`: "" is silence until the deadline. `events` as in `tenants.ivr.walk`, destinations as their codes."""

    def __init__(self, conf: Path, data: str, domain_id: int, keys: list[str], extensions: set[str],
                 targets: set[str]) -> None:
        self.contexts, self.labels = read(conf.read_text() + "\n" + data)
        self.contexts[f"d{domain_id}-ext"] = {one: [] for one in extensions}
        self.contexts.setdefault(f"d{domain_id}-to", {}).update({one: [] for one in targets})
        self.keys: Iterator[str] = iter(keys)
        self.variables: dict[str, str] = {}
        self.events: list[tuple[str, ...]] = []
        self.waits: list[tuple[str, float]] = []  # of each menu that was played, from the end of its audio
        self.stack: list[tuple[str, str, int]] = []
        self.at = ("", "", 0)

    def run(self, context: str, exten: str) -> None:
        self.at = (context, exten, 0)
        try:
            while True:
                name, number, place = self.at
                application, arguments = self.contexts[name][number][place]
                self.at = (name, number, place + 1)
                self.do(application, self.expand(arguments))
        except Over:
            return

    def do(self, application: str, text: str) -> None:
        getattr(self, f"app_{application.lower()}", self._nothing)(text)

    # ------------------------------------------------------------------ applications

    def _nothing(self, text: str) -> None:
        assert not text.startswith("$")

    def app_set(self, text: str) -> None:
        name, _equals, value = text.partition("=")
        self.variables[name.lstrip("_")] = value

    def app_goto(self, text: str) -> None:
        parts = text.split(",")
        here = [self.at[0], self.at[1]]
        context, exten = here[:3 - len(parts)] + parts[:-1]
        self.at = (context, exten, self._place(context, exten, parts[-1]))

    def app_gotoif(self, text: str) -> None:
        condition, _mark, branches = text.partition("?")
        wanted = branches.split(":")[0] if condition == "1" else ([*branches.split(":"), ""])[1]
        if wanted:
            self.app_goto(wanted)

    def app_execif(self, text: str) -> None:
        condition, _mark, step = text.partition("?")
        if condition == "1":
            application, _open, arguments = step.partition("(")
            self.do(application, arguments[:-1])

    def app_gosub(self, text: str) -> None:
        found = re.fullmatch(r"([^,]+),([^,]+),1(?:\((.*)\))?", text)
        assert found, text
        if found[1] == "sw-to":
            self.events.append(("to", (found[3] or "").split(",")[1]))
            raise Over
        self.stack.append(self.at)
        for number, value in enumerate((found[3] or "").split(","), 1):
            self.variables[f"ARG{number}"] = value
        self.at = (found[1], found[2], 0)

    def app_return(self, text: str) -> None:
        self.variables["GOSUB_RETVAL"] = text
        self.at = self.stack.pop()

    def app_read(self, text: str) -> None:
        name, sound, most, options, _attempts, seconds = text.split(",")
        if options:
            self.waits.append((self.variables["SW_IVR_MENU"], float(seconds)))
        if sound == "vm-enter-num-to-call":
            self.events.append(("ask",))
        typed = ""
        while len(typed) < int(most):
            key = next(self.keys, None)
            if key is None:
                raise Over
            if key == "#" and not typed and "e" in options:
                typed = key
            if key in ("", "#"):
                break
            typed += key
        self.variables[name] = typed

    def app_celgenuserevent(self, text: str) -> None:
        what, _space, value = text.partition(",")[2].partition(" ")
        if what == "menu":
            self.events.append(("menu", value))

    def app_playback(self, text: str) -> None:
        self.events.append(("audio", text.split("/")[-2]))

    def app_hangup(self, _text: str) -> None:
        self.events.append(("hangup",))
        raise Over

    def app_dial(self, text: str) -> None:
        self.events.append(("out", text.removeprefix("Local/").partition("@")[0]))
        raise Over

    def _place(self, context: str, exten: str, name: str) -> int:
        return int(name) - 1 if name.isdigit() else self.labels[context, exten, name]

    # ------------------------------------------------------------------ expressions

    def expand(self, text: str) -> str:
        while found := _INNERMOST.search(text):
            value = self._variable(found[1]) if found[1] is not None else _expression(found[2])
            text = text[:found.start()] + value + text[found.end():]
        return text

    def _variable(self, text: str) -> str:
        called = re.fullmatch(r"([A-Z_]+)\((.*)\)", text, re.S)
        if called:
            functions: dict[str, Callable[[str], str]] = {
                "CUT": self._cut, "LEN": lambda one: str(len(one)), "FILTER": _filter, "CDR": lambda _: "",
                "IF": _choose, "DIALPLAN_EXISTS": self._exists}
            return functions[called[1]](called[2])
        name, _colon, part = text.partition(":")
        value = self.variables.get(name, "")
        if part:
            first, _colon, length = part.partition(":")
            value = value[int(first):][:int(length) if length else None]
        return value

    def _cut(self, text: str) -> str:
        name, mark, number = text.split(",")
        return ([*self.variables.get(name, "").split(mark), "", "", ""])[int(number) - 1]

    def _exists(self, text: str) -> str:
        context, exten, _priority = text.split(",")
        return str(int(exten in self.contexts.get(context, {})))


def _filter(text: str) -> str:
    allowed, _comma, value = text.partition(",")
    return "".join(re.findall(f"[{allowed}]", value))


def _choose(text: str) -> str:
    condition, _mark, branches = text.partition("?")
    yes, _colon, no = branches.partition(":")
    return yes if condition == "1" else no


def _expression(text: str) -> str:
    """Comparisons of texts and numbers, & and |, sums; by Python after the signs are changed outside of quotes."""
    parts = re.findall(r'"[^"]*"|[^"]+', text)
    said = "".join(part if part.startswith('"') else re.sub(r"(?<![!<>])=", "==", part).replace("&", " and ").replace(
        "|", " or ") for part in parts)
    assert re.fullmatch(r'("[^"]*"|[0-9 .+\-/<>=!]|and|or)+', said), said
    value = eval(said)  # our own file, and only the signs above
    return str(int(value)) if isinstance(value, bool) else f"{value:g}"
