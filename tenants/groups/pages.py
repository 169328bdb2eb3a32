"""Groups: the list, creation, a group's page, deletion: `/groups` [GRP-10…18, GRP-39…49]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.i18n import _, lazy
from app.web import menu
from app.web.lists import Column, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import page, saved
from billing.services import service as services
from tenants.destinations import registry
from tenants.groups import present, queries, service
from tenants.groups.forms import ArchiveForm, NewGroupForm, SettingsForm, TopicForm
from tenants.groups.member_pages import CONTROLLERS as MEMBERS
from tenants.groups.tab_pages import CONTROLLERS as TABS
from tenants.groups.tabs import LIST, tabs
from tenants.groups.targets import choices
from tenants.live import form_of, row_id
from tenants.users import operators
from tenants.users.present import RESTRICTIONS
from tenants.users.service import propose_extension

__all__ = ["CONTROLLERS", "choices"]  # the kind of object is registered at import
PAGE_SIZE = 100
RECORDING = "recording"  # the paid service; its section is a module of its own
COLUMNS = (Column("name", lazy("Group"), queries.BY_NAME),
           Column("extension", lazy("Internal number"), "g.extension::int", numeric=True),
           Column("direction", lazy("Call direction and members")))
MEMBER_COLUMNS = (Column("name", lazy("Name")), Column("marks", lazy("Internal number, groups and marks")),
                  Column("priority", lazy("Priority"), numeric=True))

menu.register("domain", MenuItem("groups", lazy("Groups"), LIST, "users-group", Permission.USERS_EDIT, "groups", 10))


class GroupPages(Controller):
    path = LIST
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="name", limit=PAGE_SIZE)
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await queries.groups(tx, like=query.like(), order=query.order_by("g.id"), limit=query.limit,
                                               offset=query.offset)
        return await page(request, "groups/list.html", found=Page(rows, total, query), directions=present.DIRECTIONS,
                          composition=present.composition)

    @get("/new")
    async def new(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            extension = await propose_extension(tx)
            people = await queries.people(tx)
            has_centre = await service.has_contact_centre(tx)
        return await page(request, "groups/new.html", extension=extension,
                          candidates=present.choices(people, request.user.domain_name),
                          options=present.algorithm_options(has_centre))

    @post("/", status_code=200)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, NewGroupForm)
        async with domain_transaction(request.user.actor) as tx:
            group_id = await service.create(tx, form.command())
        return saved(request, f"{LIST}/{group_id}", _("The group is created."))

    @get("/{group_id:int}")
    async def main(self, request: Request, group_id: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=MEMBER_COLUMNS, default_sort="name", limit=10**6)
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.card(tx, row_id(group_id))
            row = await queries.one(tx, group.id)
            found = await queries.members(tx, group.id)
            topics = await queries.topics(tx, group.id)
            has_centre = await service.has_contact_centre(tx)
            may_hire = await services.in_plan(tx, operators.CONTACT_CENTRE)
            may_record = await services.in_plan(tx, RECORDING)
        wish = query.search.lower()
        shown = [one for one in found if wish in one.display_name.lower() or wish in one.extension]
        return await page(
            request, "groups/main.html", group=group, row=row, tabs=tabs(group.id), topics=topics,
            members=Page(shown, len(shown), query), options=present.algorithm_options(has_centre),
            may_hire=may_hire, may_record=may_record, restrictions=RESTRICTIONS,
            counts=f"{present.operators_words(row.operators)}, {present.users_words(row.users)}",
            has_routing=menu.has("domain", "/routing"))

    @post("/{group_id:int}", status_code=200)
    async def save(self, request: Request, group_id: FromPath[int]) -> Response:
        form = await form_of(request, SettingsForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.save(tx, row_id(group_id), form.command())
        return saved(request, f"{LIST}/{group_id}", _("Saved."))

    @get("/{group_id:int}/delete")
    async def ask_delete(self, request: Request, group_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            row = await queries.one(tx, row_id(group_id))
            affected = present.leaving(row) + await registry.pointers(tx, service.OBJECT, row.id)
        return await page(request, "groups/delete.html", group=row, affected=affected)

    @post("/{group_id:int}/delete", status_code=200)
    async def delete(self, request: Request, group_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            name = await service.delete(tx, row_id(group_id))
        return saved(request, LIST, _("%(name)s is deleted.") % {"name": name})


class TopicPages(Controller):
    """Topics of calls of an ACD group [GRP-47]."""

    path = f"{LIST}/{{group_id:int}}/topics"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/new")
    async def new(self, request: Request, group_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.card(tx, row_id(group_id))
        return await page(request, "groups/topic.html", group=group, topic=None)

    @post("/", status_code=200)
    async def add(self, request: Request, group_id: FromPath[int]) -> Response:
        form = await form_of(request, TopicForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.add_topic(tx, row_id(group_id), form.name)
        return saved(request, f"{LIST}/{group_id}", _("Saved."))

    @get("/{topic_id:int}")
    async def show(self, request: Request, group_id: FromPath[int], topic_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.card(tx, row_id(group_id))
            topic = next((one for one in await queries.topics(tx, group.id) if one.id == topic_id), None)
        if topic is None:
            raise queries.missing()
        return await page(request, "groups/topic.html", group=group, topic=topic)

    @post("/{topic_id:int}", status_code=200)
    async def rename(self, request: Request, group_id: FromPath[int], topic_id: FromPath[int]) -> Response:
        form = await form_of(request, TopicForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.change_topic(tx, row_id(group_id), row_id(topic_id), name=form.name)
        return saved(request, f"{LIST}/{group_id}", _("Saved."))

    @post("/{topic_id:int}/archive", status_code=200)
    async def archive(self, request: Request, group_id: FromPath[int], topic_id: FromPath[int]) -> Response:
        form = await form_of(request, ArchiveForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.change_topic(tx, row_id(group_id), row_id(topic_id), is_archived=form.is_archived)
        return saved(request, f"{LIST}/{group_id}", _("Saved."))


CONTROLLERS = [GroupPages, TopicPages, *MEMBERS, *TABS]
