"""Metrics, result files and the leaderboard."""
