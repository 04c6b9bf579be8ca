"""A release under attack: what each adversary is granted, what it makes of it, one verdict.

subject        the release's values, its originals, and what else somebody may hold
halves         by groups: one half is scored, the other plays the adversary's own set
holdings       the views of each rung of the ladder
suite          every attack on its views, within a budget
controls       the same attacks where the answer is known

Rooms import from these files: the suite loads every attack, and who runs none need not wait.
"""
