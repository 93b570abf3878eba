"""The ledger of claims: the paper's figure, ours, its margin and control, and the verdict."""

from nlgnotes.claims.ledger import Ledger
from nlgnotes.claims.margins import Margin, above, below, within
from nlgnotes.claims.row import Claim, Control
from nlgnotes.claims.table import ClaimTable, Table

__all__ = [
    "Claim",
    "ClaimTable",
    "Control",
    "Ledger",
    "Margin",
    "Table",
    "above",
    "below",
    "within",
]
