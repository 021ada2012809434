"""From one's own data to a model one trusts: experiments made from files, mistakes, plots, settings, searches."""
