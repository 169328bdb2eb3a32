"""Forms of the pages."""

from __future__ import annotations

from typing import Annotated

from litestar.datastructures import UploadFile
from pydantic import ConfigDict, Field

from app.web.forms import FormModel


class ParametersForm(FormModel):
    external_address: str = ""
    is_on: bool
    methods: tuple[str, ...]
    use_new_key: bool
    remove_certificate: bool


class AddressForm(FormModel):
    address: Annotated[str, Field(min_length=1, max_length=64)]


class TestSettingsForm(FormModel):
    test_address: str = ""
    seconds: Annotated[int, Field(ge=1, le=60)]
    ssl: bool


class TestForm(FormModel):
    test: str


class AskForm(FormModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)

    body: Annotated[str, Field(max_length=60_000)] = ""


__all__ = ["AddressForm", "AskForm", "ParametersForm", "TestForm", "TestSettingsForm", "UploadFile"]
