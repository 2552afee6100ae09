"""The part of Cosmos DB's SQL that the stand-in supports: text → syntax tree → Python closures.

The rule: a query has the same meaning as in the real service, or it is refused with the name of the unsupported
construct; nothing is guessed.
"""
