"""Masked-language models and their tokenizers, loaded from disk and looked over before use."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.errors import InvalidArgument, InvalidType, MissingExtra

if TYPE_CHECKING:
    import torch

INSTALL = "pip install 'likewise[text]'"

# Models pad their vocabulary to a multiple of 64 or so; more columns than this belong to
# another tokenizer.
PADDED_AT_MOST = 0.01


def need_torch(what: str) -> None:
    """Raise `MissingExtra` unless torch and transformers are there."""
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"{what} needs {package}, which is not installed: {INSTALL}")


def load_model(model: Any, what: str = "model") -> torch.nn.Module:
    """``model`` itself, or the masked-language model that lies under its name or path.

    Raises:
        InvalidArgument: not on this disk, or a checkpoint without weights for its head.
        InvalidType: neither a name nor a torch module.
    """
    import torch

    if isinstance(model, torch.nn.Module):
        return model.eval()
    if not isinstance(model, (str, Path)):
        raise InvalidType(
            f"{what} must be a masked-language model of transformers, or the name or path of "
            f"one; got {model!r:.60} of type {type(model).__name__}"
        )
    from transformers import AutoModelForMaskedLM

    try:
        loaded, info = AutoModelForMaskedLM.from_pretrained(
            str(model), local_files_only=True, output_loading_info=True
        )
    except ValueError as error:  # an architecture that has no such class
        raise InvalidArgument(f"{what} {str(model)!r} is no masked-language model: {error}") from (
            error
        )
    except OSError as error:
        raise InvalidArgument(_not_here(what, model)) from error
    # transformers fills in missing weights at random and goes on: the terms would be noise.
    if missing := sorted(info["missing_keys"]):
        raise InvalidArgument(
            f"{what} {str(model)!r} has no weights for {', '.join(missing[:4])}"
            f"{' ...' if len(missing) > 4 else ''}: expected a checkpoint with a head for masked "
            "tokens; take one that was saved as ...ForMaskedLM"
        )
    module: torch.nn.Module = loaded.eval()
    return module


def load_tokenizer(tokenizer: Any, model: Any) -> Any:
    """``tokenizer`` itself, or the one under its name; None looks where ``model`` lies.

    Raises:
        InvalidArgument: not on this disk.
        InvalidType: neither a name nor a tokenizer of transformers.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerBase

    if isinstance(tokenizer, PreTrainedTokenizerBase):
        return tokenizer
    name = model if tokenizer is None else tokenizer
    if not isinstance(name, (str, Path)):
        raise InvalidType(
            "tokenizer must be a tokenizer of transformers, or the name or path of one, and may "
            f"be left out where model is a name; got {tokenizer!r:.60}"
        )
    try:
        return AutoTokenizer.from_pretrained(str(name), local_files_only=True)
    except (OSError, ValueError) as error:
        raise InvalidArgument(_not_here("tokenizer", name)) from error


def vocabulary_size(tokenizer: Any) -> int:
    """One more than the largest token id."""
    return 1 + int(max(tokenizer.get_vocab().values()))


def check_model(model: torch.nn.Module, tokenizer: Any, what: str = "model") -> None:
    """Refuse a model that cannot score the tokens of ``tokenizer``; it is run on one token.

    Raises:
        InvalidArgument: a weight that is NaN or infinite, no head for masked tokens, or
            another vocabulary than the tokenizer's.
    """
    import torch

    for name, weight in (*model.named_parameters(), *model.named_buffers()):
        if weight.is_floating_point() and not bool(torch.isfinite(weight).all()):
            bad = int((~torch.isfinite(weight)).sum())
            raise InvalidArgument(
                f"{what}: expected finite weights; {bad} of the {weight.numel()} numbers in "
                f"{name!r} are NaN or infinite; load or train the model again"
            )
    size = vocabulary_size(tokenizer)
    width = _columns(model, what)
    if width < size or (width - size) > PADDED_AT_MOST * width:
        raise InvalidArgument(
            f"{what} scores {width} tokens and the tokenizer has {size}: expected the tokenizer "
            "that the model was trained with; load both from one place"
        )


def _columns(model: torch.nn.Module, what: str) -> int:
    """How many tokens the model scores, found by running it."""
    import torch

    ids = torch.zeros((1, 1), dtype=torch.long, device=next(model.parameters()).device)
    with torch.inference_mode():
        found = model(input_ids=ids, attention_mask=torch.ones_like(ids))
    logits = getattr(found, "logits", None)
    if logits is None or logits.ndim != 3:
        given = "no logits" if logits is None else f"logits of shape {tuple(logits.shape)}"
        raise InvalidArgument(
            f"{what} must have a head for masked tokens, with logits of shape (texts, tokens, "
            f"vocabulary); {type(model).__name__} gives {given}; load it with "
            "transformers.AutoModelForMaskedLM"
        )
    return int(logits.shape[-1])


def _not_here(what: str, name: Any) -> str:
    return (
        f"{what} {str(name)!r} is not on this disk, and nothing is downloaded unasked: expected "
        "a folder made by save_pretrained, or a name in the cache of Hugging Face; fetch it once "
        f"with 'hf download {name}', or give a path"
    )
