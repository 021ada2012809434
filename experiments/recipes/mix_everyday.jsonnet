// Tweets, prompts and a blog twice as often as in the released mix.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
local everyday = ['indolem_tweets', 'common_voice_id', 'blog_oktrik'];
local times(source) = if std.member(everyday, source.label) then 2 else 1;
recipes.pretrain('mix_everyday') {
  corpus+: {
    sources: [source { share: 0.15 * super.share, repeat: times(source) * super.repeat } for source in recipes.sources],
  },
}
