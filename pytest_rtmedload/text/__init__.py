"""Words and numbers as people read them: formats, comparisons, spans and redaction."""
