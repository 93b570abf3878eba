"""Valid calls of the experiments' summaries; see ``coverage.FLOORS`` for which these are."""

import torch

from hostile.calls.values import Work, chance, shares

ANSWERS = shares(4, 2, 2)
ORDERS = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
RIGHT = [True, False, False]

CALLS = {
    "experiments.calibration.scores:accuracy": {
        "answers": ANSWERS,
        "weights": torch.full((4, 2), 0.125),
    },
    "experiments.calibration.scores:accuracy_by_order": {"answers": ANSWERS},
    "experiments.calibration.scores:label_bias": {"answers": ANSWERS},
    "experiments.calibration.scores:majority_bias": {"answers": ANSWERS, "orders": ORDERS},
    "experiments.calibration.scores:minority_recall": {"answers": ANSWERS, "orders": ORDERS},
    "experiments.calibration.scores:recency_bias": {"answers": ANSWERS, "orders": ORDERS},
    "experiments.calibration.scores:spread_over_orders": {"answers": ANSWERS},
    "experiments.mixture_of_experts.specialisation:explained_share": {
        "chosen": torch.tensor([0, 0, 1, 1]),
        "labels": torch.tensor([5, 5, 3, 5]),
    },
    "experiments.mixture_of_experts.specialisation:permuted_labels": {
        "labels": torch.tensor([0, 0, 1, 1]),
        "generator": chance(),
        "times": Work(2),
    },
    "experiments.reasoning.selection:any_of": {"right": RIGHT, "m": 2},
    "experiments.reasoning.selection:best_of": {"right": RIGHT, "values": [1.0, 0.5, 0.7], "m": 2},
    "experiments.reasoning.selection:vote_of": {
        "right": RIGHT,
        "answers": ["a", "b", "b"],
        "m": 2,
        "draws": Work(3),
        "generator": chance(),
    },
}
