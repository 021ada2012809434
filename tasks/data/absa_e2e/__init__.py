"""End-to-end aspect-based sentiment: which words are an aspect, and what is thought of it."""

from elmo_xlstm.tasks.data.absa_e2e.load import AspectTripletReader, load_absa
from elmo_xlstm.tasks.data.absa_e2e.tags import LABELS, TagCounts, tag_aspects
from elmo_xlstm.tasks.data.absa_e2e.triplets import Triplet, parse_line

__all__ = ["LABELS", "AspectTripletReader", "TagCounts", "Triplet", "load_absa", "parse_line", "tag_aspects"]
