"""The portal: pages for people, in the brand of the firm whose pages they are.

In: a request of a person with a session. Does: reads what the page shows in a few queries, offers what the person may
do, calls use cases. Out: HTML, whole or in parts (htmx), with nothing inline and nothing from another host.
"""
