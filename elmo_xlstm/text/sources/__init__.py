"""Text sources: local files, Hugging Face datasets, MediaWiki dumps."""

from elmo_xlstm.text.sources.base import SourceSettings, TextSource, sources
from elmo_xlstm.text.sources.huggingface import HuggingFaceSource
from elmo_xlstm.text.sources.local import LocalSource
from elmo_xlstm.text.sources.mediawiki import MediaWikiSource

__all__ = ["HuggingFaceSource", "LocalSource", "MediaWikiSource", "SourceSettings", "TextSource", "sources"]
