"""The part of Cosmos DB's SQL that the stand-in knows: text → syntax tree → Python closures.

The rule: a query means here what it means there, or it is refused with the construct's own name; nothing is guessed.
"""
