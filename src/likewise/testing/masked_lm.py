"""A masked-language model of a few words, made on the spot: for tests and examples.

It is a real BERT of transformers with random weights, small enough to train in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def small_masked_lm(
    words: Iterable[str],
    *,
    hidden: int = 32,
    layers: int = 2,
    heads: int = 2,
    positions: int = 64,
    random_state: int = 0,
) -> tuple[Any, Any]:
    """A BERT with a masked-token head over ``words``, and the tokenizer that splits at spaces.

    Args:
        words: the vocabulary; five special tokens come before it. Repeats count once.
        hidden: numbers a token; a multiple of ``heads``.
        layers: layers of attention.
        heads: heads of each.
        positions: the longest text in tokens, with its two marks.
        random_state: the seed of the weights.

    Returns:
        The model, in evaluation mode, and the tokenizer.

    Example:
        >>> model, tokenizer = small_masked_lm(["cat", "dog"])
        >>> tokenizer.tokenize("Cat eats dog")
        ['cat', '[UNK]', 'dog']
    """
    import torch
    from transformers import BertConfig, BertForMaskedLM

    tokenizer = word_tokenizer(words)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * hidden,
        max_position_embeddings=positions,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_state)
        model: Any = BertForMaskedLM(config)
    return model.eval(), tokenizer


def word_tokenizer(words: Iterable[str]) -> Any:
    """A tokenizer of transformers that lower-cases and knows ``words`` as they are.

    Example:
        >>> word_tokenizer(["cat"])("cat")["input_ids"]
        [2, 5, 3]
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = dict.fromkeys([*SPECIAL, *words])
    made = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    wrapped: Any = PreTrainedTokenizerFast
    return wrapped(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
