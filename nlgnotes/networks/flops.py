"""FLOPs of a decoder, dense or with experts, and of an encoder-decoder, counted by formula."""

from nlgnotes.networks.encoder_decoder import EncoderDecoderConfig
from nlgnotes.networks.moe_decoder import MoEDecoderConfig
from nlgnotes.networks.transformer import DecoderConfig
from nlgnotes.validation import check_count, check_kind

__all__ = ["decoder_flops", "encoder_flops", "memory_flops", "moe_decoder_flops", "writer_flops"]


def decoder_flops(config: DecoderConfig, new: int, past: int = 0) -> int:
    r"""FLOPs of a decoder's step: ``new`` positions after ``past`` that are in the cache.

    .. math:: L\,(8 n w^2 + 4 n w h + 4 n (p + n) w) + 2 n w V

    for *n* new and *p* past positions, *L* layers, width *w*, hidden *h*, vocabulary *V*: four
    projections, the feed-forward network, the scores and the weighted values, the logits. A product
    of [a, b] and [b, c] counts 2abc. Every pair of query and key is counted, masked or not, as a
    plain matrix product computes it; norms, softmax and the rotation are not counted.
    Taught in: book/architectures.ipynb.

    Raises:
        ValueError: ``new`` below 1 or ``past`` below 0.

    >>> sizes = DecoderConfig(vocab_size=1, context=8, width=2, layers=1, heads=1, hidden=1)
    >>> decoder_flops(sizes, new=1)
    52
    """
    check_kind("config", config, DecoderConfig)
    new, past = check_count("new", new), check_count("past", past, 0)
    return config.layers * _block(config, new, past + new) + _logits(config, new)


def moe_decoder_flops(config: MoEDecoderConfig, new: int, past: int = 0) -> int:
    r"""FLOPs of a step of a decoder with experts, without noise: as :func:`decoder_flops`, with

    .. math:: 4 n w h (k + s) + 2 n w N

    for the feed-forward networks of a layer: each token meets k chosen and s shared experts of
    hidden width *h*, and the gate scores all *N* of them. The sorting and the weighted sum are not
    counted. Taught in: book/mixture-of-experts.ipynb.

    Raises:
        ValueError: ``new`` below 1 or ``past`` below 0.

    >>> sizes = MoEDecoderConfig(1, 8, width=2, layers=1, heads=1, hidden=1, experts=5, k=3)
    >>> moe_decoder_flops(sizes, new=1) - decoder_flops(sizes, new=1)  # 8 * 2 + 4 * 5
    36
    """
    check_kind("config", config, MoEDecoderConfig)
    c, new = config, check_count("new", new)
    more = 4 * c.hidden * (c.k + c.shared - 1) + 2 * c.experts
    return decoder_flops(c, new, past) + c.layers * new * c.width * more


def encoder_flops(config: EncoderDecoderConfig, source: int) -> int:
    r"""FLOPs of the encoder over *s* positions: :math:`E\,(8 s w^2 + 4 s w h + 4 s^2 w)`.

    ``source`` is *s*, and *E* the encoder's layers; counted as in :func:`decoder_flops`.
    """
    check_kind("config", config, EncoderDecoderConfig)
    source = check_count("source", source)
    return config.encoder_layers * _block(config, source, source)


def memory_flops(config: EncoderDecoderConfig, source: int) -> int:
    r"""FLOPs of cross-attention's keys and values of an encoded source: :math:`4 L s w^2`."""
    check_kind("config", config, EncoderDecoderConfig)
    source = check_count("source", source)
    return 4 * config.layers * source * config.width**2


def writer_flops(config: EncoderDecoderConfig, new: int, past: int, source: int) -> int:
    r"""FLOPs of the decoder half, cross-attention included.

    As :func:`decoder_flops`, and in each layer :math:`4 n w^2 + 4 n s w` more.
    """
    check_kind("config", config, EncoderDecoderConfig)
    new, past = check_count("new", new), check_count("past", past, 0)
    source = check_count("source", source)
    cross = 4 * new * config.width * (config.width + source)
    return config.layers * (_block(config, new, past + new) + cross) + _logits(config, new)


def _block(config: DecoderConfig | EncoderDecoderConfig, new: int, keys: int) -> int:
    return 4 * new * config.width * (2 * config.width + config.hidden + keys)


def _logits(config: DecoderConfig | EncoderDecoderConfig, new: int) -> int:
    return 2 * new * config.width * config.vocab_size
