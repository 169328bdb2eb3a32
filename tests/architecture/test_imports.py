"""What import-linter cannot say: single functions, and what the files of a feature folder are for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "billing", "tenants", "pbx_provisioning", "widgets")

# who may see every domain [ARCHITECTURE 4]: the provider's side, billing runs, the nodes, the workers
PLATFORM = ("app/provider/", "app/kernel/", "app/runner/", "app/demo/", "app/cli", "app/worker",
            "app/auth/journal.py", "app/auth/jump.py", "app/auth/factor", "app/auth/tokens",
            "app/auth/provider_keys.py",
            "app/modules/", "billing/", "pbx_provisioning/")
PLATFORM_FILES = ("jobs.py",)


def _files() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of every import; name "" for a plain one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


def test_layers_of_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contracts stand in pyproject.toml; `lint-imports` explains what broke."""
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS


def test_the_platforms_door_is_for_the_platform() -> None:
    found = [file for file, tree in _files() if any(
        name == "platform_transaction" for _module, name in _imports(tree))
        and not file.startswith(PLATFORM) and not file.endswith(PLATFORM_FILES)]
    assert found == []


# by file name of a feature folder: modules (or their parents) that may not be imported there
FORBIDDEN = {
    "rules.py": ("asyncpg", "litestar", "redis", "piccolo", "app.kernel.db", "app.kernel.clock", "app.settings",
                 "random", "secrets", "app.web"),
    "service.py": ("litestar", "app.web"),
    "queries.py": ("litestar",),  # the order and page of a list, a plain value of app.web, reach them
}


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_files_of_a_feature_keep_to_their_kind(name: str) -> None:
    wrong = []
    for file, tree in _files():
        if Path(file).name != name or file.startswith(("app/kernel/", "app/web/")):
            continue
        for module, imported in _imports(tree):
            whole = f"{module}.{imported}" if imported else module
            hits = [bad for bad in FORBIDDEN[name] if f"{whole}.".startswith(f"{bad}.")]
            # the type of a transaction is what a service or query is given
            if hits and not (hits == ["app.kernel.db"] and imported.endswith("Tx")):
                wrong.append(f"{file}: {whole}")
    assert wrong == []


def test_only_services_and_rules_of_another_feature_are_used() -> None:
    """`pages`, `api`, `forms` and `jobs` of a feature are nobody else's [STYLE]."""
    private = {"pages", "api", "forms", "jobs"}
    wrong = []
    for file, tree in _files():
        own = ".".join(Path(file).parent.parts)
        if file.startswith(("app/features", "app/asgi", "app/cli", "app/worker", "app/runner/", "app/provider/")):
            continue
        for module, imported in _imports(tree):
            if not module.startswith(PACKAGES):
                continue
            for target in (module, f"{module}.{imported}"):
                feature, _dot, last = target.rpartition(".")
                if last in private and feature != own and not own.startswith(feature) \
                        and not feature.startswith(("app.web", "app.kernel")):
                    wrong.append(f"{file}: {target}")
    assert wrong == []


def test_no_file_is_too_long_for_one_reading() -> None:
    long = {file: lines for file, lines in (
        (str(path.relative_to(ROOT)), len(path.read_text(encoding="utf-8").splitlines()))
        for package in PACKAGES for path in (ROOT / package).rglob("*.py")) if lines > 420}
    assert long == {}
