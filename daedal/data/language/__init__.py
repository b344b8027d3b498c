"""A toy bilingual corpus: two invented languages, of which grammar, lexicon and every translation are known exactly."""
