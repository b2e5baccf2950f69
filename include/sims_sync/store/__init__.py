"""Where all files lie: a local folder or an object store, behind one type (``store.folder.Folder``).

:func:`sims_sync.store.opening.open_store` alone decides between the two.
"""
