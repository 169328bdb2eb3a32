"""Imported by the worker: takes what was dictated."""

from __future__ import annotations

from tenants.sounds import recording

__all__ = ["recording"]
