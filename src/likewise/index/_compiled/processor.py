"""Which instructions the kernels may use: found from the processor, or set by the user.

The choice is made once, before a kernel is imported, and is part of the name of the folder
that compiled kernels are kept in.
"""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping

from likewise.errors import InvalidArgument

#: The environment variable that overrides the choice.
VARIABLE = "LIKEWISE_KERNELS"
#: Instruction sets, the best first, and the features (in LLVM's words) that each needs.
#: ``plain`` is the portable loop, which is the twin of all others.
INSTRUCTION_SETS: dict[str, frozenset[str]] = {
    "avx512_vnni": frozenset({"avx512f", "avx512bw", "avx512vl", "avx512vnni"}),
    "avx_vnni": frozenset({"avx2", "fma", "avxvnni"}),
    "avx2": frozenset({"avx2", "fma"}),
    "neon": frozenset({"neon", "dotprod"}),
    "plain": frozenset(),
}


@functools.cache
def instruction_set() -> str:
    """The set that the kernels of this process use: a key of `INSTRUCTION_SETS`.

    The best that the processor has, or what ``LIKEWISE_KERNELS`` names. Asked once a process:
    a later change of the environment has no effect.

    Raises:
        InvalidArgument: ``LIKEWISE_KERNELS`` names none, or one that this processor lacks.

    Cost: loads LLVM at the first call (about 40 ms).

    Example:
        >>> instruction_set() in INSTRUCTION_SETS
        True
    """
    return choose(processor_features(), os.environ.get(VARIABLE, ""))


def choose(features: frozenset[str], wanted: str = "") -> str:
    """The instruction set for a processor with ``features``; ``wanted`` overrides the best.

    Raises:
        InvalidArgument: ``wanted`` is no set, or needs a feature that is missing.

    Example:
        >>> choose(frozenset({"avx2", "fma"})), choose(frozenset({"avx2", "fma"}), "plain")
        ('avx2', 'plain')
    """
    possible = [name for name, needs in INSTRUCTION_SETS.items() if needs <= features]
    if not wanted:
        return possible[0]
    name = wanted.strip().lower()
    if name in possible:
        return name
    if name in INSTRUCTION_SETS:
        missing = ", ".join(sorted(INSTRUCTION_SETS[name] - features))
        reason = f"which this processor cannot run (it lacks {missing})"
    else:
        reason = "which is no instruction set"
    raise InvalidArgument(
        f"{VARIABLE} is {wanted!r}, {reason}; expected one of {', '.join(possible)}, or unset it "
        "to use the first of these"
    )


@functools.cache
def processor_name() -> str:
    """The processor as LLVM names it, or as ``NUMBA_CPU_NAME`` says."""
    import llvmlite.binding as llvm

    return os.environ.get("NUMBA_CPU_NAME") or str(llvm.get_host_cpu_name())


@functools.cache
def processor_features() -> frozenset[str]:
    """What the processor can do, in LLVM's words, as far as numba is allowed to use it."""
    return allowed_features(_host_features(), os.environ)


def allowed_features(host: frozenset[str], settings: Mapping[str, str]) -> frozenset[str]:
    """``host`` after numba's own settings, which may take features away or name others.

    An instruction that numba does not compile for would end the process, so what the user told
    numba must hold here too.

    Example:
        >>> sorted(allowed_features(frozenset({"avx2", "fma"}), {"NUMBA_ENABLE_AVX": "0"}))
        ['fma']
        >>> sorted(allowed_features(frozenset({"avx2"}), {"NUMBA_CPU_FEATURES": "+sse2,-avx2"}))
        ['sse2']
    """
    told = settings.get("NUMBA_CPU_FEATURES")
    if told is not None:
        words = [word.strip() for word in told.split(",")]
        return frozenset(word[1:] for word in words if word.startswith("+"))
    if settings.get("NUMBA_CPU_NAME"):
        return frozenset()  # another processor than this one, and nobody said what it can do
    if settings.get("NUMBA_ENABLE_AVX", "1").strip() == "0":
        return frozenset(name for name in host if not name.startswith("avx"))
    return host


def _host_features() -> frozenset[str]:
    import llvmlite.binding as llvm

    try:
        found = {name for name, present in llvm.get_host_cpu_features().items() if present}
    except RuntimeError:  # LLVM cannot tell on this system
        found = set()
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        found |= INSTRUCTION_SETS["neon"]  # every such machine has them
    return frozenset(found)
