"""Imported by the worker: takes voice messages."""

from __future__ import annotations

from tenants.voicemail import service

__all__ = ["service"]
