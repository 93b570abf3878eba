"""Strings from a list, mixed with random strings: exact, and with full support."""

import math

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor
from torch.nn.functional import pad

from nlgnotes.documents import Documents, replace_rows
from nlgnotes.languages.tables import RowSampler
from nlgnotes.validation import check_interval

__all__ = ["Listed"]


class Listed:
    r"""With probability 1 - ε a string of a list, by given weights; with ε a random string.

    The random string has the law u. It ends at each step with probability ``end``; else any other
    word comes, all equally likely:
    :math:`u(x) = \text{end} \cdot \left(\frac{1 - \text{end}}{|V| - 1}\right)^{|x| - 1}`.

    Args:
        strings: the list: different strings, each of which holds ``last`` at its end only.
        last: the id that ends a string.
        vocab_size: how many words there are.
        epsilon: ε, in (0, 1).
        end: in (0, 1).

    Raises:
        ValueError: a string that breaks a rule, or a probability outside (0, 1).
    """

    def __init__(self, strings: Documents, last: int, vocab_size: int, epsilon: float, end: float):
        epsilon = check_interval("epsilon", epsilon, 0.0, 1.0, closed="neither")
        end = check_interval("end", end, 0.0, 1.0, closed="neither")
        ended = (strings.tokens == last) & strings.mask
        if not bool(
            (ended.sum(-1) == 1).all()
            and ended[torch.arange(len(strings)), strings.lengths - 1].all()
        ):
            raise ValueError(f"strings must hold id {last} at their end and nowhere else")
        if len(strings.tokens.unique(dim=0)) != len(strings):
            raise ValueError(f"strings must be different; got one of {len(strings)} twice")
        self.strings, self.epsilon, self.end = strings, epsilon, end
        self.steps = torch.full((vocab_size,), (1 - end) / (vocab_size - 1), dtype=torch.float64)
        self.steps[last] = end
        self.log_steps = self.steps.log()
        self._sampler = RowSampler(self.steps[None])
        self._table = strings.tokens.masked_fill(~strings.mask, -1)  # which no token equals

    def log_noise(self, texts: Documents) -> Float64[Tensor, " batch"]:
        """log u of each text; for one without the last id, of all that start so."""
        return torch.where(texts.mask, self.log_steps[texts.tokens], 0.0).sum(-1)

    def noise_entropy(self) -> float:
        """The entropy of u in nats: that of one step over the probability to end."""
        return float(torch.special.entr(self.steps).sum() / self.end)

    def fits(self, texts: Documents) -> Bool[Tensor, "batch strings"]:
        """Which strings of the list start with each text (a text that has ended: are it)."""
        reach = min(texts.tokens.shape[1], self._table.shape[1])
        fits = (texts.lengths <= reach)[:, None].repeat(1, len(self.strings))
        for t in range(reach):
            fits &= (texts.tokens[:, t, None] == self._table[:, t]) | (texts.lengths <= t)[:, None]
        return fits

    def log_prob(
        self, texts: Documents, log_weights: Float64[Tensor, "#batch strings"]
    ) -> Float64[Tensor, " batch"]:
        """log P of each text, given the logarithms of the list's weights.

        Of a text without end, it is that of all texts that start so.
        """
        listed = torch.where(self.fits(texts), log_weights, -torch.inf).logsumexp(-1)
        return torch.logaddexp(
            listed + math.log1p(-self.epsilon), self.log_noise(texts) + math.log(self.epsilon)
        )

    def next_log_probs(
        self, tokens: Int64[Tensor, "batch time"], log_weights: Float64[Tensor, "#batch strings"]
    ) -> Float64[Tensor, "batch time+1 vocab"]:
        """The next word after every part of the tokens.

        Where these already hold the last id, the answer means nothing.
        """
        noise = pad(self.log_steps[tokens].cumsum(-1), (1, 0)) + math.log(self.epsilon)
        out = torch.empty(*noise.shape, len(self.steps), dtype=torch.float64)
        log_weights = log_weights + math.log1p(-self.epsilon)
        table = pad(self._table, (0, max(0, noise.shape[1] - self._table.shape[1])), value=-1)
        fits = torch.ones(len(tokens), len(self.strings), dtype=torch.bool)
        for t in range(noise.shape[1]):  # the first t tokens are read
            if t:
                fits = fits & (tokens[:, t - 1, None] == table[:, t - 1])
            weights = torch.where(fits, log_weights, -torch.inf)
            total = torch.logaddexp(weights.logsumexp(-1), noise[:, t])
            out[:, t] = (noise[:, t] - total).exp()[:, None] * self.steps
            out[:, t].scatter_add_(
                -1, table[:, t].clamp(min=0).expand_as(weights), (weights - total[:, None]).exp()
            )
        return out.log()

    def draw(
        self,
        sampler: RowSampler,
        rows: Int64[Tensor, " batch"],
        generator: torch.Generator,
        stops: tuple[int, ...],
    ) -> Documents:
        """One string for each of the rows, by that row of the sampler's table of weights.

        Or it is a random string, up to one of ``stops``.
        """
        texts = self.strings.select(sampler.draw(rows, generator))
        noise = (
            (torch.rand(len(rows), generator=generator, dtype=torch.float64) < self.epsilon)
            .nonzero()
            .flatten()
        )
        if not len(noise):
            return texts
        steps, running = [], torch.arange(len(noise))
        lengths = torch.zeros_like(running)
        while len(running):
            word = self._sampler.draw(torch.zeros_like(running), generator)
            steps.append(torch.zeros_like(noise).scatter_(0, running, word))
            lengths[running] += 1
            running = running[~torch.isin(word, torch.tensor(stops))]
        return replace_rows(texts, noise, Documents(torch.stack(steps, 1), lengths))
