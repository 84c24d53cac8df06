"""Approvals: matrix, steps, segregation of duties.

In: drafts without a blocking finding. Does: derives the steps from the matrix; refuses anyone who made or changed the
content. Out: approved drafts go to issuing; a change of content drops exactly the approvals that saw it.
"""
