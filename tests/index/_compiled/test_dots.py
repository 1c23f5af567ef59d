"""Dot products: every instruction set gives the same integers, and is what it says it is."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest
from llvmlite import ir

from likewise.errors import InvalidArgument
from likewise.index._compiled import dots, in_line, kernels
from likewise.index._compiled.processor import INSTRUCTION_SETS, choose, processor_features
from likewise.index._compiled.scan import _bound

BYTE, LONG = ir.IntType(8), ir.IntType(64)


def possible(name):
    try:
        return choose(processor_features(), name) == name
    except InvalidArgument:
        return False


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_all_instruction_sets_give_the_same_integers(name, count):
    if not possible(name):
        pytest.skip(f"this processor has no {name}")
    kernels()  # so that nothing made here is kept with them
    function = dots.make_dots(name, count)

    @numba.njit
    def products(codes, ids, at, query):
        return function(codes, ids, at, query)

    rng = np.random.default_rng(0)
    for stride in (64, 128, 192, 384, 4096, 65536):
        codes = rng.integers(0, 256, (9, stride)).astype(np.uint8)
        codes[4], codes[5] = 0, 255
        ids = np.array([0, 8, 4, 5, 3, 4], np.int32)
        queries = rng.integers(-128, 128, (4, stride)).astype(np.int8)
        queries[1], queries[2] = 127, -128
        shift = 128 - dots.row_offset(name)
        for query in queries:
            for at in range(len(ids) - count + 1):
                rows = codes[ids[at : at + count]].astype(np.int64) - shift
                expected = rows @ query.astype(np.int64)
                assert list(products(codes, ids, at, query)) == expected.tolist()


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_halves_of_bytes_too(name, count):
    if not possible(name):
        pytest.skip(f"this processor has no {name}")
    kernels()
    function = dots.make_dots(name, count, halves=True)

    @numba.njit
    def products(codes, ids, at, query):
        return function(codes, ids, at, query)

    rng = np.random.default_rng(0)
    for stride in (64, 128, 192, 2048, 32768):
        numbers = rng.integers(0, 16, (7, 2 * stride))
        numbers[4], numbers[5] = 0, 15
        blocks = numbers.reshape(7, -1, 2, 64)
        codes = (blocks[:, :, 0] | blocks[:, :, 1] << 4).astype(np.uint8)
        codes = codes.reshape(7, stride).view(np.int8)
        ids = np.array([0, 6, 4, 5, 3], np.int32)
        queries = rng.integers(-127, 128, (3, 2 * stride)).astype(np.int8)
        queries[1], queries[2] = 127, -127
        for query in queries:
            for at in range(len(ids) - count + 1):
                expected = numbers[ids[at : at + count]] @ query.astype(np.int64)
                assert list(products(codes, ids, at, query)) == expected.tolist()


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_rows_in_line_give_the_same_integers(name, halves):
    if not possible(name):
        pytest.skip(f"this processor has no {name}")
    kernels()
    function = in_line.make_dots_in_line(name, halves=halves)
    alone = dots.make_dots(name, 1, halves=halves)

    @numba.njit
    def products(codes, first, query, sums):
        function(codes, first, query, sums)

    @numba.njit
    def one(codes, ids, at, query):
        return alone(codes, ids, at, query)

    rng = np.random.default_rng(0)
    ids = np.arange(21, dtype=np.int32)
    for stride in (64, 128, 192, 4096):
        codes = rng.integers(0, 256, (21, stride)).astype(np.uint8)
        codes[4], codes[5] = 0, 255
        codes = codes.view(np.int8) if halves else codes
        query = rng.integers(-127, 128, stride * (2 if halves else 1)).astype(np.int8)
        for first in (0, 5):
            sums = np.zeros(18, np.int32)
            products(codes, first, query, sums)
            expected = [one(codes, ids, first + j, query)[0] for j in range(16)]
            assert sums.tolist() == [*expected, 0, 0]


def test_keys_from_dots_are_what_they_say():
    rng = np.random.default_rng(0)
    terms = rng.standard_normal((40, 2)).astype(np.float32)
    dots_of = rng.integers(-(2**20), 2**20, 16).astype(np.int32)
    keys = np.zeros(24, np.float32)

    @numba.njit
    def fill(terms, first, dots_of, keys, at):
        shift, steep = np.int32(77), np.float32(-0.25)
        in_line.keys_from_dots(terms, first, dots_of, np.int32(2), shift, steep, keys, at)

    fill(terms, 9, dots_of, keys, 3)
    some = terms[9:25]
    apart = (2 * dots_of - np.int32(77)).astype(np.float32)
    expected = some[:, 1] + np.float32(-0.25) * some[:, 0] * apart
    np.testing.assert_array_equal(keys[3:19], expected)
    assert not keys[:3].any()
    assert not keys[19:].any()


@pytest.mark.parametrize("wanted", [1, 7, 24, 100])
@pytest.mark.parametrize("kind", ["normal", "equal", "one far", "infinite", "few"])
def test_a_bound_keeps_all_that_is_wanted(kind, wanted):
    keys = np.random.default_rng(0).standard_normal(512).astype(np.float32)
    if kind == "equal":
        keys[:] = 3
    elif kind == "one far":
        keys[5] = 1e30
    elif kind == "infinite":
        keys[9] = np.inf
    elif kind == "few":
        keys = np.round(keys)
    bound = _bound(keys, len(keys), wanted)
    kept = (keys <= bound).sum()
    assert kept >= wanted
    if kind == "normal":
        assert kept <= 3 * wanted / 2 + 1


def assembly(name, triple, features, products):
    """The loop over four rows, compiled for a processor that may be another one."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = ir.Module()
    module.triple = triple
    pointer = ir.PointerType(BYTE)
    kind = ir.FunctionType(ir.VoidType(), [pointer] * 5 + [LONG, ir.PointerType(ir.IntType(32))])
    function = ir.Function(module, kind, "products")
    builder = ir.IRBuilder(function.append_basic_block())
    *starts, query, length, out = function.args
    totals = products(builder, dots.INSTRUCTIONS[name](), starts, query, length)
    for place, total in enumerate(totals):
        builder.store(total, builder.gep(out, [LONG(place)]))
    builder.ret_void()
    target = llvm.Target.from_triple(triple)
    machine = target.create_target_machine(features=features, opt=3)
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    return machine.emit_assembly(parsed)


@pytest.mark.parametrize(
    ("name", "triple", "features", "expected"),
    [
        ("neon", "aarch64-unknown-linux-gnu", "+neon,+dotprod", r"\tsdot\tv\d+\.4s"),
        ("avx2", "x86_64-unknown-linux-gnu", "+avx2,+fma", r"\tvpmaddwd\t.*ymm"),
        # Without avx512vl there is only the form with the shorter prefix.
        ("avx_vnni", "x86_64-unknown-linux-gnu", "+avx2,+fma,+avxvnni", r"{vex}\tvpdpbusd\t.*ymm"),
        (
            "avx512_vnni",
            "x86_64-unknown-linux-gnu",
            "+avx512f,+avx512bw,+avx512vl,+avx512vnni",
            r"\tvpdpbusd\t.*zmm",
        ),
    ],
)
def test_the_instruction_is_the_one_meant(name, triple, features, expected):
    try:
        llvm.initialize_all_targets()
        llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip(f"this LLVM was built without {triple}")
    text = assembly(name, triple, features, dots._sum_products)
    assert len(re.findall(expected, text)) == 4, text
    text = assembly(name, triple, features, dots._sum_halves)
    assert len(re.findall(expected, text)) == 8, text
