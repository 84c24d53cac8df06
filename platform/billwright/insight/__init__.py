"""Insight: health and metrics now; KPIs later.

In: what the other rooms wrote. Does: counts and checks it, for one tenant or for all. Out: figures for people, Prometheus
and load balancers.
"""
