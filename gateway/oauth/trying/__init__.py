"""Whether a connection works: by a request that changes nothing, and is answered well only where its credentials are
good.
"""
