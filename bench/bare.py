"""The bare application that the list page is compared with: Litestar, asyncpg, nothing of ours.

No middleware, no sign-in, no transaction, no row-level security (the tables' owner asks), no menu, no
translations, no log line. `/rows` renders the rows by a plain Jinja template, `/json` answers them as JSON,
`/sized` renders them and adds as many fixed bytes as make the page as long as ours.

    python -m bench.bare PORT DOMAIN_ID EXTRA_BYTES   (BENCH_OWNER_URL in the environment)
"""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import jinja2
import uvicorn
from litestar import Litestar, Request, get
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.template import TemplateConfig

QUERY = """
SELECT u.id, u.login, u.display_name, u.extension, u.position, u.email, u.is_admin, u.is_operator,
       COALESCE(u.outgoing_restriction, d.default_restriction) AS restriction, u.created_at
FROM domain_user u JOIN domain d ON d.id = u.domain_id WHERE u.domain_id = $1
ORDER BY translate(lower(u.display_name), 'ё', 'е') ASC NULLS LAST, u.id LIMIT 50
"""
TEMPLATE = """<!doctype html>
<html lang="ru"><head><meta charset="utf-8"><title>Users</title></head><body>
<table><thead><tr><th>Name</th><th>Extension</th><th>E-mail</th><th>Settings</th></tr></thead><tbody>
{% for user in rows %}<tr><td><a href="/users/{{ user.id }}">{{ user.display_name }}</a>
{%- if user.position %}<small>{{ user.position }}</small>{% endif %}</td>
<td>{{ user.extension }}<small>{{ user.login }}</small></td><td>{{ user.email }}</td>
<td>{% if user.is_admin %}Administrator{% endif %}{% if user.is_operator %}Operator{% endif %}
{%- if user.restriction != "none" %}{{ user.restriction }}{% endif %}</td></tr>
{% endfor %}</tbody></table>{{ extra }}</body></html>
"""


async def _rows(request: Request) -> list[asyncpg.Record]:
    async with request.app.state.pool.acquire() as connection:
        return await connection.fetch(QUERY, request.app.state.domain_id)


@get("/rows")
async def rows(request: Request) -> Template:
    return Template("list.html", context={"rows": await _rows(request), "extra": ""}, media_type="text/html")


@get("/sized")
async def sized(request: Request) -> Template:
    return Template("list.html", context={"rows": await _rows(request), "extra": request.app.state.extra},
                    media_type="text/html")


@get("/json")
async def as_json(request: Request) -> list[dict[str, Any]]:
    return [dict(row) for row in await _rows(request)]


@asynccontextmanager
async def _pool(app: Litestar):
    app.state.pool = await asyncpg.create_pool(os.environ["BENCH_OWNER_URL"], min_size=1, max_size=8)
    try:
        yield
    finally:
        await app.state.pool.close()


def create_app() -> Litestar:
    environment = jinja2.Environment(loader=jinja2.DictLoader({"list.html": TEMPLATE}), autoescape=True,
                                     auto_reload=False)
    app = Litestar([rows, sized, as_json], lifespan=[_pool], openapi_config=None,
                   template_config=TemplateConfig(instance=JinjaTemplateEngine(engine_instance=environment)))
    app.state.domain_id, extra = int(sys.argv[2]), int(sys.argv[3])
    app.state.extra = jinja2.utils.markupsafe.Markup("x" * extra)
    return app


if __name__ == "__main__":  # the same server settings as those of `python -m app web`
    uvicorn.run(create_app(), host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools",
                access_log=False, log_config=None, server_header=False, proxy_headers=False)
