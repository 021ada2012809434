// The text that the recipes were compared on, smaller than the release's: local files under `corpus`, one .xz file a source.
// `exclude`: a file with the evaluation texts, one a line, whose passages are kept out.
//
// News, reviews and conversation are what the models are for. So statutes are a fourteenth of what there is, software
// documentation and scripture a half or less, and everyday language is read two or three times.
// Left out: panl_bppt (BaPOS was made from it) and tweets_hatespeech (CC BY-NC-SA, and toxic).
function(corpus, exclude)
  local file(name, documents='blank_line', share=1, repeat=1) = {
    type: 'local',
    label: name,
    paths: ['%s/%s.txt.xz' % [corpus, name]],
    documents: documents,
    share: share,
    repeat: repeat,
  };
  {
    sources: [
      // News
      file('clickid_news'),  // CLICK-ID, 2019; paper and data CC BY 4.0, texts the publishers'
      file('news_hoax_misc'),  // news and fact checks of public repositories; none stated, texts the publishers'
      file('leipzig_news2008_sample', 'line', repeat=2),  // Leipzig news 2008; MIT (package), Leipzig's terms
      file('indonesian_mt_data_devtest', 'line', repeat=2),  // news sentences; none stated
      // Everyday language
      file('indolem_tweets', 'line', repeat=3),  // IndoLEM tweets; none stated
      file('common_voice_id', 'line', repeat=3),  // Common Voice prompts; CC0
      file('blog_oktrik', repeat=2),  // a blog on technology and everyday life; none stated
      file('desmond86_bilingual_id', 'line'),  // reports, devotionals, BBC; none stated
      // Encyclopedic and mixed
      file('idkmrc_tydi_passages'),  // Wikipedia passages and questions; CC BY-SA (Wikipedia)
      file('indonli'),  // Wikipedia, news, web, with hypotheses; CC BY-SA (Wikipedia part)
      file('ud_treebanks', 'line', repeat=2),  // UD Indonesian GSD, CSUI, PUD; CC BY-SA 4.0, 4.0, 3.0
      file('tico19_id', 'line'),  // COVID-19 texts; CC0
      // Plentiful, and far from what the models are for
      file('debian_package_docs', share=0.5),  // LibreOffice help, Debian handbook and others; MPL-2.0, GPL, CC BY-SA
      file('microsoft_docs_id', share=0.3),  // partly machine-translated; CC BY 4.0
      file('tech_docs_id', share=0.5),  // TensorFlow, React and others; CC BY 4.0, CC BY-SA, CC BY-NC-SA
      file('quran_tafsir_jalalayn_pypi', share=0.3),  // MIT (package)
      file('quran_terjemah_tafsir_kemenag', share=0.25),  // MIT (repository), text (c) Kemenag
      file('peraturan_uu_pp', share=0.07),  // statutes, which carry no copyright (UU 19/2002, article 13)
    ],
    cleaning: {
      min_characters: 20,
      remove: [
        '(?s)Pewarta:.{0,200}?Copyright © ANTARA \\d{4}.*',  // the news agency's colophon, which ends an article
        '(?i)https?://\\S+|\\bwww\\.\\S+',
        // "Baca juga: another article's title": where it stands in a paragraph it ends with the next sentence's end.
        '(?i)\\(?\\b(?:baca|simak|lihat|tonton) juga(?: video)?\\s*:[^.!?()\\n]*[.!?)]?',
        '(?i)\\b(?:sumber|kategori|narasi|referensi|penjelasan)\\s*:',  // the labels of fact checks
        '[=_*#~-]{3,}',  // ruled lines
        '\\[(?:\\d{1,3}|butuh rujukan)\\]',  // Wikipedia's references
        '(?<=[.!?]) ?,+|(?<=["”]) ,+|,{2,}| ,+$',  // commas that CLICK-ID's scraper left where a paragraph or link was
      ],
      exclude: { paths: [exclude] },
    },
  }
