"""Arrays whose references are not counted: counting takes longer than a block of postings.

numba counts the references of each array that a variable holds, in steps that all processors
agree on. For what the caller holds anyway, until the kernel is done, nothing needs to be counted.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.extending import intrinsic


@intrinsic
def _borrowed(typing: Any, array: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        made = context.make_array(signature.return_type)(context, builder, given[0])
        for name in ("meminfo", "parent"):
            setattr(made, name, ir.Constant(getattr(made, name).type, None))
        return made._getvalue()

    return array(array), generate


#: The same array without an owner. Only for arguments: the caller keeps them alive meanwhile.
borrowed: Any = _borrowed
