"""A last look at a dialplan file before it replaces the old one.

Asterisk skips a line that it cannot read and says so in its log only, so the file is checked here
against the few forms that our renderers write. Anything else is refused: a defect of a renderer, or a
tampered object, must not reach the node.
"""

from __future__ import annotations

import re

from app.kernel.errors import AppError
from pbx_provisioning.features import load_all, parts
from pbx_provisioning.render import scheme

_USER = r"[a-z0-9._-]{1,64}@[a-z0-9.-]{1,253},[0-9]{1,19},[0-9]{1,3}"
_FORMS = {
    "users": re.compile(r"include => (d%d-ext|d%d-codes|p[1-9][0-9]{0,18}-routes|sw-112|sw-speed|sw-private"
                        r"|sw-emergency|sw-out|sw-blocked)"),
    "codes": re.compile(r"exten => [0-9*#]{2,6},1,Gosub\(sw-pickup,s,1\)"),
    "ext": re.compile(rf"exten => [0-9]{{1,5}},1,Gosub\(sw-(user-scheme,s,1\(%d,[0-9]{{1,19}}\)|user,s,1\({_USER}\)"
                      r"|inner-to,s,1\(%d,[a-z]{1,2}[0-9]{1,19}\))\)"),
    "to": re.compile(r"include => sw-to-common"
                     r"|exten => [a-z]{1,2}[0-9]{1,19},1,Gosub\(sw-[a-z-]{1,30},s,1\(%d(,[0-9]{1,19}){1,6}\)\)"),
    "scheme": scheme.FORM,
    "routes": re.compile(r"exten => _[0-9*#]{0,30}X{1,5}[0-9*#]{0,30},1,(Gosub\(sw-pool-blocked,s,1\)"
                         r"|Gosub\(sw-pool,s,1\(%d,\$\{EXTEN:[0-9]{1,2}:[1-5]\}\)\))"),
    "conf": re.compile(r"exten => ((g[0-9]{1,19}|pool),1,Return\([0-9]{1,19}\)"
                       r"|ch(in|out),1,Return\([0-9]{1,7}\)|dtmf,1,Return\([0-9]{1,4}(&[0-9]{1,4}){4}\)"
                       r"|back,1,Return\([0-9*#]{0,30}\$\{ARG1\}[0-9*#]{0,30}\)|cid,1,Return\([1-9][0-9]{6,14}\)|u[0-9]{1,19},1,Return\(restricted\)"
                       r"|rec[0-9]{1,19},1,Return\((sides)?\)|op[0-9]{1,19},1,Return\(\))"),
    "did": re.compile(r"exten => [1-9][0-9]{6,14},1,Gosub\(sw-in-(?:user,s,1\(%d," + _USER
                      + r"\)|(fax|scheme|route),s,1\(%d,[0-9]{1,19}\)|busy,s,1\(%d\)|blocked,s,1\(%d\))\)"),
}
_POOL = re.compile(r"^(?:include => |\[)(p[0-9]+-routes)\]?$", re.MULTILINE)


class BadDialplan(AppError):
    """The text is not what our renderers write; the old file stays in force."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__("bad_dialplan", f"line {line}: {text[:80]!r}")


def check_dialplan(domain_id: int, text: str) -> None:
    """Raises BadDialplan with the first line that should not be there."""
    contexts = {f"[d{domain_id}-users]": "users", f"[d{domain_id}-ext]": "ext", f"[d{domain_id}-conf]": "conf",
                f"[d{domain_id}-codes]": "codes", f"[d{domain_id}-scheme]": "scheme", f"[d{domain_id}-to]": "to",
                "[sw-did]": "did"}
    load_all()
    contexts |= {f"[d{domain_id}-{kind}]": kind for kind in parts.contexts()}
    pools = set(_POOL.findall(text))
    if len(pools) == 1:  # its phones call the one pool that it stands in
        contexts[f"[{pools.pop()}]"] = "routes"
    forms = {name: re.compile(form.pattern.replace("%d", str(domain_id)))
             for name, form in (_FORMS | parts.contexts()).items()}
    form: re.Pattern[str] | None = None
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        if not line or (number == 1 and line.startswith("; ") and line.isascii() and line.isprintable()):
            continue
        if line in contexts and line not in seen:
            seen.add(line)
            form = forms[contexts[line]]
        elif form is None or not form.fullmatch(line):
            raise BadDialplan(number, line)
    if f"[d{domain_id}-users]" not in seen or not text.endswith("\n"):
        raise BadDialplan(0, "incomplete")
