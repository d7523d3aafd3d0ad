"""Several runs side by side: what may be compared, and a leaderboard a task as text, page and JSON."""

from compcalc.report.comparison.board import make_board
from compcalc.report.comparison.measured import Measured, by_subject
from compcalc.report.comparison.records import Board

__all__ = ["Board", "Measured", "by_subject", "make_board"]
