r"""A layer of experts: several feed-forward networks, of which each token uses a few.

.. math:: y = \sum_{i \in \text{top } k} G(x)_i\, E_i(x), \qquad
          E_i(x) = \mathrm{GELU}(x U_i) D_i

Shazeer et al. 2017 (arXiv:1701.06538). What was routed where is returned, not stored.
Taught in: book/mixture-of-experts.ipynb.
"""

import math
from dataclasses import dataclass
from typing import SupportsIndex

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nlgnotes.equations.gating import noisy_logits, top_k_experts
from nlgnotes.equations.load_balancing import expert_counts
from nlgnotes.networks.base import normal_matrix
from nlgnotes.networks.inputs import check_hidden
from nlgnotes.validation import (
    check_count,
    check_floats,
    check_generator,
    check_ids,
    check_interval,
    check_kind,
    check_mask,
    describe,
)

__all__ = ["MoELayer", "Routing", "expert_networks", "expert_products"]

GATES = ("chosen", "all")
# What torch's grouped product takes: these types, and rows of a multiple of 16 bytes.
GROUPED, ALIGNED = (torch.float32, torch.bfloat16, torch.float16), 16


@dataclass(frozen=True, eq=False)
class Routing:
    """Where the tokens of a batch went, with the graph of what the balancing losses read.

    Args:
        clean: the scores without noise, :math:`x W_g`.
        noisy: :math:`H(x)`, the scores that the gate values come from; ``clean`` without noise.
        spread: the standard deviation of the noise; None without noise.
        chosen: the experts of each token, the highest score first.
        weights: what each answer is multiplied by.
        kept: False where an expert was full, and the token passed it by.
    """

    clean: Float[Tensor, "tokens experts"]
    noisy: Float[Tensor, "tokens experts"]
    spread: Float[Tensor, "tokens experts"] | None
    chosen: Int[Tensor, "tokens k"]
    weights: Float[Tensor, "tokens k"]
    kept: Bool[Tensor, "tokens k"]

    @property
    def probabilities(self) -> Float[Tensor, "tokens experts"]:
        """The router's distribution over all experts, without noise: Switch's p."""
        return self.clean.softmax(-1)

    @property
    def gates(self) -> Float[Tensor, "tokens experts"]:
        """The gate value of each token and expert, 0 for those not chosen: Shazeer's G."""
        return torch.zeros_like(self.noisy).scatter(-1, self.chosen, self.weights)

    @property
    def counts(self) -> Int[Tensor, " experts"]:
        """How many tokens chose each expert, whether or not it had room."""
        return expert_counts(self.chosen, self.clean.shape[1])

    def at(self, mask: Bool[Tensor, " tokens"]) -> "Routing":
        """The routing of some of the tokens: of those that are no padding.

        Raises:
            ValueError: no boolean mask of the tokens.
        """
        check_mask("mask", mask, self.chosen.shape[:1])
        spread = None if self.spread is None else self.spread[mask]
        parts = (self.chosen, self.weights, self.kept)
        return Routing(self.clean[mask], self.noisy[mask], spread, *(x[mask] for x in parts))


def expert_products(
    rows: Float[Tensor, "rows inner"],
    matrices: Float[Tensor, "experts inner outer"],
    counts: Int[Tensor, " experts"],
) -> Float[Tensor, "rows outer"]:
    """Each row times the matrix of its expert, where the rows stand sorted by expert.

    One grouped product where torch has one for the type and the sizes, else a product for each
    expert's slice. (Padding every expert to the largest load and one batched product was measured
    too: as fast where the load is even, 2 to 30 times slower where it is not.)

    Args:
        rows: those of expert 0 first.
        matrices: of each expert.
        counts: how many rows each expert has; together all of them.

    Raises:
        ValueError: types or sizes that do not fit, or counts that are not of all the rows.
    """
    check_floats("matrices", matrices)
    if matrices.dim() != 3 or not matrices.numel():
        raise ValueError(
            f"matrices must be [experts, inner, outer], not empty; got {describe(matrices)}"
        )
    check_hidden("rows", rows, matrices.shape[1], matrices, rank=2)
    check_ids("counts", counts, matrices.shape[:1], len(rows) + 1)
    if int(counts.sum()) != len(rows):
        raise ValueError(f"counts must add up to {len(rows)} rows; got {int(counts.sum())}")
    inner, outer = matrices.shape[1:]
    size = rows.element_size()
    if rows.dtype in GROUPED and not inner * size % ALIGNED and not outer * size % ALIGNED:
        return F.grouped_mm(rows.contiguous(), matrices, offs=counts.cumsum(0).int())
    parts = zip(rows.split(counts.tolist()), matrices.unbind(0), strict=True)
    return torch.cat([part @ matrix for part, matrix in parts])


def expert_networks(
    rows: Float[Tensor, "rows width"],
    up: Float[Tensor, "experts width hidden"],
    down: Float[Tensor, "experts hidden width"],
    counts: Int[Tensor, " experts"],
) -> Float[Tensor, "rows width"]:
    r"""The feed-forward network of each row's expert, :math:`\mathrm{GELU}(x U_i) D_i`.

    Args:
        rows: sorted by expert.
        up, down: the experts' matrices.
        counts: how many rows each expert has; together all of them.
    """
    hidden = expert_products(rows, up, counts)
    # Without a gradient nobody asks for what GELU was given: no second array of this size.
    hidden = F.gelu(hidden) if torch.is_grad_enabled() else torch.ops.aten.gelu_(hidden)
    return expert_products(hidden, down, counts)


class MoELayer(nn.Module):
    """Experts and the gate that chooses k of them for each token.

    Dispatch is by sorting: the choices of all tokens are sorted by expert, each expert reads one
    slice, and the answers are added up in the tokens' places. No loop runs over tokens.
    Taught in: book/mixture-of-experts.ipynb.

    Args:
        width: of a token's hidden state.
        hidden: width inside each expert.
        experts: how many there are.
        k: how many each token uses.
        generator: where the initial weights are drawn from.
        shared: how many more experts every token uses, outside the gate; their answers are added
            with weight 1.
        gates: ``"chosen"``, the softmax over the k chosen scores (Shazeer, Mixtral), or ``"all"``,
            the chosen entries of the softmax over all (Switch, DeepSeekMoE). With k = 1 and
            ``"chosen"`` the weight is always 1 and the gate learns nothing from the task.
        out_std: standard deviation of the initial matrices that write into the residual stream.

    Raises:
        ValueError: a count out of range, ``gates`` of another kind, or no generator.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        experts: int,
        k: int,
        generator: torch.Generator,
        *,
        shared: int = 0,
        gates: str = "chosen",
        out_std: float = 0.02,
    ) -> None:
        super().__init__()
        check_generator(generator)
        width, hidden = check_count("width", width), check_count("hidden", hidden)
        experts, shared = check_count("experts", experts), check_count("shared", shared, 0)
        self.experts, self.shared = experts, shared
        self.k, self.kind = check_count("k", k, 1, experts), gates
        if gates not in GATES:
            raise ValueError(f"gates must be one of {', '.join(GATES)}; got {gates!r}")
        self.gate = normal_matrix(width, experts, 0.02, generator)
        self.noise = nn.Parameter(torch.zeros(width, experts))
        self.register_buffer("bias", torch.zeros(experts))
        self.up = nn.Parameter(_normal(experts, width, hidden, 0.02, generator))
        self.down = nn.Parameter(_normal(experts, hidden, width, out_std, generator))
        self.shared_up = self.shared_down = None
        if shared:
            self.shared_up = normal_matrix(width, shared * hidden, 0.02, generator)
            self.shared_down = normal_matrix(shared * hidden, width, out_std, generator)

    def route(
        self,
        x: Float[Tensor, "tokens width"],
        generator: torch.Generator | None = None,
        capacity: SupportsIndex | None = None,
    ) -> Routing:
        """The gate's choice for each token.

        The buffer ``bias`` is added to the scores that the top k are taken of, and not to those
        that the weights come from.

        Args:
            x: hidden states.
            generator: where the noise comes from; None for none.
            capacity: how many tokens an expert takes, in the order in which they stand in ``x``; a
                token that comes later passes the expert by. None for no limit.

        Raises:
            ValueError: a ``capacity`` below 1, or scores that are no distribution.
        """
        check_hidden("x", x, len(self.gate), self.gate, rank=2)
        clean = noisy = x @ self.gate
        spread = None
        if generator is not None:
            raw = x @ self.noise
            noisy, spread = noisy_logits(clean, raw, generator), F.softplus(raw)
        chosen = top_k_experts(noisy + self.bias, self.k)
        if self.kind == "chosen":
            weights = noisy.gather(-1, chosen).softmax(-1)
        else:
            weights = noisy.softmax(-1).gather(-1, chosen)
        kept = torch.ones_like(chosen, dtype=torch.bool)
        if capacity is not None:
            kept = _places(chosen, self.experts) < min(
                check_count("capacity", capacity), chosen.numel()
            )
        return Routing(clean, noisy, spread, chosen, weights, kept)

    def answer(
        self, x: Float[Tensor, "tokens width"], routing: Routing
    ) -> Float[Tensor, "tokens width"]:
        """The weighted answers of the chosen experts, plus those of the shared ones.

        Raises:
            ValueError: hidden states of another width or type, or a routing of other tokens.
        """
        self._check(x, routing)
        chosen = routing.chosen.masked_fill(~routing.kept, self.experts).flatten()
        order = chosen.argsort(stable=True)[: int(routing.kept.sum())]
        counts = torch.bincount(chosen[order], minlength=self.experts)
        tokens = order // routing.chosen.shape[1]
        # As x[tokens] to the last bit, and several times as fast.
        answers = expert_networks(x.index_select(0, tokens), self.up, self.down, counts)
        weighted = answers * routing.weights.flatten()[order, None]
        return torch.zeros_like(x).index_add_(0, tokens, weighted) + self.shared_answer(x)

    def answer_densely(
        self, x: Float[Tensor, "tokens width"], routing: Routing
    ) -> Float[Tensor, "tokens width"]:
        """The same by the definition: every expert reads every token, most with weight 0.

        N / k times the work of :meth:`answer`, with which the tests compare it. Errors as there.
        """
        self._check(x, routing)
        weights = torch.zeros_like(routing.clean).scatter(
            -1, routing.chosen, routing.weights * routing.kept
        )
        hidden = F.gelu(torch.einsum("tw,ewh->teh", x, self.up))
        answers = torch.einsum("teh,ehw->tew", hidden, self.down)
        return (weights[..., None] * answers).sum(1) + self.shared_answer(x)

    def shared_answer(self, x: Float[Tensor, "tokens width"]) -> Float[Tensor, "tokens width"]:
        """What the shared experts say together; zeros without any."""
        check_hidden("x", x, len(self.gate), self.gate)
        if self.shared_up is None:
            return torch.zeros_like(x)
        return F.gelu(x @ self.shared_up) @ self.shared_down

    def _check(self, x: Tensor, routing: Routing) -> None:
        check_hidden("x", x, len(self.gate), self.gate, rank=2)
        check_kind("routing", routing, Routing)
        if routing.clean.shape != (len(x), self.experts):
            raise ValueError(
                f"routing must be of {len(x)} tokens and {self.experts} experts; "
                f"got scores of shape {tuple(routing.clean.shape)}"
            )

    def forward(
        self,
        x: Float[Tensor, "tokens width"],
        generator: torch.Generator | None = None,
        capacity: SupportsIndex | None = None,
    ) -> tuple[Float[Tensor, "tokens width"], Routing]:
        """The answers, and how they were routed; arguments as in :meth:`route`."""
        routing = self.route(x, generator, capacity)
        return self.answer(x, routing), routing


def _places(chosen: Tensor, experts: int) -> Int[Tensor, "tokens k"]:
    """How many choices of the same expert stand before each one, token by token."""
    flat = chosen.flatten()
    order = flat.argsort(stable=True)
    counts = torch.bincount(flat, minlength=experts)
    first = (counts.cumsum(0) - counts)[flat[order]]
    places = torch.empty_like(flat)
    places[order] = torch.arange(len(flat)) - first
    return places.view_as(chosen)


def _normal(
    experts: int, rows: int, columns: int, std: float, generator: torch.Generator
) -> Tensor:
    std = float(check_interval("std", std, 0, math.inf, closed="left"))
    return torch.empty(experts, rows, columns).normal_(0.0, std, generator=generator)
