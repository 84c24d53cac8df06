"""The web: composition of the Litestar app, problems, authentication, security headers, API description, static files.

In: HTTP requests. Does: says who is calling and for which tenant, then hands over to the rooms' controllers. Out: answers,
or problem documents (RFC 9457) that say what to do next.
"""
