"""Runs on disk: their directories, checkpoints, checksums, and files that survive kills, full disks and strangers."""
