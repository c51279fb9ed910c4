"""Blocks: what may be found in some hundred events that follow each other in the journal.

The journal is walked by id. A filter that few events match would walk all of it, and an index for each filter would
cost every webhook. So a worker looks at finished stretches of the journal once, off everybody's path, and writes down
of each which sources and types of which tenant are in it (`terms`), and which words its bodies have (a filter of bits
that says "maybe" or "surely not"). A search reads that and looks into the blocks that are left. What is younger than
the last block is looked at directly; so a search is complete, whether or not somebody builds blocks.
"""
