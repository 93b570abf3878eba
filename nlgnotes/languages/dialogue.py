"""A dialogue language: a query, then a reply specific to its topic, or the generic one.

Who replied, to what, and how likely that was is known exactly: P(T|S), P(T) and P(S|T) for any two
strings.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from torch.nn.functional import pad

from nlgnotes.documents import Documents, concatenate, replace_rows
from nlgnotes.languages.base import Language, check_sample, extended
from nlgnotes.languages.dialogue_tables import standard_tables
from nlgnotes.languages.listed import Listed
from nlgnotes.languages.tables import RowSampler, check_rows
from nlgnotes.validation import check_count, check_floats, check_id_lists, check_interval

__all__ = ["Dialogue"]

CHUNK = 256


class Dialogue(Language):
    r"""Documents "query ? reply <eos>", with query S and reply T about one hidden topic c.

    .. math:: P(S, T) = \sum_c P(c)\,P(S \mid c)\,P(T \mid c)

    Given the topic, query and reply are independent, and each is one of a list, or with probability
    ε a random string (see ``Listed``), so that every string is possible. A query is a string that
    ends at its first ``?`` (id 1); an ``<eos>`` before that, in a random string, ends the document
    without a reply. What is said here about S and T is given that there is a reply, all but
    ``1 - reply_share`` of the time. Taught in: book/generic-replies.ipynb.

    Args:
        words: the vocabulary: ``"<eos>"``, ``"?"``, then the others.
        prior: P(c), [topics].
        queries, replies: the lists, as ids: different strings that end in ``?`` and in ``<eos>``.
        query_table, reply_table: [topics, queries] and [topics, replies], rows that add up to 1.
        epsilon: ε, in (0, 1).
        end: in (0, 1).

    Raises:
        ValueError: a table that is no distribution, or a string that breaks a rule.
    """

    mark = 1

    def __init__(
        self,
        words: Sequence[str],
        prior: Tensor,
        queries: Sequence[Sequence[int]],
        query_table: Tensor,
        replies: Sequence[Sequence[int]],
        reply_table: Tensor,
        *,
        epsilon: float = 0.01,
        end: float = 0.2,
    ):
        super().__init__(words)
        if self.vocab_size < 3 or self.words[1] != "?":
            raise ValueError(
                f"words must be at least 3, the second of them '?'; got {list(self.words[:2])}"
            )
        queries, replies = check_id_lists("queries", queries), check_id_lists("replies", replies)
        check_floats("prior", prior)
        if prior.dim() != 1:
            raise ValueError(f"prior must have shape [topics]; got {list(prior.shape)}")
        self.prior = check_rows("prior", prior, (len(prior),))
        self.query_table = check_rows("query_table", query_table, (len(prior), len(queries)))
        self.reply_table = check_rows("reply_table", reply_table, (len(prior), len(replies)))
        self.queries, self.replies = Documents.from_lists(queries), Documents.from_lists(replies)
        self._asked = Listed(self.queries, self.mark, self.vocab_size, epsilon, end)
        self._said = Listed(self.replies, self.eos, self.vocab_size, epsilon, end)
        self._check(self.queries)
        other = float(self._asked.steps[self.eos])
        self.epsilon, self.end, self.reply_share = epsilon, end, 1 - epsilon * other / (other + end)
        self._topic_sampler, self._query_sampler, self._reply_sampler = map(
            RowSampler, (self.prior[None], self.query_table, self.reply_table)
        )

    @classmethod
    def standard(
        cls,
        topics: int = 20,
        *,
        generic: float = 0.5,
        named: float = 0.8,
        epsilon: float = 0.01,
        end: float = 0.2,
    ) -> "Dialogue":
        r"""The standard language: 20 specific replies a topic, and "i do not know ." for all.

        The specific replies are equally likely; the shared one has probability ``generic``. A query
        names its topic (``named``), or only the group of up to five that the topic is in, or
        nothing ("that"), the last two equally often. Where it leaves K topics open, a specific
        reply has P(T|S) = (1 - ``generic``) / 20 K, and the generic one keeps all of its share: the
        less is known, the further it is ahead. Both hold up to a factor 1 - ``epsilon``.

        Args:
            topics: the first so many of twenty, in four groups; all equally likely. The vocabulary
                is the same for any.
            generic: P(G|S), in (0, 1).
            named: share of the queries that name the topic, in (0, 1].
            epsilon, end: as above.
        """
        topics = check_count("topics", topics)
        generic = check_interval("generic", generic, 0.0, 1.0, closed="neither")
        named = check_interval("named", named, 0.0, 1.0, closed="right")
        return cls(**standard_tables(topics, generic, named), epsilon=epsilon, end=end)

    @property
    def generic(self) -> Int64[Tensor, " shared"]:
        """The places, in the list, of the replies that more than one topic has."""
        return ((self.reply_table > 0).sum(0) > 1).nonzero().flatten()

    # -- the language -------------------------------------------------------------------------

    def sample(
        self, n: int, generator: torch.Generator, max_length: int | None = None
    ) -> Documents:
        """Draw ``n`` documents; see :meth:`Language.sample`."""
        n, max_length = check_sample(n, generator, max_length)
        queries, topics = self._draw_queries(n, generator)
        replies = self._draw_replies(topics, generator)
        documents = concatenate(queries, replies, self._answered(queries))
        if max_length is not None:
            documents = Documents(
                documents.tokens[:, :max_length], documents.lengths.clamp(max=max_length)
            )
        return documents

    def all_next_log_probs(
        self, prefix: Int64[Tensor, "batch time"]
    ) -> Float64[Tensor, "batch time+1 vocab"]:
        """Each row by where it stands: in the query, in the reply, or behind both.

        See :meth:`Language.all_next_log_probs`.
        """
        extended(prefix, self.vocab_size)  # for its checks
        return torch.cat([self._all_next(rows) for rows in prefix.split(CHUNK)])

    def _all_next(self, tokens: Tensor) -> Tensor:
        out = self._asked.next_log_probs(tokens, self._query_weights())
        if not tokens.shape[1]:
            return out
        place = torch.arange(tokens.shape[1] + 1)
        query = ((tokens == self.mark) | (tokens == self.eos)).cumsum(-1) == 0
        long = (query.sum(-1) + 1).clamp(max=tokens.shape[1])  # of the query, with what ends it
        asked = Documents(tokens.masked_fill(place[:-1] >= long[:, None], 0), long)
        said = tokens.gather(1, (long[:, None] + place[:-1]).clamp(max=tokens.shape[1] - 1))
        reply = self._said.next_log_probs(said, self._reply_weights(self._posterior(asked)))
        at = (place - long[:, None]).clamp(min=0)[..., None].expand_as(reply)
        out = torch.where(pad(query, (1, 0), value=True)[..., None], out, reply.gather(1, at))
        over = pad((tokens == self.eos).cumsum(-1) > 0, (1, 0))
        out[over] = -torch.inf
        out[..., self.eos] = torch.where(over, 0.0, out[..., self.eos])
        return out

    # -- exact probabilities of queries and replies -------------------------------------------

    def log_query(self, queries: Documents) -> Float64[Tensor, " batch"]:
        """log P(S).

        Raises:
            ValueError: a query that does not end at its first ``?``.
        """
        self._check_queries(queries)
        return self._asked.log_prob(queries, self._query_weights()) - math.log(self.reply_share)

    def log_reply(self, replies: Documents) -> Float64[Tensor, " batch"]:
        """log P(T), whatever was asked.

        For a reply without ``<eos>`` it is that of all replies that start so.
        """
        self._check(replies)
        return self._said.log_prob(replies, self._reply_weights(self.prior.log()[None]))

    def log_reply_given_query(
        self, queries: Documents, replies: Documents
    ) -> Float64[Tensor, " batch"]:
        """log P(T|S), pair by pair.

        Raises:
            ValueError: different numbers of queries and replies, or strings that are none.
        """
        self._check_queries(queries)
        self._check(replies)
        if len(queries) != len(replies):
            raise ValueError(
                f"queries and replies must be pairs; got {len(queries)} and {len(replies)}"
            )
        return self._said.log_prob(replies, self._reply_weights(self.topic_posterior(queries)))

    def log_query_given_reply(
        self, queries: Documents, replies: Documents
    ) -> Float64[Tensor, " batch"]:
        """log P(S|T) = log P(T|S) + log P(S) - log P(T), pair by pair.

        Raises as :meth:`log_reply_given_query`.
        """
        return (
            self.log_reply_given_query(queries, replies)
            + self.log_query(queries)
            - self.log_reply(replies)
        )

    def topic_posterior(self, queries: Documents) -> Float64[Tensor, "batch topics"]:
        """log P(c|S): which topics a query leaves open; raises as :meth:`log_query`."""
        self._check_queries(queries)
        return self._posterior(queries)

    def reply_log_probs(self, queries: Documents) -> Float64[Tensor, "batch replies"]:
        """log P(T|S) of every reply of the list.

        (No random string is likelier than the empty one, ``epsilon * end``.)
        """
        listed = self._reply_weights(self.topic_posterior(queries)) + math.log1p(-self.epsilon)
        return torch.logaddexp(listed, self._said.log_noise(self.replies) + math.log(self.epsilon))

    def reply_entropy(self, queries: Documents) -> Float64[Tensor, " batch"]:
        r"""The entropy of P(T|S) over *all* strings, in nats, exactly.

        Off the list a string has ε u(T). So the sum over all strings is one over the list and what
        the entropy of ε u leaves when the list is taken out of it.
        """
        noise = (self._said.log_noise(self.replies) + math.log(self.epsilon)).exp()
        everywhere = self.epsilon * (self._said.noise_entropy() - math.log(self.epsilon))
        on_list = torch.special.entr(self.reply_log_probs(queries).exp()).sum(-1)
        return on_list + everywhere - torch.special.entr(noise).sum()

    def in_list(self, replies: Documents) -> Int64[Tensor, " batch"]:
        """The place of each reply in the list, -1 for what is not in it."""
        self._check(replies)
        ended = replies.tokens[torch.arange(len(replies)), replies.lengths - 1] == self.eos
        fits = self._said.fits(replies) & ended[:, None]
        return torch.where(fits.any(-1), fits.long().argmax(-1), -1)

    # -- pairs --------------------------------------------------------------------------------

    def sample_pairs(self, n: int, generator: torch.Generator) -> tuple[Documents, Documents]:
        """``n`` queries with their replies."""
        n, _ = check_sample(n, generator)
        queries, topics = self._draw_queries(n, generator)
        # A query without a reply is rare, and drawn again.
        while len(silent := (~self._answered(queries)).nonzero().flatten()):
            again, topics[silent] = self._draw_queries(len(silent), generator)
            queries = replace_rows(queries, silent, again)
        return queries, self._draw_replies(topics, generator)

    def joined(self, queries: Documents, replies: Documents) -> Documents:
        """Documents "query ? reply <eos>", for a model of P(T|S); raises as
        :meth:`log_reply_given_query`.
        """
        self._check_queries(queries)
        self._check(replies)
        return concatenate(queries, replies)

    def swapped(self, queries: Documents, replies: Documents) -> Documents:
        """Documents "reply ? query <eos>", for a model of P(S|T).

        Raises:
            ValueError: a reply that does not end in ``<eos>``, or as :meth:`log_reply_given_query`.
        """
        self._check_queries(queries)
        self._check(replies)
        every = torch.arange(len(replies))
        if not bool((replies.tokens[every, replies.lengths - 1] == self.eos).all()):
            raise ValueError("replies must end in <eos>; got one that was cut")
        asked, said = queries.tokens.clone(), replies.tokens.clone()
        asked[torch.arange(len(queries)), queries.lengths - 1] = self.eos
        said[every, replies.lengths - 1] = self.mark
        return concatenate(Documents(said, replies.lengths), Documents(asked, queries.lengths))

    # -- inside -------------------------------------------------------------------------------

    def _query_weights(self) -> Tensor:
        return (self.prior @ self.query_table).log()[None]

    def _reply_weights(self, log_topics: Tensor) -> Tensor:
        return (log_topics.exp() @ self.reply_table).log()

    def _posterior(self, queries: Documents) -> Tensor:
        listed = (self._asked.fits(queries).double() @ self.query_table.T).log() + math.log1p(
            -self.epsilon
        )
        noise = self._asked.log_noise(queries) + math.log(self.epsilon)
        return (torch.logaddexp(listed, noise[:, None]) + self.prior.log()).log_softmax(-1)

    def _draw_queries(self, n: int, generator: torch.Generator) -> tuple[Documents, Tensor]:
        topics = self._topic_sampler.draw(torch.zeros(n, dtype=torch.long), generator)
        return self._asked.draw(
            self._query_sampler, topics, generator, (self.mark, self.eos)
        ), topics

    def _draw_replies(self, topics: Tensor, generator: torch.Generator) -> Documents:
        return self._said.draw(self._reply_sampler, topics, generator, (self.eos,))

    def _answered(self, queries: Documents) -> Tensor:
        return queries.tokens[torch.arange(len(queries)), queries.lengths - 1] == self.mark

    def _check_queries(self, queries: Documents) -> None:
        self._check(queries)
        marks = (queries.tokens == self.mark).sum(-1)
        if not bool((self._answered(queries) & (marks == 1)).all()):
            raise ValueError("queries must end at their first '?'; got one that does not")
