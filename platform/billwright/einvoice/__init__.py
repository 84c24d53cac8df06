"""E-invoices of others and our own: told apart, checked by the official rules, read and written.

In: the bytes of a UBL or CII document, or of a PDF that carries one. Does: syntax, schema, EN 16931's and profile's rules, in a
process of its own. Out: findings with the field in our words and the remedy; the content as one model; either syntax from it.
"""
