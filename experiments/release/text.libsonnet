// The text that the released models are trained on: local files under the directory `corpus`, one .xz file a source.
// `exclude`: a file with the evaluation texts, one a line, whose passages are kept out.
//
// Reviews, conversation and news are what the models are for, and Wikipedia names the world. So statutes are a twentieth
// of what there is, software documentation and scripture a half or less, and reviews and everyday language are read twice.
// Left out: panl_bppt (BaPOS was made from it), tweets_hatespeech (CC BY-NC-SA, and toxic) and synthetic_stories_qa
// (written by models).
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
      // Reviews
      file('reviews_product_place', 'line', repeat=2),  // Tokopedia, Shopee, Google Maps; none stated
      file('reviews_hotel', 'line', repeat=2),  // Google Maps, Traveloka; none stated
      file('reviews_app', 'line', repeat=2),  // Google Play; none stated
      file('reviews_app2', 'line', repeat=2),  // Google Play, Tokopedia; none stated
      // Everyday language
      file('indolem_tweets', 'line', repeat=2),  // IndoLEM tweets; none stated
      file('social_media', 'line', repeat=2),  // tweets and comments; none stated (emotcmt: AGPL-3.0)
      file('social_media2', 'line', repeat=2),  // tweets; none stated
      file('tweets_stocks', 'line'),  // tweets on stocks and companies; none stated
      file('misc_small', repeat=2),  // STIF tweets, pantun, dialogue; MIT, others none stated
      file('common_voice_id', 'line', repeat=2),  // Common Voice prompts; CC0
      file('tatoeba_ind', 'line', repeat=2),  // Tatoeba sentences; CC BY 2.0 FR
      file('blog_oktrik', repeat=2),  // a blog on technology and everyday life; none stated
      file('blogs_misc', repeat=2),  // two personal blogs; none stated
      file('recipes_cookpad', share=0.5),  // users' recipes; none stated
      file('health_answers_alodokter'),  // doctors' answers; none stated, text (c) Alodokter
      // News
      file('clickid_news'),  // CLICK-ID, 2019; paper and data CC BY 4.0, texts the publishers'
      file('news_hoax_misc'),  // news and fact checks of public repositories; none stated, texts the publishers'
      file('news_misc2'),  // news of nine public repositories; none stated, texts the publishers'
      file('news_indosum'),  // IndoSum's development folds; CC BY-SA 4.0, texts the publishers'
      file('news_kompas1000'),  // Kompas 2012; none stated, texts the publisher's
      file('leipzig_news2008_sample', 'line'),  // Leipzig news 2008; MIT (package), Leipzig's terms
      file('indonesian_mt_data_devtest', 'line'),  // news sentences; none stated
      // Encyclopedic, questions, mixed
      file('idkmrc_tydi_passages', repeat=2),  // Wikipedia passages and questions; CC BY-SA (Wikipedia)
      file('questions_paraphrase_mt', 'line', repeat=2),  // Quora questions, PAWS, machine-translated; none stated
      file('indonli'),  // Wikipedia, news, web, with hypotheses; CC BY-SA (Wikipedia part)
      file('ud_treebanks', 'line'),  // UD Indonesian GSD, CSUI, PUD; CC BY-SA 4.0, 4.0, 3.0
      file('tico19_id', 'line'),  // COVID-19 texts; CC0
      file('desmond86_bilingual_id', 'line'),  // reports, devotionals, BBC; none stated
      file('speeches_presiden'),  // speeches of the president, 2017; none stated
      file('wikipedia_lead_id'),  // Wikipedia's lead sections; CC BY-SA 4.0
      // Plentiful, and far from what the models are for
      file('debian_package_docs', share=0.5),  // LibreOffice help, Debian handbook and others; MPL-2.0, GPL, CC BY-SA
      file('microsoft_docs_id', share=0.3),  // partly machine-translated; CC BY 4.0
      file('tech_docs_id', share=0.5),  // TensorFlow, React and others; CC BY 4.0, CC BY-SA, CC BY-NC-SA
      file('hadith_id', 'line', share=0.3),  // MIT (repository)
      file('quran_tafsir_jalalayn_pypi', share=0.3),  // MIT (package)
      file('quran_terjemah_tafsir_kemenag', share=0.25),  // MIT (repository), text (c) Kemenag
      file('peraturan_uu_pp', share=0.05),  // statutes, which carry no copyright (UU 19/2002, article 13)
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
