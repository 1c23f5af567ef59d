"""The instruction set: the best there is, or what the user says, if the processor has it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from likewise.errors import InvalidArgument
from likewise.index._compiled.processor import INSTRUCTION_SETS, allowed_features, choose

EVERYTHING = frozenset().union(*INSTRUCTION_SETS.values())


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (frozenset(), "plain"),
        (frozenset({"avx2"}), "plain"),
        (frozenset({"avx2", "fma", "sse2"}), "avx2"),
        (frozenset({"avx2", "fma", "avxvnni"}), "avx_vnni"),
        (frozenset({"avx2", "fma", "avx512f", "avx512vnni"}), "avx2"),
        (INSTRUCTION_SETS["avx512_vnni"], "avx512_vnni"),
        (frozenset({"neon"}), "plain"),
        (frozenset({"neon", "dotprod"}), "neon"),
    ],
)
def test_the_best_that_the_processor_has(features: frozenset[str], expected: str) -> None:
    assert choose(features) == expected


@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_each_can_be_named(name: str) -> None:
    assert choose(EVERYTHING, f" {name.upper()} ") == name


def test_a_name_that_is_none() -> None:
    with pytest.raises(InvalidArgument, match=r"'sse9', .* no instruction set.* avx2, plain, or"):
        choose(frozenset({"avx2", "fma"}), "sse9")


def test_one_that_the_processor_lacks() -> None:
    with pytest.raises(InvalidArgument, match=r"lacks dotprod, neon.*expected one of avx2, plain"):
        choose(frozenset({"avx2", "fma"}), "neon")


def test_the_variable_is_read_at_first_use() -> None:
    program = (
        "from likewise import index\n"
        "try:\n    index.warm()\nexcept index.base.InvalidArgument as e:\n    print(e)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "LIKEWISE_KERNELS": "fast"}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    assert "LIKEWISE_KERNELS is 'fast'" in found.stdout


def test_numbas_settings_hold() -> None:
    host = frozenset({"avx2", "avx512f", "sse2"})
    assert allowed_features(host, {}) == host
    assert allowed_features(host, {"NUMBA_ENABLE_AVX": "1"}) == host
    assert allowed_features(host, {"NUMBA_ENABLE_AVX": "0"}) == {"sse2"}
    assert allowed_features(host, {"NUMBA_CPU_NAME": "generic"}) == frozenset()
    assert allowed_features(host, {"NUMBA_CPU_FEATURES": ""}) == frozenset()
    named = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+avx2, -avx512f"}
    assert allowed_features(host, named) == {"avx2"}
