"""Which public name an object goes by, found by following imports in parsed modules.

``svd`` is written in ``numpy.linalg._linalg`` and offered as ``numpy.linalg.svd``: people know
the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from likewise.cli._source import Definition, Module, is_public

Origin = tuple[str, str]  # the module and the name of a definition


def public_definitions(
    modules: Mapping[str, Module],
) -> Iterator[tuple[Module, Definition, str]]:
    """Each public definition under its shortest public name, by module and place in the file.

    What no public module defines or offers is left out. A module offers what it defines, what
    its ``__all__`` lists, and, when it is a package, what it imports.
    """
    names = _public_names(modules)
    for module_name in sorted(modules):
        module = modules[module_name]
        for definition in module.definitions:
            if not definition.name:
                if is_public(module_name):
                    yield module, definition, module_name
                continue
            top, _, member = definition.name.partition(".")
            public = names.get((module_name, top))
            if public is not None and is_public(definition.name):
                yield module, definition, f"{public}.{member}" if member else public


def _public_names(modules: Mapping[str, Module]) -> dict[Origin, str]:
    """The best public name of each definition: few dots, and at home where that is equal."""
    best: dict[Origin, tuple[int, bool, str]] = {}
    imports = Imports(modules)
    for module_name in filter(is_public, modules):
        module = modules[module_name]
        for name in filter(is_public, imports.names(module_name)):
            origin = imports.origin(module_name, name)
            listed = module.is_package or name in (module.declared or ())
            if origin is None or not (listed or origin[0] == module_name):
                continue
            public = f"{module_name}.{name}"
            candidate = (public.count("."), origin[0] != module_name, public)
            best[origin] = min(best.get(origin, candidate), candidate)
    return {origin: public for origin, (_, _, public) in best.items()}


class Imports:
    """Follows ``from … import`` through the modules, circles included."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules
        self.own = {
            name: {d.name for d in module.definitions if d.name and "." not in d.name}
            for name, module in modules.items()
        }

    def names(self, module: str, seen: frozenset[str] = frozenset()) -> set[str]:
        """What ``module`` defines or imports by name."""
        found = self.own[module] | self.modules[module].taken.keys()
        for star in self.modules[module].stars:
            if star in self.modules and star not in seen:
                offered = self.names(star, seen | {module})
                found |= {name for name in offered if self._star_gives(star, name)}
        return found

    def origin(
        self, module: str, name: str, seen: frozenset[Origin] = frozenset()
    ) -> Origin | None:
        """Where ``name`` in ``module`` is defined; None where that cannot be followed."""
        if module not in self.modules or (module, name) in seen:
            return None
        if name in self.own[module]:
            return module, name
        seen |= {(module, name)}
        if name in self.modules[module].taken:
            return self.origin(*self.modules[module].taken[name], seen)
        for star in reversed(self.modules[module].stars):  # the last import wins
            if star in self.modules and self._star_gives(star, name):
                found = self.origin(star, name, seen)
                if found is not None:
                    return found
        return None

    def _star_gives(self, module: str, name: str) -> bool:
        declared = self.modules[module].declared
        return is_public(name) if declared is None else name in declared
