// Sources of Indonesian text as local files, one .xz file a source, under the directory `corpus`.
// Statutes and scripture are left out: they are half of the words and little like news, reviews and conversation.
function(corpus) {
  local file(name, documents) = {
    type: 'local',
    paths: ['%s/%s.txt.xz' % [corpus, name]],
    documents: documents,
  },
  sources: [file(name, 'blank_line') for name in [
    'clickid_news', 'news_hoax_misc', 'idkmrc_tydi_passages', 'indonli', 'blog_oktrik',
  ]] + [file(name, 'line') for name in [
    // Sentences or paragraphs that do not continue each other.
    'leipzig_news2008_sample', 'panl_bppt', 'desmond86_bilingual_id', 'indonesian_mt_data_devtest',
    'indolem_tweets', 'tweets_hatespeech', 'ud_treebanks', 'tico19_id', 'common_voice_id',
  ]],
  cleaning: { min_characters: 20, strip_markup: true },
}
