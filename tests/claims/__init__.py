"""What the published reports found, tried on data that is here: ``python -m tests.claims [WORD …]``.

With words, only the claims that hold one of them. Runs are trained in ``$GENTUI_HOME`` by ``gentui run``, each under a
name of its own; those that are there already, done, are not trained again, and interrupted ones go on. The table in
docs/results.md is made this way. ``--no-training`` judges what is trained, and says on stderr what is not.
"""
