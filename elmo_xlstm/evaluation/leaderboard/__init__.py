"""The leaderboard: generated from result files and published scores, never typed."""

from elmo_xlstm.evaluation.leaderboard.board import Board, build_board
from elmo_xlstm.evaluation.leaderboard.files import check_leaderboard, write_leaderboard
from elmo_xlstm.evaluation.leaderboard.formats import leaderboard_tables

__all__ = ["Board", "build_board", "check_leaderboard", "leaderboard_tables", "write_leaderboard"]
