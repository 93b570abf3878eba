"""What one chooses before a run of PPO, or of what stands beside it.

Taught in: book/ppo.ipynb.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from nlgnotes.validation import check_count, check_flag, check_interval, check_positive

__all__ = ["PPOSettings"]

OBJECTIVES = ("clip", "policy gradient", "trust region")


@dataclass(frozen=True)
class PPOSettings:
    r"""What one chooses before a run: the hyper-parameters that the notes find too many.

    Args:
        words: of an answer; all have as many.
        batch: answers written for one update, as many to each prompt.
        epochs: how often an update goes over them.
        minibatches: steps of one epoch.
        learning_rate, value_rate: of the policy and of the value head, with Adam.
        epsilon: of the clip; infinity clips nothing.
        beta: weight of the KL penalty.
        discount, decay: gamma and lambda of the advantages.
        critic: whether a value is subtracted; without it each word is paid the whole reward of its
            answer (REINFORCE).
        longest: gradients of the policy are cut to this length.
        objective: ``"clip"``; ``"policy gradient"``: :math:`A_t \log \pi_\theta(a_t|s_t)`, which
            knows no ratio; or ``"trust region"``: one step of TRPO on all answers (the value alone
            then takes the epochs and minibatches).
        radius: of the trust region: the most that the divergence of an answer may become, nats.

    Raises:
        ValueError: a setting out of range.
    """

    words: int = 5
    batch: int = 128
    epochs: int = 4
    minibatches: int = 4
    learning_rate: float = 1e-3
    value_rate: float = 1e-2
    epsilon: float = 0.2
    beta: float = 0.1
    discount: float = 1.0
    decay: float = 0.95
    critic: bool = True
    longest: float = 1.0
    objective: str = "clip"
    radius: float = 0.05

    def __post_init__(self) -> None:
        # As Python's own numbers, whatever was given: these settings are written to JSON.
        plain = {"epsilon": check_interval("epsilon", self.epsilon, 0, math.inf)}
        for name in ("words", "batch", "epochs", "minibatches"):
            plain[name] = check_count(name, getattr(self, name))
        for name in ("learning_rate", "value_rate", "longest", "radius"):
            plain[name] = check_positive(name, getattr(self, name))
        plain["beta"] = check_interval("beta", self.beta, 0, math.inf, closed="left")
        for name in ("discount", "decay"):
            plain[name] = check_interval(name, getattr(self, name), 0, 1)
        plain["critic"] = check_flag("critic", self.critic)
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        if self.minibatches > self.batch:
            raise ValueError(f"minibatches must be at most batch; got {self.minibatches}")
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"objective must be one of {', '.join(OBJECTIVES)}; got {self.objective!r}"
            )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
