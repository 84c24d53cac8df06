"""Brokers: what carries lease ids from the dispatchers to the workers, chosen by URL.

In: leases. Does: wake a worker, wake a dispatcher, say which leases nobody has fetched yet. Out: nothing that is needed:
losing all of it costs time, for jobs are rows in PostgreSQL. Redis by ``on_redis``, RabbitMQ by ``on_rabbitmq``.
"""
