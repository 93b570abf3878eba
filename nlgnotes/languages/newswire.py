"""A synthetic newswire: documents with a hidden topic and entity, and their exact likelihood."""

from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from nlgnotes.documents import Documents
from nlgnotes.languages.base import Language, check_sample, extended, inside
from nlgnotes.languages.newswire_filter import ForwardFilter
from nlgnotes.languages.newswire_sampling import NewswireSample, draw_hidden
from nlgnotes.languages.newswire_tables import standard_tables, toy_tables
from nlgnotes.languages.tables import RowSampler, check_rows
from nlgnotes.validation import check_count, check_interval, check_kind

__all__ = ["Newswire", "NewswireSample"]


class Newswire(Language):
    r"""A stochastic grammar over slots, with a topic and an entity that a document keeps.

    A document draws a topic *z*, an entity *e* of that topic, and a first slot. At each step the
    slot *s* emits a word :math:`w \sim B_{c(s)}(\cdot \mid z, e)` of its class *c(s)*, and moves on
    by :math:`A(s' \mid s)`. With probability :math:`\epsilon` the word is replaced by one uniform
    over the whole vocabulary, ``<eos>`` included, while the slot moves on as if nothing had
    happened. The document ends when ``<eos>`` is emitted. So no text has probability zero, and

    .. math:: P(x_t \mid x_{<t}) = \sum_{z,e,s} P(z, e, s \mid x_{<t})
              \left[(1-\epsilon) B_{c(s)}(x_t \mid z, e) + \epsilon / |V|\right]

    is computed exactly by the forward algorithm (Rabiner 1989) over (slot x topic x entity), in
    float64.

    Args:
        words: the vocabulary, ``"<eos>"`` first.
        topic_prior: P(z), [topics].
        entity_prior: P(e | z), [topics, entities].
        start: P(first slot), [slots].
        transition: A, [slots, slots], rows add up to 1.
        slot_class: the class of each slot, [slots].
        emission: B, [classes, topics, entities, vocab], rows add up to 1.
        epsilon: the probability that a word is replaced, in (0, 1).
        topic_names: names of the topics, for people.

    Raises:
        ValueError: a table has the wrong shape, holds a negative number or a row that does not add
            up to 1.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        topic_prior: Tensor,
        entity_prior: Tensor,
        start: Tensor,
        transition: Tensor,
        slot_class: Tensor,
        emission: Tensor,
        epsilon: float,
        topic_names: Sequence[str] | None = None,
    ):
        super().__init__(words)
        epsilon = check_interval("epsilon", epsilon, 0.0, 1.0, closed="neither")
        if epsilon < 1e-300:
            raise ValueError(f"epsilon must leave each word a share above 0; got {epsilon:g}")
        self.epsilon = float(epsilon)
        if not isinstance(emission, Tensor) or emission.dim() != 4:
            given = getattr(emission, "shape", type(emission).__name__)
            raise ValueError(
                f"emission must have shape [classes, topics, entities, vocab]; got {given}"
            )
        classes, topics, self.entities = emission.shape[:3]
        if (
            not isinstance(slot_class, Tensor)
            or slot_class.dtype != torch.long
            or slot_class.dim() != 1
            or not len(slot_class)
        ):
            raise ValueError(
                f"slot_class must be an int64 tensor of shape [slots]; got {slot_class}"
            )
        if int(slot_class.min()) < 0 or int(slot_class.max()) >= classes:
            raise ValueError(
                f"slot_class must hold classes in [0, {classes}); got {slot_class.tolist()}"
            )
        self.slots = len(slot_class)
        self.topic_prior = check_rows("topic_prior", topic_prior, (topics,))
        self.entity_prior = check_rows("entity_prior", entity_prior, (topics, self.entities))
        self.start = check_rows("start", start, (self.slots,))
        self.transition = check_rows("transition", transition, (self.slots, self.slots))
        self.emission = check_rows(
            "emission", emission, (classes, topics, self.entities, self.vocab_size)
        )
        self.slot_class = slot_class
        if topic_names is None:
            topic_names = [f"topic {i}" for i in range(topics)]
        check_kind("topic_names", topic_names, Sequence)
        self.topics = tuple(topic_names)
        if len(self.topics) != topics:
            raise ValueError(f"topic_names must name {topics} topics; got {len(self.topics)}")
        self._prepare()

    def _prepare(self) -> None:
        """The tables that scoring and sampling read; "hidden" is the pair of topic and entity as
        one number.
        """
        self.hidden_prior = (self.topic_prior[:, None] * self.entity_prior).reshape(-1)
        self._forward = ForwardFilter(
            self.start,
            self.transition,
            self.emission.flatten(1, 2)[self.slot_class],
            self.hidden_prior,
            self.epsilon,
        )
        self.samplers = {
            "transition": RowSampler(self.transition),
            "emission": RowSampler(self.emission.reshape(-1, self.vocab_size)),
            "entity": RowSampler(self.entity_prior),
            "topic": RowSampler(self.topic_prior[None]),
            "start": RowSampler(self.start[None]),
        }
        # For whole distributions: classes that ignore the entity are summed over it first.
        plain = (self.emission == self.emission[:, :, :1]).flatten(1).all(-1)
        member = torch.nn.functional.one_hot(self.slot_class, len(self.emission)).T.double()
        self._plain_member, self._named_member = member[plain], member[~plain]
        self._plain_words = self.emission[plain][:, :, 0].reshape(-1, self.vocab_size)
        self._named_words = self.emission[~plain].reshape(-1, self.vocab_size)

    @cached_property
    def _visits(self) -> Float64[Tensor, "slots hidden"]:
        """Expected visits of a document to each (slot, hidden), by a linear system per hidden."""
        ends = (1 - self.epsilon) * self.emission[..., self.eos] + self.epsilon / self.vocab_size
        goes_on = 1 - ends.flatten(1)[self.slot_class]
        flow = torch.eye(self.slots, dtype=torch.float64) - self.transition.T * goes_on.T[:, None]
        return (
            torch.linalg.solve(flow, self.start.expand(goes_on.shape[1], -1)).T * self.hidden_prior
        )

    @property
    def mean_length(self) -> float:
        """The expected number of tokens of a document, exactly."""
        return float(self._visits.sum())

    @property
    def impossible_share(self) -> float:
        """The share of transitions from hidden state to word that only ``epsilon`` makes possible.

        States count as often as documents visit them, words equally. So
        ``epsilon * impossible_share`` is the share of the tokens of documents which the grammar
        could not have put where they stand.
        """
        never = (self.emission == 0).double().mean(-1).flatten(1)[self.slot_class]
        return float((self._visits * never).sum()) / self.mean_length

    @cached_property
    def names(self) -> Int64[Tensor, " names"]:
        """The words that name an entity, as ids in rising order.

        They are the words whose probability depends on the entity, in some class and topic.

        >>> toy = Newswire.toy()
        >>> [toy.words[i] for i in toy.names.tolist()]
        ['ada', 'bo']
        """
        differs = (self.emission != self.emission[:, :, :1]).flatten(0, 2).any(0)
        return differs.nonzero()[:, 0]

    # -- the two ready-made newswires ---------------------------------------------------------

    @classmethod
    def standard(cls, epsilon: float = 0.005) -> "Newswire":
        """The newswire of the book: eight topics of six names, 63 slots, 299 words."""
        return cls(epsilon=epsilon, **standard_tables())

    @classmethod
    def toy(cls, epsilon: float = 0.05) -> "Newswire":
        """Two topics of two names over six words: every hidden path can be listed by hand."""
        return cls(epsilon=epsilon, **toy_tables())

    # -- drawing ------------------------------------------------------------------------------

    def sample(
        self,
        n: int,
        generator: torch.Generator,
        max_length: int | None = None,
        *,
        topic: int | None = None,
    ) -> Documents:
        """Draw ``n`` documents, cut at ``max_length`` tokens, about one ``topic`` if given."""
        return self.sample_hidden(n, generator, max_length, topic=topic).documents

    def sample_hidden(
        self,
        n: int,
        generator: torch.Generator,
        max_length: int | None = None,
        *,
        topic: int | None = None,
    ) -> NewswireSample:
        """Draw documents with what is hidden behind them: topic, entity, slots, replacements.

        Raises:
            ValueError: ``n`` or ``max_length`` below 1, or a ``topic`` that does not exist.
        """
        n, max_length = check_sample(n, generator, max_length)
        if topic is not None:
            topic = check_count("topic", topic, 0)
            if topic >= len(self.topics):
                raise ValueError(f"topic must lie in [0, {len(self.topics)}); got {topic}")
        return draw_hidden(self, n, generator, max_length, topic)

    # -- scoring ------------------------------------------------------------------------------

    def token_log_probs(self, documents: Documents) -> Float64[Tensor, "batch time"]:
        """The exact log-probability of each token; see :meth:`Language.token_log_probs`."""
        self._check(documents)
        result = torch.ones(documents.tokens.T.shape, dtype=torch.float64)
        for step in self._forward.steps(documents.tokens, documents.lengths):
            result[step.t, step.rows] = step.total
        return result.log().T.contiguous()

    def all_next_log_probs(
        self, prefix: Int64[Tensor, "batch time"]
    ) -> Float64[Tensor, "batch time+1 vocab"]:
        """The exact distributions; see :meth:`Language.all_next_log_probs`."""
        tokens = extended(prefix, self.vocab_size)
        result = torch.full((*tokens.shape, self.vocab_size), -torch.inf, dtype=torch.float64)
        result[..., self.eos] = 0.0
        for rows, t, predicted, _ in self._forward.steps(tokens, inside(tokens).sum(-1)):
            result[rows, t] = self._words_of(predicted).log_()
        return result

    def next_log_probs(self, prefix: Int64[Tensor, "batch time"]) -> Float64[Tensor, "batch vocab"]:
        """The exact distribution of the next word only; see :meth:`Language.next_log_probs`."""
        tokens = extended(prefix, self.vocab_size)
        result = torch.full((len(tokens), self.vocab_size), -torch.inf, dtype=torch.float64)
        result[:, self.eos] = 0.0
        for rows, t, predicted, _ in self._forward.steps(tokens, inside(tokens).sum(-1)):
            if t == prefix.shape[1]:
                result[rows] = self._words_of(predicted).log_()
        return result

    def topic_posterior(
        self, prefix: Int64[Tensor, "batch time"]
    ) -> Float64[Tensor, "batch time+1 topics"]:
        """P(topic | the first t tokens) for t = 0 … time; an ``<eos>`` freezes it."""
        tokens = extended(prefix, self.vocab_size)
        result = torch.empty(*tokens.shape, len(self.topics), dtype=torch.float64)
        # One step behind an <eos> the slot has moved on, and the topic is what the <eos> left it.
        long = (inside(tokens).sum(-1) + 1).clamp(max=tokens.shape[1])
        for rows, t, predicted, _ in self._forward.steps(tokens, long):
            result[rows, t] = self._topics_of(predicted)
        place = torch.minimum(torch.arange(tokens.shape[1]), long[:, None] - 1)
        return result[torch.arange(len(tokens))[:, None], place]

    def _topics_of(self, joint: Tensor) -> Float64[Tensor, "batch topics"]:
        """The distribution of the topic from that of (slot, hidden), which need not add up to 1."""
        weight = joint.sum(0).unflatten(-1, (len(self.topics), self.entities)).sum(-1)
        return weight / weight.sum(-1, keepdim=True)

    def _words_of(self, predicted: Tensor) -> Float64[Tensor, "batch vocab"]:
        """The distribution of the next word from that of (slot, hidden)."""
        by_topic = predicted.unflatten(-1, (len(self.topics), self.entities)).sum(-1)
        clean = _by_class(self._plain_member, by_topic) @ self._plain_words
        if len(self._named_member):
            clean += _by_class(self._named_member, predicted) @ self._named_words
        return clean.mul_(1 - self.epsilon).add_(self.epsilon / self.vocab_size)


def _by_class(member: Tensor, table: Tensor) -> Tensor:
    """[slots, batch, hidden] summed over the slots of each class: [batch, classes * hidden]."""
    return (member @ table.flatten(1)).unflatten(-1, table.shape[1:]).transpose(0, 1).flatten(1)
